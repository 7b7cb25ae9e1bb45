"""Which out-of-fold rows a decision rule or a calibrator is fitted on, and on which others it is scored."""

from __future__ import annotations

import numpy as np

from evenhand.errors import LeakFound


def fitting_rows(fold_of_row: np.ndarray, y: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pair the rows of each fold with those of all other folds.

    One fold alone is divided into two halves at random (seed 0), each class evenly, and each half is scored by what is
    fitted on the other. Such a score is valid for the rule, but the same model predicted both halves.

    Parameters
    ----------
    fold_of_row : ndarray of int, shape (n,)
    y : ndarray of int, shape (n,)
        Class codes.

    Returns
    -------
    list of (ndarray, ndarray)
        Positions to fit on and positions to score; every row is scored once.

    Examples
    --------
    >>> for fitted, scored in fitting_rows(np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])):
    ...     print(fitted, scored)
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


LISTED_ROWS = 5


def check_disjoint(fitted: np.ndarray, scored: np.ndarray, what: str) -> None:
    """Check that something is fitted on other rows than it is scored on.

    Parameters
    ----------
    fitted, scored : ndarray of int
        Positions, none negative.
    what : str
        Names it in the message, such as ``decision rule multipliers``.

    Raises
    ------
    LeakFound

    Examples
    --------
    >>> check_disjoint(np.array([0, 1]), np.array([1, 2]), "decision rule")
    Traceback (most recent call last):
        ...
    evenhand.errors.LeakFound: decision rule: fitted and scored on 1 row (1)
    """
    shared = shared_rows(fitted, scored)
    if len(shared):
        raise LeakFound(f"{what}: fitted and scored on {counted(shared, 'row')}")


def shared_rows(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Positions in both, in the order of the second."""
    among = np.zeros(1 + max(some.max(initial=0), others.max(initial=0)), dtype=bool)
    among[some] = True
    return others[among[others]]


def counted(rows: np.ndarray, what: str) -> str:
    """Write the number of rows and the first of them: ``3 rows (4, 7, 9)``."""
    first = ", ".join(str(row) for row in rows[:LISTED_ROWS])
    more = ", ..." if len(rows) > LISTED_ROWS else ""
    return f"{len(rows):,} {what}{'' if len(rows) == 1 else 's'} ({first}{more})"
