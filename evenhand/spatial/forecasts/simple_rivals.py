"""The rivals that every other one must beat: last value, seasonal naive, mean of the last years."""

from __future__ import annotations

import numpy as np

from evenhand.spatial.counts import Counts
from evenhand.spatial.forecasts.distributions import dispersion
from evenhand.spatial.forecasts.forecast import Forecast

LAST_VALUE, SEASONAL_NAIVE, MEAN_OF_YEARS = "last value", "seasonal naive", "mean of the last years"


class LastValue:
    """The count of the last period, as a point: its CRPS is its absolute error."""

    name = LAST_VALUE

    def fit(self, history: Counts, horizons: int) -> None:
        """Learn nothing."""

    def predict(self, history: Counts, horizons: int) -> Forecast:
        """Repeat the last period."""
        last = np.repeat(history.values[:, :, -1:], horizons, axis=2)
        return Forecast(last.astype(float), samples=last[..., None])


class SeasonalNaive:
    """The empirical distribution of the same season in all past years: that period and those beside it."""

    name = SEASONAL_NAIVE

    def fit(self, history: Counts, horizons: int) -> None:
        """Learn nothing."""

    def predict(self, history: Counts, horizons: int) -> Forecast:
        """Collect each horizon's season.

        Every horizon has the same number of samples; without a whole past year the last periods are the samples.
        """
        year, beside, n = history.periods.year, history.periods.beside, history.values.shape[2]
        columns = []
        for ahead in range(horizons):
            target = n + ahead
            at = [target - years * year + b for years in range(1, n // year + 2) for b in beside]
            columns.append([i for i in at if 0 <= i < n])
        fewest = min(len(found) for found in columns)
        if fewest == 0:
            columns, fewest = [list(range(max(0, n - year), n))] * horizons, min(n, year)
        samples = np.stack([history.values[:, :, found[:fewest]] for found in columns], axis=2)
        return Forecast(samples.mean(axis=3), samples=samples)


class MeanOfYears:
    """The mean count of the last years, with the spread that such a mean had: counting, and nothing else."""

    name = MEAN_OF_YEARS

    def __init__(self, years: int) -> None:
        self.years = years

    def fit(self, history: Counts, horizons: int) -> None:
        """Learn how widely counts spread around the mean of each area, class by class."""
        window = self._window(history)
        mean = smoothed_mean(window)
        self.size_ = np.array(
            [dispersion(w.ravel(), np.repeat(m, w.shape[1])) for w, m in zip(window, mean, strict=True)]
        )

    def predict(self, history: Counts, horizons: int) -> Forecast:
        """Repeat the mean."""
        mean = smoothed_mean(self._window(history))
        return Forecast(np.repeat(mean[..., None], horizons, axis=2), np.repeat(self.size_[:, None], horizons, axis=1))

    def _window(self, history: Counts) -> np.ndarray:
        return history.values[:, :, -self.years * history.periods.year :]


def smoothed_mean(window: np.ndarray) -> np.ndarray:
    """Return the mean of each series, with half an event of its class's mean more: none is 0 for good.

    Parameters
    ----------
    window : ndarray of int, shape (n_classes, n_areas, n_periods)

    Returns
    -------
    ndarray of float, shape (n_classes, n_areas)
    """
    total = window.sum(axis=2)
    return np.asarray((total + 0.5) / window.shape[2])
