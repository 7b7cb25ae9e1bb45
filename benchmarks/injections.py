"""Models made worse or better by a known amount, for the backtest of the gate.

A row is made wrong by swapping the probabilities of its two most probable classes, and right by swapping those of its
most probable and its true class. So probabilities and chosen classes always agree.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from evenhand.metrics.confusion_metrics import CONFUSION_METRICS


def macro_f1(y: np.ndarray, proba: np.ndarray) -> float:
    """Macro F1 of the most probable classes."""
    return _macro_f1(_confusion(y, proba.argmax(axis=1), proba.shape[1]))


def recall(y: np.ndarray, proba: np.ndarray, code: int) -> float:
    """Recall of one class."""
    return float((proba[y == code].argmax(axis=1) == code).mean())


def share_for(y: np.ndarray, proba: np.ndarray, change: float, among: np.ndarray) -> float:
    """Find the share of the correct rows to make wrong, or of the wrong rows to make correct.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
    proba : ndarray, shape (n, K)
    change : float
        Expected change of macro F1; a negative one makes the model worse.
    among : ndarray of bool, shape (n,)
        Rows that may be changed.

    Returns
    -------
    float
    """
    k, before = proba.shape[1], proba.argmax(axis=1)
    after = (made_wrong if change < 0 else made_right)(y, proba, among).argmax(axis=1)
    ends = _confusion(y, before, k), _confusion(y, after, k)
    start = _macro_f1(ends[0])

    def missing(share: float) -> float:
        return _macro_f1((1 - share) * ends[0] + share * ends[1]) - start - change

    return float(brentq(missing, 0, 1))


def made_wrong(y: np.ndarray, proba: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Make the correct ones among the chosen rows wrong."""
    best, second = np.argsort(proba, axis=1)[:, :-3:-1].T
    return _swapped(proba, best, second, chosen & (best == y))


def made_right(y: np.ndarray, proba: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Make the wrong ones among the chosen rows correct."""
    best = proba.argmax(axis=1)
    return _swapped(proba, best, y, chosen & (best != y))


def _swapped(proba: np.ndarray, one: np.ndarray, other: np.ndarray, where: np.ndarray) -> np.ndarray:
    rows, a, b = np.flatnonzero(where), one[where], other[where]
    changed = proba.copy()
    changed[rows, a], changed[rows, b] = proba[rows, b], proba[rows, a]
    return changed


def _confusion(y: np.ndarray, predicted: np.ndarray, k: int) -> np.ndarray:
    return np.bincount(y * k + predicted, minlength=k * k).reshape(k, k).astype(float)


def _macro_f1(confusion: np.ndarray) -> float:
    return float(CONFUSION_METRICS["macro_f1"](confusion)[0])
