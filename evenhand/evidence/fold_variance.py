"""Uncertainty of a cross-validated metric: the variance over folds, corrected for the training rows that folds share.

Because folds share training rows, their metrics vary less than those of independent data. Nadeau & Bengio (2003)
increase the variance of their mean from ``s^2 / k`` to ``(1 / k + n_test / n_train) s^2`` and use
Student's t with k - 1 degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from evenhand.evidence.bootstrap import Interval

FEWEST_FOLDS = 3  # two folds leave one degree of freedom: a half-width of 12.7 standard errors


@dataclass(frozen=True)
class FoldSpread:
    """Mean over the folds with its interval, standard error, degrees of freedom and two-sided p value."""

    interval: Interval
    standard_error: float
    degrees: int
    p: float


def fold_spread(values: Sequence[float] | np.ndarray, ratios: Sequence[float], confidence: float) -> FoldSpread | None:
    """Make the corrected interval of a metric, or of a difference, from its values in the folds.

    Parameters
    ----------
    values : sequence of float
        Of each fold.
    ratios : sequence of float
        Evaluated rows divided by training rows, of each fold; their mean is used.
    confidence : float

    Returns
    -------
    FoldSpread or None
        None with fewer than three folds, with an undefined value, or when all folds have the same value other than 0.

    Examples
    --------
    >>> found = fold_spread([0.1, 0.2, 0.3], [0.5] * 3, 0.95)
    >>> round(found.standard_error, 4), found.degrees, round(found.p, 3)
    (0.0913, 2, 0.16)
    """
    k, found = len(values), np.asarray(values, dtype=float)
    if k < FEWEST_FOLDS or len(ratios) != k or not np.isfinite(found).all():
        return None
    mean = float(found.mean())
    se = float(np.sqrt((1 / k + np.mean(ratios)) * found.var(ddof=1)))
    if se <= 1e-12:
        return FoldSpread(Interval(mean, mean, mean), 0.0, k - 1, 1.0) if abs(mean) <= 1e-12 else None
    half = float(stdtrit(k - 1, (1 + confidence) / 2)) * se
    p = float(2 * stdtr(k - 1, -abs(mean) / se))
    return FoldSpread(Interval(mean, mean - half, mean + half), se, k - 1, p)


def spread_with_given_variance(
    values: Sequence[float] | np.ndarray,
    ratios: Sequence[float],
    variance: float,
    degrees: int,
    confidence: float,
) -> FoldSpread | None:
    """Make the interval of a difference on too few folds, by the variance over folds of another comparison.

    Parameters
    ----------
    values : sequence of float
        Of each fold.
    ratios : sequence of float
        Evaluated rows divided by training rows, of each fold.
    variance : float
        Variance of one fold's value; that of ``values`` is used if it is larger.
    degrees : int
        Degrees of freedom of the variance.
    confidence : float

    Returns
    -------
    FoldSpread or None
        None where a value is undefined or nothing varies.

    Examples
    --------
    >>> found = spread_with_given_variance([0.1, 0.1], [0.25, 0.25], 0.01, 4, 0.95)
    >>> round(found.standard_error, 4), found.degrees, round(found.p, 3)
    (0.0866, 4, 0.312)
    """
    k, found = len(values), np.asarray(values, dtype=float)
    own = float(found.var(ddof=1)) if k > 1 else 0.0
    se = float(np.sqrt((1 / max(k, 1) + np.mean(ratios)) * max(own, variance))) if k else 0.0
    if not np.isfinite(found).all() or not se > 1e-12:
        return None
    mean = float(found.mean())
    half = float(stdtrit(degrees, (1 + confidence) / 2)) * se
    return FoldSpread(Interval(mean, mean - half, mean + half), se, degrees, float(2 * stdtr(degrees, -abs(mean) / se)))


def fold_variance(spread: FoldSpread, ratios: Sequence[float]) -> float:
    """Return the variance of one fold that a corrected interval was made from."""
    return spread.standard_error**2 / (1 / len(ratios) + float(np.mean(ratios)))
