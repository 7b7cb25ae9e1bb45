"""Roles of columns, from names and cells; a recipe's word goes before both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from evenhand.proposal.cells import ColumnCells
from evenhand.proposal.header_words import (
    CODE,
    LATITUDE,
    LONGITUDE,
    PROJECTED_X,
    PROJECTED_Y,
    has_word,
    is_afterwards,
    is_identifier,
    is_sensitive,
    words_of,
)

Role = Literal["categorical", "numeric", "time", "latitude", "longitude", "out", "leak", "sensitive", "text"]
NEAR_UNIQUE = 0.95
FEW_CODES = 12
MANY = 50
LONG_NUMBER = 100_000
WORDS_OF_TEXT = 6
_GEOMETRY = (
    r"\s*(?:POINT|MULTIPOINT)\s*\(.*|\s*\(\s*-?\d+\.\d+\s*,\s*-?\d+\.\d+\s*\)\s*|0101[0-9A-F]{20,}|\{.*coordinates.*"
)


@dataclass(frozen=True)
class Assigned:
    """What a column is used for, and why."""

    role: Role
    why: str
    question: str = ""


@dataclass(frozen=True)
class Places:
    """Pairs of coordinates: degrees, and projected ones, which are plain numbers."""

    degrees: tuple[str, str] | None = None
    projected: tuple[str, ...] = ()
    box: tuple[float, float, float, float] | None = None
    outside: int = 0
    questions: tuple[str, ...] = field(default=())


def find_places(columns: Sequence[ColumnCells]) -> Places:
    """Find the columns of latitude and longitude, or of a projection.

    The name chooses; the values must be degrees. Where they are swapped, the values decide.
    """
    numbers = [c for c in columns if c.kind == "number" and c.known]
    lat = next((c for c in numbers if has_word(c.name, LATITUDE) and _within(c, 180)), None)
    lon = next((c for c in numbers if has_word(c.name, LONGITUDE) and _within(c, 180)), None)
    x = [c for c in numbers if has_word(c.name, PROJECTED_X) and c.distinct > FEW_CODES]
    y = [c for c in numbers if has_word(c.name, PROJECTED_Y) and c.distinct > FEW_CODES]
    if (lat is None or lon is None) and x and y and _within(x[0], 180) and _within(y[0], 90) and not x[0].whole:
        lat, lon, x, y = y[0], x[0], x[1:], y[1:]
    projected = tuple(c.name for c in (*x[:1], *y[:1])) if x and y else ()
    if lat is None or lon is None:
        return Places(projected=projected)
    questions = []
    if not _within(lat, 90) and _within(lon, 90):
        questions.append(f"{lat.name} holds values beyond 90 degrees, so {lon.name} is taken for the latitude")
        lat, lon = lon, lat
    box, outside = _box(lat.values, lon.values)
    return Places((lat.name, lon.name), projected, box, outside, tuple(questions))


def _within(column: ColumnCells, degrees: float) -> bool:
    known = column.values.dropna().abs()
    return bool((known <= degrees).mean() > 0.9)


def _box(latitude: pd.Series, longitude: pd.Series) -> tuple[tuple[float, float, float, float], int]:
    """Return the box of most points with room around them, and how many points are outside."""
    sides = []
    for values in (latitude, longitude):
        known = values[(values.abs() > 1e-6) & (values.abs() <= 180)].dropna()
        low, middle, high = np.quantile(known, [0.02, 0.5, 0.98]) if len(known) else (-1.0, 0.0, 1.0)
        room = max(2 * (high - low), 0.1)
        sides.append((round(float(min(low, middle) - room), 3), round(float(max(high, middle) + room), 3)))
    (south, north), (west, east) = sides
    south, north = max(south, -90.0), min(north, 90.0)
    outside = ~(latitude.between(south, north) & longitude.between(west, east)) & latitude.notna() & longitude.notna()
    return (south, west, north, east), int(outside.sum())


def assign(column: ColumnCells, time: ColumnCells | None, places: Places, fixed: Mapping[str, Assigned]) -> Assigned:
    """Give one column its role.

    Parameters
    ----------
    column : ColumnCells
    time : ColumnCells, optional
        The column that says when a case happened.
    places : Places
    fixed : mapping of str to Assigned
        What a recipe says.
    """
    if column.known == 0:
        return Assigned("out", "no value in any row")
    if column.distinct == 1:
        return Assigned("out", f"the same value in every row that has one: {str(column.values.dropna().iloc[0])[:40]}")
    if column.name in fixed:
        return fixed[column.name]
    for rule in (_of_meaning, _of_coordinates, _of_time):
        found = rule(column, time, places)
        if found is not None:
            return found
    return _of_cells(column)


def _of_meaning(column: ColumnCells, time: ColumnCells | None, places: Places) -> Assigned | None:
    if is_sensitive(column.name):
        return Assigned("sensitive", "about who somebody is: left out unless you ask for it")
    if is_afterwards(column.name):
        why = "its name says that it is written after the class is known"
        return Assigned("leak", why, f"left out, since {why}")
    return None


def _of_coordinates(column: ColumnCells, time: ColumnCells | None, places: Places) -> Assigned | None:
    if places.degrees is not None and column.name in places.degrees:
        return Assigned("latitude" if column.name == places.degrees[0] else "longitude", "degrees")
    if column.name in places.projected:
        if places.degrees is not None:
            return Assigned("out", "the place once more, in a projection")
        return Assigned("numeric", "the place in a projection: a number")
    if column.kind == "text" and column.values.dropna().str.fullmatch(_GEOMETRY).mean() > 0.9:
        question = "" if places.degrees else "a point in one cell is not read; give two columns"
        return Assigned("out", "a point in one cell", question)
    return None


def _of_time(column: ColumnCells, time: ColumnCells | None, places: Places) -> Assigned | None:
    if column.kind == "time":
        if time is not None and column.name == time.name:
            return Assigned("time", "when it happened")
        if column.reading is not None and not column.reading.day:
            return Assigned("time", "the hour")
        return Assigned("out", "a second time: when it was written down or ended can tell the class")
    if time is not None and column.kind == "number" and "year" in words_of(column.name):
        return Assigned("out", "the year of what is held out is in no training row")
    return None


def _of_cells(column: ColumnCells) -> Assigned:
    unique = column.distinct / column.known
    named = is_identifier(column.name)
    alone = unique >= NEAR_UNIQUE and (column.kind == "text" or named or _counts_rows(column))
    if column.known >= 20 and (alone or (named and unique > 0.2 and (column.kind == "text" or column.whole))):
        if column.kind == "text" and _is_prose(column):
            return Assigned("text", "free text: it may hold names, and tell the class; left out unless you ask for it")
        return Assigned(
            "out", "an identifier: nearly every row has its own" if unique >= NEAR_UNIQUE else "an identifier"
        )
    if column.kind == "number":
        code = named or has_word(column.name, CODE)
        coded = column.whole and (column.distinct <= FEW_CODES or (code and unique < 0.5))
        return Assigned("categorical", f"{column.distinct:,} codes") if coded else Assigned("numeric", _range(column))
    if unique > 0.5 and _is_prose(column):
        return Assigned("text", "free text: it may hold names, and tell the class; left out unless you ask for it")
    return Assigned("categorical", f"{column.distinct:,} values")


def _counts_rows(column: ColumnCells) -> bool:
    """Whether whole numbers are those of rows or cases, not a quantity: without gaps, or as long as each other."""
    if not column.whole:
        return False
    known = column.values.dropna().abs()
    low, high = float(known.min()), float(known.max())
    return high - low < 3 * column.known or (low >= LONG_NUMBER and len(f"{low:.0f}") == len(f"{high:.0f}"))


def _is_prose(column: ColumnCells) -> bool:
    words = column.values.dropna().str.count(r"\S+")
    return bool(words.mean() >= WORDS_OF_TEXT)


def _range(column: ColumnCells) -> str:
    known = column.values.dropna()
    return f"from {known.min():g} to {known.max():g}"
