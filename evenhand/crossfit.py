"""Which out-of-fold rows a decision rule or a calibrator is fitted on, so that the rows it is judged on are others."""

from __future__ import annotations

import numpy as np


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
