"""Counts by class, area and period."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenhand.spatial.events import Events
from evenhand.spatial.periods import PeriodKind, Periods, complete_span, period_numbers

NEIGHBOURS = 5


@dataclass(frozen=True, eq=False)
class Counts:
    """How many events of each class each area had in each period.

    Attributes
    ----------
    values : ndarray of int32, shape (n_classes, n_areas, n_periods)
    classes, areas : tuple of str
    periods : Periods
    near : ndarray of int, shape (n_areas, n_near)
        The nearest areas of each; without columns where there are no coordinates.
    """

    values: np.ndarray
    classes: tuple[str, ...]
    areas: tuple[str, ...]
    periods: Periods
    near: np.ndarray

    @property
    def city(self) -> np.ndarray:
        """Counts of all areas together, shape (n_classes, n_periods)."""
        return np.asarray(self.values.sum(axis=1))


def count_by_area(events: Events, kind: PeriodKind) -> Counts:
    """Count events by class, area and period, over the periods that are recorded as usual.

    Events without an area are left out, so that the areas add up to the city.
    """
    numbers = period_numbers(events.day, kind)
    known = events.area >= 0
    first, last = complete_span(events.day, kind)
    kept = known & (numbers >= first) & (numbers <= last)
    shape = (len(events.classes), len(events.areas), last - first + 1)
    flat = np.ravel_multi_index((events.klass[kept], events.area[kept], numbers[kept] - first), shape)
    values = np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape).astype(np.int32)
    return Counts(values, events.classes, events.areas, Periods(kind, first, shape[2]), _nearest(events))


def _nearest(events: Events) -> np.ndarray:
    """Return the nearest areas of each by the middle of their events."""
    n = len(events.areas)
    if events.latitude is None or events.longitude is None:
        return np.zeros((n, 0), dtype=int)
    middle = np.full((n, 2), np.nan)
    known = (events.area >= 0) & np.isfinite(events.latitude) & np.isfinite(events.longitude)
    rows = np.bincount(events.area[known], minlength=n)
    for axis, degrees in enumerate((events.latitude, events.longitude)):
        with np.errstate(invalid="ignore"):
            middle[:, axis] = np.bincount(events.area[known], degrees[known], minlength=n) / rows
    middle[:, 1] *= np.cos(np.radians(np.nanmean(middle[:, 0])))
    apart = np.linalg.norm(middle[:, None] - middle[None], axis=2)
    apart[np.arange(n), np.arange(n)] = np.inf
    return np.argsort(np.where(np.isnan(apart), np.inf, apart), axis=1, kind="stable")[:, : min(NEIGHBOURS, n - 1)]
