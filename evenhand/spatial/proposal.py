"""Which columns hold time, hour, area and coordinates: as the problem's `analysis` says, else from its own columns."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evenhand.data.schema import column_types
from evenhand.errors import ProblemError
from evenhand.problem import Problem
from evenhand.problem.common import TimeFormat

# Parts of names that areas have; in the order in which they are preferred, small areas before large ones.
_AREA = (
    *("neighbo", "beat", "precinct", "ward", "lsoa", "district", "division", "sector", "borough", "community"),
    *("area", "zone", "region", "city", "county", "state"),
)
_MOST_AREAS = 3_000
_HOUR = re.compile(r"hour|hh24", re.IGNORECASE)
_LATITUDE, _LONGITUDE = (
    re.compile(r"^lat(itude)?$", re.IGNORECASE),
    re.compile(r"^(lon|long|lng|longitude)$", re.IGNORECASE),
)


@dataclass(frozen=True)
class EventColumns:
    """Columns that an analysis reads; ``None`` where the data has none."""

    time: str
    format: TimeFormat
    hour: str | None
    area: str | None
    latitude: str | None
    longitude: str | None


def event_columns(problem: Problem, rows: pd.DataFrame) -> EventColumns:
    """Choose the columns.

    Parameters
    ----------
    problem : Problem
    rows : DataFrame
        Typed columns.

    Raises
    ------
    ProblemError
        When a named column is not there, or no column holds a time.
    """
    asked = problem.analysis
    for key in ("time", "hour", "area", "latitude", "longitude"):
        name = getattr(asked, key)
        if name is not None and name not in rows.columns:
            raise ProblemError(f"analysis.{key}: no column {name!r}; columns are {', '.join(rows.columns)}")
    if (asked.latitude is None) != (asked.longitude is None):
        raise ProblemError("analysis: give latitude and longitude, or neither")
    time, format_ = _time(problem, rows)
    hour = asked.hour or _hour(rows, time)
    area = asked.area or _area(problem, rows)
    pair = (asked.latitude, asked.longitude) if asked.latitude else _coordinates(problem, rows)
    return EventColumns(time, format_, hour, area, *pair)


def _time(problem: Problem, rows: pd.DataFrame) -> tuple[str, TimeFormat]:
    asked = problem.analysis
    if asked.time is not None:
        return asked.time, asked.format
    types = column_types(problem)
    known = [name for name, type_ in types.items() if type_.kind == "time" and name in rows.columns]
    if not known:
        raise ProblemError(
            "analysis: no column of the problem holds times, so there is no period to count in. Write "
            f"`analysis: {{time: <column>}}`; columns are {', '.join(rows.columns)}"
        )
    held = problem.split.holdout.column
    name = held if held in known else known[0]
    return name, asked.format or types[name].format


def _hour(rows: pd.DataFrame, time: str) -> str | None:
    """Return a column of hours 0 to 23 by its name and values; none where the time has hours of its own."""
    if pd.api.types.is_datetime64_any_dtype(rows[time]) and rows[time].dt.hour.nunique() > 3:
        return None
    for name in rows.columns:
        if _HOUR.search(name) and pd.api.types.is_numeric_dtype(rows[name]):
            values = rows[name].dropna()
            if len(values) and values.between(0, 23).all() and values.nunique() > 3:
                return str(name)
    return None


def _area(problem: Problem, rows: pd.DataFrame) -> str | None:
    """Return the first column of categories whose name is that of an area."""
    first = [part.column for features in problem.features.values() for part in features.categorical]
    hidden = {problem.target.column, *problem.leaks}
    candidates = [
        name for name in dict.fromkeys([*first, *rows.columns]) if name in rows.columns and name not in hidden
    ]
    for part in _AREA:
        for name in candidates:
            if part in name.casefold() and _few_texts(rows[name]):
                return str(name)
    return None


def _few_texts(column: pd.Series) -> bool:
    return bool(pd.api.types.is_string_dtype(column)) and 2 <= column.nunique() <= _MOST_AREAS


def _coordinates(problem: Problem, rows: pd.DataFrame) -> tuple[str | None, str | None]:
    for features in problem.features.values():
        pairs = [(pair.latitude, pair.longitude) for pair in features.coordinates]
        pairs += [(rate.latitude, rate.longitude) for rate in features.rates if rate.latitude and rate.longitude]
        for latitude, longitude in pairs:
            if latitude in rows.columns and longitude in rows.columns:
                return latitude, longitude
    found = [next((str(n) for n in rows.columns if form.search(n)), None) for form in (_LATITUDE, _LONGITUDE)]
    return (found[0], found[1]) if all(found) else (None, None)


def plausible(latitude: np.ndarray, longitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return coordinates with what can't be one, and the pair 0, 0 of many data sets, as nan."""
    lat, lon = np.asarray(latitude, dtype=float), np.asarray(longitude, dtype=float)
    with np.errstate(invalid="ignore"):
        wrong = ~((np.abs(lat) <= 89) & (np.abs(lon) <= 180)) | ((lat == 0) & (lon == 0))
    return np.where(wrong, np.nan, lat), np.where(wrong, np.nan, lon)
