"""What models of counts know of an origin: recent and longer means, the season, neighbours, the city, the calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evenhand.spatial.counts import Counts
from evenhand.spatial.periods import Periods

# Windows in periods: a few, a quarter and so on, up to years.
_WINDOWS = {"day": (7, 28, 91, 364, 1092), "week": (2, 4, 8, 13, 26, 52, 156), "month": (2, 3, 6, 12, 36)}
_LAGS = (1, 2, 3)


@dataclass(frozen=True, eq=False)
class FeatureRows:
    """One row for each class, area and pair of origin and horizon.

    Attributes
    ----------
    X : ndarray of float32, shape (n_pairs * n_classes * n_areas, n_features)
        The first column is the class, which is a category.
    base : ndarray of float, shape (n_rows,)
        Logarithm of the level from which models begin: the mean of the last year, smoothed by that of the last years.
    y : ndarray of int, shape (n_rows,), or None
        Counts, where they are known.
    """

    X: np.ndarray
    base: np.ndarray
    y: np.ndarray | None


class FeatureMaker:
    """Makes rows from counts. A row of origin ``t`` reads the periods before ``t`` alone."""

    def __init__(self, history: Counts) -> None:
        self.counts = history
        values = history.values.astype(np.float64)
        self.sums = np.concatenate([np.zeros((*values.shape[:2], 1)), np.cumsum(values, axis=2)], axis=2)

    def rows(self, pairs: Sequence[tuple[int, int]], known: bool) -> FeatureRows:
        """Make the rows of pairs of an origin (the number of periods before it) and a horizon (1 is the next period).

        Parameters
        ----------
        pairs : sequence of (int, int)
        known : bool
            Whether the counts of these targets are in the history: rows to learn from.
        """
        made = [self._pair(origin, ahead) for origin, ahead in pairs]
        X = np.concatenate([x.reshape(-1, x.shape[-1]) for x, _ in made]).astype(np.float32)
        base = np.concatenate([level.ravel() for _, level in made])
        y = None
        if known:
            y = np.concatenate([self.counts.values[:, :, t + ahead - 1].ravel() for t, ahead in pairs])
        return FeatureRows(X, base, y)

    def _mean(self, origin: int, width: int) -> np.ndarray:
        """Return the mean of the ``width`` periods before an origin, or of as many as there are."""
        start = max(0, origin - width)
        return np.asarray((self.sums[:, :, origin] - self.sums[:, :, start]) / max(1, origin - start))

    def _pair(self, origin: int, ahead: int) -> tuple[np.ndarray, np.ndarray]:
        values, periods, near = self.counts.values, self.counts.periods, self.counts.near
        windows = {width: self._mean(origin, width) for width in _WINDOWS[periods.kind]}
        year = self._mean(origin, periods.year)
        n_classes, n_areas = year.shape
        long = self._mean(origin, 3 * periods.year)
        level = (year * periods.year + 4 * long + 0.05) / (periods.year + 4)
        columns = [np.repeat(np.arange(n_classes)[:, None], n_areas, axis=1).astype(float)]
        columns += [values[:, :, origin - lag].astype(float) for lag in _LAGS]
        columns += [mean / level for mean in windows.values()]
        columns += [np.log(level), self._season(origin, ahead) / level]
        short = windows[_WINDOWS[periods.kind][2]]
        columns += [np.broadcast_to(part[:, None], year.shape) for part in self._city(origin, ahead, short)]
        columns += [
            np.repeat(year.sum(axis=0)[None], n_classes, axis=0),
            short.sum(axis=0) / (year.sum(axis=0) + 0.05) + 0 * year,
        ]
        if near.shape[1]:
            columns += [
                short[:, near].mean(axis=2) / (year[:, near].mean(axis=2) + 0.02),
                np.log(year[:, near].mean(axis=2) + 0.02),
            ]
        columns += [np.full_like(year, value) for value in calendar(periods, origin + ahead - 1)]
        columns.append(np.full_like(year, ahead))
        return np.stack(columns, axis=-1), np.log(level)

    def _season(self, origin: int, ahead: int) -> np.ndarray:
        """Return the mean count of the same season in past years; the last year's mean where there was none."""
        periods = self.counts.periods
        target = origin + ahead - 1
        at = [target - k * periods.year + b for k in range(1, origin // periods.year + 2) for b in periods.beside]
        at = [i for i in at if 0 <= i < origin]
        return self.counts.values[:, :, at].mean(axis=2) if at else self._mean(origin, periods.year)

    def _city(self, origin: int, ahead: int, short: np.ndarray) -> list[np.ndarray]:
        """Return, class by class, how the city has done lately, and how its season was, against its last year."""
        year = self._mean(origin, self.counts.periods.year).sum(axis=1) + 0.05
        last = self._mean(origin, 2).sum(axis=1)
        return [short.sum(axis=1) / year, last / year, self._season(origin, ahead).sum(axis=1) / year]


def calendar(periods: Periods, at: int) -> list[float]:
    """Return the position of a period in its year, as two harmonics, and for days the weekday."""
    start = periods.start(at)
    turn = 2 * np.pi * (start.day_of_year - 1) / 365.25
    parts = [float(f(k * turn)) for k in (1, 2) for f in (np.sin, np.cos)]
    return [*parts, float(start.day_of_week)] if periods.kind == "day" else parts
