"""Uncertainty of a cross-validated metric: the variance over folds, corrected for the training rows that folds share.

Because folds share training rows, their metrics vary less than those of independent data. Nadeau & Bengio (2003)
increase the variance of their mean from ``s^2 / k`` to ``(1 / k + n_test / n_train) s^2`` and use
Student's t with k - 1 degrees of freedom. A comparison on few folds knows little of its own variance; there it is
moderated by that of the comparisons on all folds (Smyth 2004, "Linear models and empirical Bayes methods for assessing
differential expression", as in limma).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import digamma, polygamma, stdtr, stdtrit

from evenhand.evidence.bootstrap import Interval

FEWEST_FOLDS = 3  # two folds leave one degree of freedom: a half-width of 12.7 standard errors


@dataclass(frozen=True)
class FoldSpread:
    """Mean over the folds with its interval, standard error, degrees of freedom and two-sided p value."""

    interval: Interval
    standard_error: float
    degrees: float
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


@dataclass(frozen=True)
class PooledVariance:
    """What the comparisons on all folds show about the variance over folds of the others."""

    ratio: float
    """Variance over folds, divided by the variance of drawing the rows of a fold; at least 1."""
    degrees: float
    """Degrees of freedom of ``ratio`` as the variance of another comparison."""


def pooled_variance(gains: Sequence[Sequence[float]], row_variances: Sequence[float]) -> PooledVariance | None:
    """Pool the variance over folds of comparisons on the same folds, as a prior for those on fewer folds.

    The moments of Smyth (2004, section 6.2) give the usual variance and how much comparisons differ in theirs.
    Comparisons share folds and baselines, so their variances vary together: together they count as many degrees of
    freedom as their covariance shows (Box 1954), at most the square of those of one.

    Parameters
    ----------
    gains : sequence of sequence of float, shape (comparisons, folds)
        The difference in each fold.
    row_variances : sequence of float, shape (comparisons,)
        Variance of one fold's difference from drawing its rows, which differs between comparisons: the more rows two
        models predict differently, the more their difference varies.

    Returns
    -------
    PooledVariance or None
        None where no comparison varies over three folds or more.

    Examples
    --------
    >>> found = pooled_variance([[0.1, 0.3, 0.2], [0.1, 0.2, 0.6]], [0.005, 0.02])
    >>> round(found.ratio, 2), round(found.degrees, 2)
    (4.71, 3.61)
    """
    found, rows = np.array(gains, dtype=float), np.array(row_variances, dtype=float)
    if found.ndim != 2 or found.shape[1] < FEWEST_FOLDS:
        return None
    usable = np.isfinite(found).all(axis=1) & (rows > 0) & (found.var(axis=1) > 0)
    if not usable.any():
        return None
    scaled = found[usable] / np.sqrt(rows[usable])[:, None]
    degrees = scaled.shape[1] - 1
    covariance = np.atleast_2d(np.cov(scaled))
    together = degrees * np.trace(covariance) ** 2 / (covariance**2).sum()
    usual, prior = _usual_variance(np.diag(covariance), degrees)
    return PooledVariance(max(1.0, usual), float(1 / (1 / together + 1 / prior)))


def _usual_variance(variances: np.ndarray, degrees: int) -> tuple[float, float]:
    """Return scale and degrees of freedom of the distribution that true variances come from (Smyth 2004).

    The degrees are infinite where the variances differ no more than chance would have it.
    """
    logs = np.log(variances) - digamma(degrees / 2) + np.log(degrees / 2)
    beyond_chance = logs.var(ddof=1) - polygamma(1, degrees / 2) if len(logs) > 1 else 0.0
    if beyond_chance <= 1e-6:
        return float(np.exp(logs.mean())), np.inf
    half = float(brentq(lambda x: polygamma(1, np.exp(x)) - beyond_chance, -20.0, 20.0))
    prior = 2 * float(np.exp(half))
    return float(np.exp(logs.mean() + digamma(prior / 2) - np.log(prior / 2))), prior


def moderated_spread(
    values: Sequence[float] | np.ndarray,
    ratios: Sequence[float],
    row_variance: float,
    pooled: PooledVariance,
    confidence: float,
) -> FoldSpread | None:
    """Make the interval of a difference on few folds: its own variance over folds is moderated by the pooled one.

    The moderated t of Smyth (2004), with the correction of Nadeau & Bengio (2003). One fold has no variance of its
    own; the more folds there are, the more their own variance counts.

    Parameters
    ----------
    values : sequence of float
        Of each fold.
    ratios : sequence of float
        Evaluated rows divided by training rows, of each fold.
    row_variance : float
        Variance of one fold's value from drawing its rows.
    pooled : PooledVariance
    confidence : float

    Returns
    -------
    FoldSpread or None
        None where a value is undefined or nothing varies.

    Examples
    --------
    >>> found = moderated_spread([0.1, 0.1], [0.25, 0.25], 0.005, PooledVariance(2.0, 3.0), 0.95)
    >>> round(found.standard_error, 4), found.degrees, round(found.p, 3)
    (0.075, 4.0, 0.253)
    """
    k, found = len(values), np.asarray(values, dtype=float)
    if not k or not np.isfinite(found).all():
        return None
    own = float(found.var(ddof=1)) if k > 1 else 0.0
    degrees = pooled.degrees + k - 1
    variance = (pooled.degrees * pooled.ratio * row_variance + (k - 1) * own) / degrees
    se = float(np.sqrt((1 / k + np.mean(ratios)) * variance))
    if not se > 1e-12:
        return None
    mean = float(found.mean())
    half = float(stdtrit(degrees, (1 + confidence) / 2)) * se
    return FoldSpread(Interval(mean, mean - half, mean + half), se, degrees, float(2 * stdtr(degrees, -abs(mean) / se)))
