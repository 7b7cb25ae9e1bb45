"""Where and when predictions are wrong: shares of wrong rows by cell of a map, and by hour and weekday."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evenhand.problem import Problem

CELLS = 24  # along the longer side of the map
FEWEST = 5  # rows of a cell that is shown: of fewer, a reader might know who they are


@dataclass(frozen=True, eq=False)
class ErrorGrid:
    """Shares of wrong rows in a grid; nan where it has fewer than ``FEWEST`` rows."""

    shares: np.ndarray
    """Shape (n_rows, n_columns): from south to north and west to east, or from Monday to Sunday and hour 0 to 23."""
    extent: tuple[float, float, float, float] | None = None
    """Of a map: west, east, south, north, in degrees."""


@dataclass(frozen=True)
class Errors:
    """Errors on held-out rows by place and by time; None where the problem names no coordinates, or no time."""

    places: ErrorGrid | None
    times: ErrorGrid | None


def find_errors(problem: Problem, frame: pd.DataFrame, wrong: np.ndarray) -> Errors:
    """Count wrong rows by place and time.

    Parameters
    ----------
    problem : Problem
        Its first pair of coordinates is the place; its hold-out column, if that is a time, gives the weekday and, where
        it has more than one hour and ``report.hour`` names no column, the hour.
    frame : DataFrame of shape (n_rows, n_columns)
        Held-out rows.
    wrong : ndarray of bool, shape (n_rows,)
    """
    pair = coordinate_columns(problem)
    places = None if pair is None else error_map(frame[pair[0]], frame[pair[1]], wrong)
    order = problem.split.holdout.order
    if order is None or not pd.api.types.is_datetime64_any_dtype(frame[order]):
        return Errors(places, None)
    when = frame[order]
    named = problem.report.hour
    hours = when.dt.hour if named is None else pd.to_numeric(frame[named], errors="coerce")
    return Errors(places, error_hours(when.dt.dayofweek, hours, wrong) if hours.nunique() > 1 else None)


def coordinate_columns(problem: Problem) -> tuple[str, str] | None:
    """Return the first pair of latitude and longitude that a feature set names."""
    for features in problem.features.values():
        pairs = [(pair.latitude, pair.longitude) for pair in features.coordinates]
        pairs += [(r.latitude, r.longitude) for r in features.rates if r.latitude and r.longitude]
        if pairs:
            return pairs[0]
    return None


def error_map(latitude: pd.Series, longitude: pd.Series, wrong: np.ndarray) -> ErrorGrid | None:
    """Return shares of wrong rows in cells over the middle 98 % of the rows; None where they are at one place.

    Examples
    --------
    >>> at = pd.Series([43.1] * 10 + [43.2] * 10)
    >>> grid = error_map(at, at, np.arange(20) < 5)
    >>> float(grid.shares[0, 0]), float(grid.shares[-1, -1])
    (0.5, 0.0)
    """
    known = (latitude.notna() & longitude.notna()).to_numpy()
    if not known.any():
        return None
    y, x = latitude.to_numpy(float)[known], longitude.to_numpy(float)[known]
    (south, north), (west, east) = (np.quantile(values, (0.01, 0.99)) for values in (y, x))
    if south == north or west == east:
        return None
    across = (east - west) * np.cos(np.radians((south + north) / 2))
    side = max(north - south, across) / CELLS
    shape = (max(1, round((north - south) / side)), max(1, round(across / side)))
    rows, columns = (
        np.minimum((n * (values - low) / (high - low)).astype(int), n - 1)
        for values, low, high, n in ((y, south, north, shape[0]), (x, west, east, shape[1]))
    )
    inside = (y >= south) & (y <= north) & (x >= west) & (x <= east)
    shares = _shares(rows[inside], columns[inside], wrong[known][inside], shape)
    return ErrorGrid(shares, (float(west), float(east), float(south), float(north)))


def error_hours(weekday: pd.Series, hour: pd.Series, wrong: np.ndarray) -> ErrorGrid:
    """Return shares of wrong rows by weekday, shape (7, 24); Monday first."""
    known = (weekday.notna() & hour.between(0, 23)).to_numpy()
    rows, columns = (part.to_numpy(float)[known].astype(int) for part in (weekday, hour))
    return ErrorGrid(_shares(rows, columns, wrong[known], (7, 24)))


def _shares(rows: np.ndarray, columns: np.ndarray, wrong: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    at, size = rows * shape[1] + columns, shape[0] * shape[1]
    all_rows = np.bincount(at, minlength=size)
    share = np.divide(
        np.bincount(at, wrong, minlength=size), all_rows, out=np.full(size, np.nan), where=all_rows >= FEWEST
    )
    return share.reshape(shape)
