"""Which out-of-fold rows a decision rule or a calibrator is fitted on, so that the rows it is judged on are others."""

from __future__ import annotations

import numpy as np

from evenhand.errors import LeakFound


def fitting_rows(fold_of_row: np.ndarray, y: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pair the rows of each fold with those of all other folds.

    With one fold only there are no others: its rows are cut in two at random, each class evenly (seed 0), and each half
    is judged by what the other one gave. Such a score is honest about the rule, but both halves were predicted by one
    and the same model.

    Parameters
    ----------
    fold_of_row : ndarray of int, shape (n,)
    y : ndarray of int, shape (n,)
        Class codes.

    Returns
    -------
    list of (ndarray, ndarray)
        Positions to fit on and positions to judge; every row is judged once.

    Examples
    --------
    >>> for fitted, judged in fitting_rows(np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])):
    ...     print(fitted, judged)
    [1 3] [0 2]
    [0 2] [1 3]
    """
    folds = np.asarray(fold_of_row)
    if len(np.unique(folds)) < 2:
        folds = _halves(np.asarray(y))
    return [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in np.unique(folds)]


def _halves(y: np.ndarray) -> np.ndarray:
    shuffled = np.random.default_rng(0).permutation(len(y))
    by_class = shuffled[np.argsort(y[shuffled], kind="stable")]
    half = np.empty(len(y), dtype=np.int64)
    half[by_class] = np.arange(len(y)) % 2
    return half


NAMED = 5  # rows that a finding names


def apart(fitted: np.ndarray, judged: np.ndarray, what: str) -> None:
    """Check that something is fitted on other rows than it is judged on.

    Parameters
    ----------
    fitted, judged : ndarray of int
        Positions, none negative.
    what : str
        For people, such as ``decision rule multipliers``.

    Raises
    ------
    LeakFound

    Examples
    --------
    >>> apart(np.array([0, 1]), np.array([1, 2]), "decision rule")
    Traceback (most recent call last):
        ...
    evenhand.errors.LeakFound: decision rule: fitted and judged on 1 row (1)
    """
    met = shared_rows(fitted, judged)
    if len(met):
        raise LeakFound(f"{what}: fitted and judged on {counted(met, 'row')}")


def shared_rows(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Positions in both, in the order of the second."""
    among = np.zeros(1 + max(some.max(initial=0), others.max(initial=0)), dtype=bool)
    among[some] = True
    return others[among[others]]


def counted(rows: np.ndarray, what: str) -> str:
    """Write how many rows, and the first of them: ``3 rows (4, 7, 9)``."""
    first = ", ".join(str(row) for row in rows[:NAMED])
    more = ", ..." if len(rows) > NAMED else ""
    return f"{len(rows):,} {what}{'' if len(rows) == 1 else 's'} ({first}{more})"
