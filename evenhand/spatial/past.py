"""What was recorded: counts by class, cell and year, by class and month, and by hour and weekday."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenhand.spatial.events import Events, Grid


@dataclass(frozen=True, eq=False)
class PastMap:
    """Counts by class, cell and year.

    Attributes
    ----------
    counts : ndarray of int32, shape (n_classes, n_cells, n_years)
    cells : ndarray of int, shape (n_cells,)
        Numbers in the grid.
    years : tuple of int
    area : ndarray of int, shape (n_cells,)
        The area that most of a cell's events name; -1 where none is named.
    grid : Grid
    """

    counts: np.ndarray
    cells: np.ndarray
    years: tuple[int, ...]
    area: np.ndarray
    grid: Grid


@dataclass(frozen=True, eq=False)
class PastTimes:
    """When events were recorded.

    Attributes
    ----------
    years : tuple of int
    by_year : ndarray of int, shape (n_classes, n_years)
    by_hour : ndarray of int, shape (n_classes, 7, n_hours)
        Monday first; one column where the data has no hours.
    """

    years: tuple[int, ...]
    by_year: np.ndarray
    by_hour: np.ndarray


def past_map(events: Events, grid: Grid) -> PastMap:
    """Count by class, cell and year; only years with at least a twentieth of the events of the fullest one."""
    if events.latitude is None or events.longitude is None:
        raise ValueError("the events have no coordinates")
    cell = grid.cells(events.latitude, events.longitude)
    years, position = _years(events)
    kept = (cell >= 0) & (position >= 0)
    cells, at = np.unique(cell[kept], return_inverse=True)
    shape = (len(events.classes), len(cells), len(years))
    flat = np.ravel_multi_index((events.klass[kept], at, position[kept]), shape)
    counts = np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape).astype(np.int32)
    named = events.area[kept] >= 0
    n_areas = max(1, len(events.areas))
    votes = np.zeros((len(cells), n_areas), np.int32)
    np.add.at(votes, (at[named], events.area[kept][named]), 1)
    area = np.where(votes.any(axis=1), votes.argmax(axis=1), -1)
    return PastMap(counts, cells, years, area, grid)


def past_times(events: Events) -> PastTimes:
    """Count by class and year, and by weekday and hour."""
    years, position = _years(events)
    n = len(events.classes)
    by_year = np.zeros((n, len(years)), int)
    kept = position >= 0
    np.add.at(by_year, (events.klass[kept], position[kept]), 1)
    weekday = events.day.dt.day_of_week.to_numpy()
    hours = np.zeros(len(events), int) if events.hour is None else events.hour.astype(int)
    by_hour = np.zeros((n, 7, 1 if events.hour is None else 24), int)
    known = hours >= 0
    np.add.at(by_hour, (events.klass[known], weekday[known], hours[known]), 1)
    return PastTimes(years, by_year, by_hour)


def _years(events: Events) -> tuple[tuple[int, ...], np.ndarray]:
    """Return the years that are recorded as usual, and the position of each event's year, -1 in another."""
    year = events.day.dt.year.to_numpy()
    found, counts = np.unique(year, return_counts=True)
    usual = found[counts >= counts.max() / 20]
    at = np.searchsorted(usual, year)
    inside = at < len(usual)
    inside[inside] = usual[at[inside]] == year[inside]
    return tuple(int(y) for y in usual), np.where(inside, at, -1)
