"""Recorded events as arrays: class, area, place in metres, day and hour. Nothing about persons."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

METRES_PER_DEGREE = 111_320.0


@dataclass(frozen=True, eq=False)
class Events:
    """Events in the order of time.

    Attributes
    ----------
    classes, areas : tuple of str
        Names; ``areas`` is empty where there is no column of areas.
    klass, area : ndarray of int32, shape (n,)
        Codes of both; -1 where the area is unknown.
    day : Series of timestamps, shape (n,)
    hour : ndarray of int8 or None, shape (n,)
        Of the day, -1 where unknown; None where the data has no hour.
    latitude, longitude : ndarray of float64 or None, shape (n,)
        nan where unknown; None where the data has no coordinates.
    """

    classes: tuple[str, ...]
    areas: tuple[str, ...]
    klass: np.ndarray
    area: np.ndarray
    day: pd.Series
    hour: np.ndarray | None
    latitude: np.ndarray | None
    longitude: np.ndarray | None

    def __len__(self) -> int:
        """Count the events."""
        return len(self.klass)

    def only(self, rows: np.ndarray) -> Events:
        """Return the events of a mask."""

        def of(values: np.ndarray | None) -> np.ndarray | None:
            return None if values is None else values[rows]

        return replace(
            self,
            klass=self.klass[rows],
            area=self.area[rows],
            day=self.day[rows].reset_index(drop=True),
            hour=of(self.hour),
            latitude=of(self.latitude),
            longitude=of(self.longitude),
        )


@dataclass(frozen=True)
class Grid:
    """Square cells of ``side`` metres over a box of degrees; cells are numbered row by row from the south-west.

    Distances are those of a plane that touches the earth at the middle latitude: right to 0.1 % within 100 km.
    """

    south: float
    west: float
    side: float
    rows: int
    columns: int
    middle: float

    @property
    def steps(self) -> tuple[float, float]:
        """Degrees of latitude and of longitude that a cell has."""
        north = self.side / METRES_PER_DEGREE
        return north, north / float(np.cos(np.radians(self.middle)))

    def cells(self, latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
        """Return the cell of each point, shape (n,); -1 outside the grid or without coordinates."""
        north, east = self.steps
        with np.errstate(invalid="ignore"):
            row = np.floor((latitude - self.south) / north)
            column = np.floor((longitude - self.west) / east)
            inside = (row >= 0) & (row < self.rows) & (column >= 0) & (column < self.columns)
        return np.where(inside, np.where(inside, row, 0) * self.columns + np.where(inside, column, 0), -1).astype(int)

    def corners(self, cell: int) -> tuple[float, float, float, float]:
        """Return south, west, north and east of a cell in degrees."""
        north, east = self.steps
        row, column = divmod(cell, self.columns)
        south, west = self.south + row * north, self.west + column * east
        return south, west, south + north, west + east


def grid_over(latitude: np.ndarray, longitude: np.ndarray, side: float) -> Grid:
    """Lay a grid over all points but the outermost 1 in 10,000, which a wrong coordinate can put anywhere.

    Parameters
    ----------
    latitude, longitude : ndarray of float, shape (n,)
        nan where unknown.
    side : float
        Of a cell, in metres.
    """
    known = np.isfinite(latitude) & np.isfinite(longitude)
    south, north = np.quantile(latitude[known], [0.0001, 0.9999], method="inverted_cdf")
    west, east = np.quantile(longitude[known], [0.0001, 0.9999], method="inverted_cdf")
    middle = float((south + north) / 2)
    first = Grid(float(south), float(west), side, 1, 1, middle)
    step_north, step_east = first.steps
    rows, columns = int((north - south) / step_north) + 1, int((east - west) / step_east) + 1
    return Grid(float(south), float(west), side, rows, columns, middle)
