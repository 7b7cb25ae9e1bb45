"""The feature sets of a proposal: each column in its role, and rates by place where there are enough rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evenhand.data.number_range import LARGEST
from evenhand.proposal.cells import ColumnCells
from evenhand.proposal.noted_yaml import Noted
from evenhand.proposal.roles import MANY, Assigned, Places

ENOUGH_FOR_RATES = 5_000
CELL = 500
MOST_CODES = 5


def features_of(
    used: Mapping[str, ColumnCells], roles: Mapping[str, Assigned], places: Places, rows: int
) -> dict[str, Any]:
    """Return the feature sets as plain data with reasons.

    Parameters
    ----------
    used : dict of str to ColumnCells
        Columns that a model sees.
    roles : dict of str to Assigned
    places : Places
    rows : int
        Of the file.
    """
    base: dict[str, Any] = {}
    for name, column in used.items():
        role, why = roles[name].role, roles[name].why
        if role == "categorical":
            base.setdefault("categorical", []).append(_category(column, why))
        elif role == "numeric":
            base.setdefault("numeric", []).append(_number(column, why))
        elif role == "time" and column.kind == "time":
            base.setdefault("time", []).append(_time(column))
    if places.degrees is not None and set(places.degrees) <= set(used):
        base["coordinates"] = [_coordinates(places)]
    sets: dict[str, Any] = {"base": base} if base else {"base": {"numeric": [Noted(name, "") for name in used]}}
    rates = _rates(used, roles, places)
    if rates and rows >= ENOUGH_FOR_RATES:
        sets["enriched"] = {
            "extend": "base",
            "rates": [Noted(rate, "how often each class occurs there") for rate in rates],
        }
    return sets


def _category(column: ColumnCells, why: str) -> Noted:
    if column.distinct <= MANY:
        return Noted(column.name, why)
    return Noted({"column": column.name, "min_count": 20}, f"{why}; those of fewer than 20 rows share one code")


def _number(column: ColumnCells, why: str) -> Noted:
    """Declare numbers that no model can hold, such as the null coordinates of some programs, as missing."""
    codes = sorted(set(column.values[column.values.abs() > LARGEST]))[:MOST_CODES]
    if not codes:
        return Noted(column.name, why)
    return Noted({"column": column.name, "missing": codes}, "too large for a model: taken for missing values")


def _time(column: ColumnCells) -> Noted:
    reading = column.reading
    assert reading is not None  # noqa: S101 - a column of times has one
    days = column.values.dropna().dt.day
    parts = ["month", "dayofweek"] if reading.day else []
    parts = ["month"] if reading.day and bool((days == 1).all()) else parts
    parts += ["hour"] if reading.clock else []
    found: dict[str, Any] = {"column": column.name, "parts": parts}
    if reading.format is not None:
        found["format"] = list(reading.format) if isinstance(reading.format, tuple) else reading.format
    example = column.values.dropna().iloc[0]
    return Noted(found, f"times such as {example:%Y-%m-%d %H:%M}" if reading.day else "the hour of the day")


def _coordinates(places: Places) -> Noted:
    assert places.degrees is not None  # noqa: S101 - asked before
    found: dict[str, Any] = {"latitude": places.degrees[0], "longitude": places.degrees[1]}
    if places.box is not None:
        found["box"] = list(places.box)
    outside = f"{places.outside:,} points outside the box count as missing" if places.outside else "around all points"
    return Noted(found, outside)


def _rates(used: Mapping[str, ColumnCells], roles: Mapping[str, Assigned], places: Places) -> list[Any]:
    found: list[Any] = []
    if places.degrees is not None and set(places.degrees) <= set(used):
        found.append({"latitude": places.degrees[0], "longitude": places.degrees[1], "cell": CELL})
    many = [n for n, c in used.items() if roles[n].role == "categorical" and c.distinct > MANY]
    return [*found, *([name] for name in many[:2])]
