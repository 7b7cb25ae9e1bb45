"""Scores of forecast distributions of counts: CRPS, log score, PIT and coverage, all exact.

``below`` is always F(0), F(1), ... F(K), one row for each forecast, as in
:mod:`evenhand.spatial.forecasts.distributions`.
"""

from __future__ import annotations

import numpy as np

_LEAST = 1e-6  # probability: an empirical distribution gives 0 to what it has not seen


def crps(below: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Return the continuous ranked probability score, in events; lower is better.

    The integral of (F(x) - 1{x >= y})**2, which for counts is a sum (Gneiting & Raftery 2007; Wei & Held 2014).

    Parameters
    ----------
    below : ndarray of float, shape (n, largest + 1)
    observed : ndarray of int, shape (n,)
        At most ``largest``.

    Returns
    -------
    ndarray of float64, shape (n,)

    Examples
    --------
    >>> crps(np.array([[0.0, 0.0, 0.0, 1.0]]), np.array([1])).tolist()  # a point forecast: the absolute error
    [2.0]
    """
    step = np.arange(below.shape[1])[None, :] >= np.asarray(observed)[:, None]
    return np.asarray(np.square(below - step).sum(axis=1), dtype=float)


def pit_interval(below: np.ndarray, observed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return F(y - 1) and F(y): the randomised PIT is uniform between the two (Czado, Gneiting & Held 2009)."""
    y = np.asarray(observed)
    at = np.arange(len(y))
    upper = below[at, y].astype(float)
    lower = np.where(y > 0, below[at, np.maximum(y - 1, 0)], 0.0)
    return lower, upper


def log_score(below: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Return -log P(y), with P(y) at least 1e-6; lower is better."""
    lower, upper = pit_interval(below, observed)
    return np.asarray(-np.log(np.maximum(upper - lower, _LEAST)))


def coverage(lower: np.ndarray, upper: np.ndarray, miss: np.ndarray | float) -> np.ndarray:
    """Return the probability that the randomised central interval of level ``1 - miss`` holds the count.

    An interval of whole counts covers more than its level where counts are small: [0, 0] covers 86 % of a Poisson of
    mean 0.15. The randomised one has its level exactly if the distribution is right.

    Parameters
    ----------
    lower, upper : ndarray, shape (n,)
        From :func:`pit_interval`.
    miss : ndarray of float, shape (n,), or float

    Returns
    -------
    ndarray of float, shape (n,)

    Examples
    --------
    >>> coverage(np.array([0.0]), np.array([0.5]), 0.2).tolist()
    [0.8]
    """
    tail = np.asarray(miss, dtype=float) / 2
    inside = np.minimum(upper, 1 - tail) - np.maximum(lower, tail)
    return np.asarray(np.clip(inside, 0, None) / np.maximum(upper - lower, 1e-12)).clip(0, 1)


def pit_histogram(lower: np.ndarray, upper: np.ndarray, bins: int = 10) -> np.ndarray:
    """Return the expected share of randomised PIT values in each bin, shape (bins,); all equal if calibrated."""
    edges = np.linspace(0, 1, bins + 1)
    width = np.maximum(upper - lower, 1e-12)[:, None]
    reached = np.clip((edges[None, :] - lower[:, None]) / width, 0, 1)
    return np.asarray(np.diff(reached, axis=1).mean(axis=0))


def naive_error(history: np.ndarray, season: int) -> np.ndarray:
    """Return the mean absolute error of the seasonal naive inside the history, the unit of MASE (Hyndman 2006).

    Parameters
    ----------
    history : ndarray of int, shape (n_series, n_periods)
    season : int
        Periods of a year; a history that is shorter takes the period before.

    Returns
    -------
    ndarray of float, shape (n_series,)
    """
    lag = season if history.shape[1] > season else 1
    return np.asarray(np.abs(history[:, lag:].astype(float) - history[:, :-lag]).mean(axis=1))
