"""Weekly counts of each class in the cells of a grid, and what lies around a cell."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import convolve, gaussian_filter

from evenhand.spatial.events import Events, Grid
from evenhand.spatial.periods import Periods, period_numbers


@dataclass(frozen=True, eq=False)
class CellCounts:
    """Counts by class, cell and week, as sums from the first week on.

    Attributes
    ----------
    sums : ndarray of int32, shape (n_classes, n_cells, n_weeks + 1)
        Events before each week.
    cells : ndarray of int, shape (n_cells,)
        Their numbers in the grid.
    grid : Grid
    classes : tuple of str
    periods : Periods
        Weeks.
    unplaced : ndarray of int, shape (n_classes, n_weeks)
        Events outside the cells: no map can hit them, and they count.
    """

    sums: np.ndarray
    cells: np.ndarray
    grid: Grid
    classes: tuple[str, ...]
    periods: Periods
    unplaced: np.ndarray

    @property
    def n_weeks(self) -> int:
        """Count the weeks."""
        return self.sums.shape[2] - 1

    def between(self, start: int, stop: int) -> np.ndarray:
        """Return the counts of the weeks from ``start`` to before ``stop``, shape (n_classes, n_cells)."""
        return np.asarray(self.sums[:, :, max(stop, 0)] - self.sums[:, :, max(start, 0)])

    def missed(self, start: int, stop: int) -> np.ndarray:
        """Return the counts outside the cells in those weeks, shape (n_classes,)."""
        return np.asarray(self.unplaced[:, start:stop].sum(axis=1))

    def before(self, origin: int) -> CellCounts:
        """Return the weeks before an origin; the array ends there."""
        periods = replace(self.periods, n=origin)
        return replace(self, sums=self.sums[:, :, : origin + 1], periods=periods, unplaced=self.unplaced[:, :origin])

    def smoothed(self, values: np.ndarray, width: float) -> np.ndarray:
        """Smooth a value of each cell by a Gaussian of ``width`` cells; 0 leaves it as it is."""
        if width == 0:
            return np.asarray(values, dtype=float)
        laid = laid_out(self.grid, self.cells, values)
        return np.asarray(gaussian_filter(laid, width, mode="constant", truncate=3).reshape(-1)[self.cells])

    def convolved(self, values: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        """Sum the values around each cell with the weights of a kernel."""
        return summed_around(self.grid, self.cells, values, kernel)


def laid_out(grid: Grid, cells: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Lay a value for each cell on the grid, shape (rows, columns); 0 elsewhere."""
    laid = np.zeros(grid.rows * grid.columns)
    laid[cells] = values
    return laid.reshape(grid.rows, grid.columns)


def summed_around(grid: Grid, cells: np.ndarray, values: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Sum the values around each cell with the weights of a kernel, shape (n_cells,)."""
    return np.asarray(convolve(laid_out(grid, cells, values), kernel, mode="constant").reshape(-1)[cells])


def count_in_cells(events: Events, grid: Grid, weeks: Periods, known_before: int) -> CellCounts:
    """Count events by class, cell and week.

    Cells are those of the study area: where anything of any class was recorded in the first ``known_before`` weeks.
    They are fixed before the first origin, so that no forecast chooses its own area.

    Parameters
    ----------
    events : Events
        With coordinates.
    grid : Grid
    weeks : Periods
    known_before : int
    """
    if events.latitude is None or events.longitude is None:
        raise ValueError("the events have no coordinates")
    week = period_numbers(events.day, "week") - weeks.first
    span = (week >= 0) & (week < weeks.n)
    week, klass = week[span], events.klass[span]
    cell = grid.cells(events.latitude[span], events.longitude[span])
    cells = np.unique(cell[(cell >= 0) & (week < known_before)])
    at = np.searchsorted(cells, cell)
    inside = (cell >= 0) & (at < len(cells))
    inside[inside] = cells[at[inside]] == cell[inside]
    n_weeks, n_classes = weeks.n, len(events.classes)
    sums = np.zeros((n_classes, len(cells), n_weeks + 1), np.int32)
    np.add.at(sums, (klass[inside], at[inside], week[inside] + 1), 1)
    np.cumsum(sums, axis=2, out=sums)
    unplaced = np.zeros((n_classes, n_weeks), int)
    np.add.at(unplaced, (klass[~inside], week[~inside]), 1)
    return CellCounts(sums, cells, grid, events.classes, weeks, unplaced)
