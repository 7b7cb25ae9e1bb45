"""Intervals of a recall and of a paired difference of recalls that keep their error with few rows of a class.

A bootstrap of 50 to 90 rows of a class errs two to three times as often as it should, and no better with blocks
(``python -m benchmarks.recall_error``). So the difference has the score interval of Tango (1998), and a single recall
the exact one of Clopper & Pearson (1934). Rows in blocks count as fewer rows, by their design effect (Korn & Graubard
1998).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import betaincinv, ndtri

from evenhand.evidence.bootstrap import Interval
from evenhand.evidence.class_recall import design_effect
from evenhand.evidence.evaluation_rows import EvaluationRows

HALVINGS = 60  # of an interval of width 2: far below the spacing of floats near a recall


def recall_differences(rows: EvaluationRows, a: np.ndarray, b: np.ndarray, confidence: float) -> tuple[Interval, ...]:
    """Estimate class by class how much higher the recall of ``b`` is than that of ``a`` on the same rows.

    Parameters
    ----------
    rows : EvaluationRows
    a, b : ndarray of int, shape (n,)
        Class codes that each model chose.
    confidence : float

    Returns
    -------
    tuple of Interval
        Of each class; nan where it has no rows.
    """
    z, found = float(ndtri((1 + confidence) / 2)), []
    for code, of_class, positives in _classes(rows):
        gain = (b == code).astype(float) - (a == code)
        n = positives / design_effect(rows, gain, of_class)
        found.append(tango((gain[of_class] > 0).mean(), (gain[of_class] < 0).mean(), n, z) if positives else NOTHING)
    return tuple(found)


def recalls(rows: EvaluationRows, predicted: np.ndarray, confidence: float) -> tuple[Interval, ...]:
    """Return one model's recall of each class; see :func:`recall_differences`."""
    found = []
    for code, of_class, positives in _classes(rows):
        hit = (predicted == code).astype(float)
        n = positives / design_effect(rows, hit, of_class)
        found.append(clopper_pearson(hit[of_class].mean(), n, confidence) if positives else NOTHING)
    return tuple(found)


NOTHING = Interval(np.nan, np.nan, np.nan)


def _classes(rows: EvaluationRows) -> Iterator[tuple[int, np.ndarray, int]]:
    for code in range(len(rows.classes)):
        yield code, rows.y == code, int(rows.support[code])


def tango(won: float, lost: float, n: float, z: float) -> Interval:
    """Return the score interval of a difference of paired proportions (Tango 1998).

    Parameters
    ----------
    won, lost : float
        Shares of the rows that the second, or the first, alone has right.
    n : float
        Rows; with blocks their effective number, which need not be whole.
    z : float

    Examples
    --------
    >>> found = tango(0.10, 0.02, 50, 1.96)
    >>> round(found.estimate, 3), round(found.low, 3), round(found.high, 3)
    (0.08, -0.021, 0.198)
    """
    return Interval(float(won - lost), _lowest(won * n, lost * n, n, z), -_lowest(lost * n, won * n, n, z)).held


def _lowest(won: float, lost: float, n: float, z: float) -> float:
    """Return the smallest difference that a score test at ``z`` does not reject, by halving."""
    low, high = -1.0, (won - lost) / n
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        # The most likely share of losses where the difference is `middle`: the larger root of a quadratic.
        b = -won - lost + (2 * n - won + lost) * middle
        root = np.sqrt(max(0.0, b * b + 8 * n * lost * middle * (1 - middle)))
        variance = n * (2 * (root - b) / (4 * n) + middle * (1 - middle))
        rejected = (won - lost - n * middle) > z * np.sqrt(max(0.0, variance))
        low, high = (middle, high) if rejected else (low, middle)
    return float(high)


def clopper_pearson(share: float, n: float, confidence: float) -> Interval:
    """Return the exact interval of a proportion (Clopper & Pearson 1934); ``n`` need not be whole.

    Examples
    --------
    >>> found = clopper_pearson(0.1, 50, 0.95)
    >>> round(found.low, 3), round(found.high, 3)
    (0.033, 0.218)
    """
    hits, tail = share * n, (1 - confidence) / 2
    low = betaincinv(hits, n - hits + 1, tail) if hits > 0 else 0.0
    high = betaincinv(hits + 1, n - hits, 1 - tail) if hits < n else 1.0
    return Interval(float(share), float(low), float(high)).held
