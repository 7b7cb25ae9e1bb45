"""The city as the sum of its areas: areas and city agree because one is made of the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenhand.spatial.forecasts.adaptive import adapted_misses
from evenhand.spatial.forecasts.distributions import dispersion, negative_binomial, quantiles
from evenhand.spatial.forecasts.rolling import ScoredForecasts
from evenhand.spatial.forecasts.scores import coverage, crps, pit_interval

MISSES = (0.2, 0.05)
_FEWEST = 5  # origins from which the spread of the city is learned


@dataclass(frozen=True, eq=False)
class CityBacktest:
    """The sum over areas, class by class.

    Attributes
    ----------
    crps, naive_crps : ndarray of float, shape (n_classes,)
        Over the reported origins; the seasonal naive is that of the city's own counts.
    held : ndarray of float, shape (n_classes, 2)
        Coverage of randomised intervals of 80 and 95 %.
    size : ndarray of float, shape (n_classes, n_horizons)
        Of the negative binomial of the city, from all origins that are over.
    misses : ndarray of float, shape (n_classes, 2)
        The rates to ask of it from the end of the data, so that 20 and 5 % are missed.
    """

    crps: np.ndarray
    naive_crps: np.ndarray
    held: np.ndarray
    size: np.ndarray
    misses: np.ndarray


def city_backtest(scored: ScoredForecasts, choices: np.ndarray, naive: ScoredForecasts) -> CityBacktest:
    """Score the sums over areas of the chosen rivals; their spread is learned from the origins that are over.

    Parameters
    ----------
    scored : ScoredForecasts
        Of the areas.
    choices : ndarray of int, shape (n_origins + 1, n_classes)
    naive : ScoredForecasts
        Of the whole city as one area, at the same origins; its first rival is compared with.
    """
    n_origins, n_classes, _, n_horizons = scored.observed.shape
    observed = scored.observed.sum(axis=2)
    mean = scored.mean.sum(axis=3)[choices[:-1], np.arange(n_origins)[:, None], np.arange(n_classes)[None, :]]
    origins = np.asarray(scored.plan.origins)
    reported = np.flatnonzero(scored.plan.is_reported)
    loss, lower, upper = np.zeros((3, n_origins, n_classes, n_horizons))
    size = np.ones((n_classes, n_horizons))
    for c in range(n_classes):
        largest = int(1.5 * max(observed[:, c].max(), mean[:, c].max())) + 15
        for at in range(n_origins):
            over = origins + n_horizons <= origins[at]
            below = negative_binomial(mean[at, c], _sizes(observed[over, c], mean[over, c]), largest)
            lower[at, c], upper[at, c] = pit_interval(below, observed[at, c])
            loss[at, c] = crps(below, observed[at, c])
        size[c] = _sizes(observed[:, c], mean[:, c])
    # One rate for a class: there is one city, so horizons take the place of areas.
    ends = [adapted_misses(lower[..., None], upper[..., None], scored.plan, m, (n_horizons,)) for m in MISSES]
    held = [coverage(lower, upper, rates[:-1])[reported].mean(axis=(0, 2)) for rates in ends]
    misses = np.stack([rates[-1, :, 0] for rates in ends], axis=1)
    naive_crps = naive.crps[0][reported].mean(axis=(0, 2, 3))
    return CityBacktest(loss[reported].mean(axis=(0, 2)), naive_crps, np.stack(held, axis=1), size, misses)


def city_quantiles(mean: np.ndarray, size: np.ndarray, levels: tuple[float, ...]) -> np.ndarray:
    """Return quantiles of the coming city counts, shape (len(levels), n_horizons).

    Parameters
    ----------
    mean, size : ndarray, shape (n_horizons,)
    """
    largest = int(3 * mean.max()) + 30
    below = negative_binomial(mean, size, largest)
    return np.stack([quantiles(below, level) for level in levels])


def _sizes(observed: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return one size for each horizon: those of a class share it, since origins are few."""
    horizons = observed.shape[1]
    if len(observed) < _FEWEST:
        return np.full(horizons, 50.0)
    return np.full(horizons, dispersion(observed.ravel(), mean.ravel()))
