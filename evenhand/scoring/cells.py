"""Cells of new rows to typed columns without a frame: what a request of one row or of a thousand is read with.

The result is that of :func:`evenhand.data.schema.parse_columns`, which reads every column that is not of plain numbers,
plain text or plain times. One row takes microseconds here and milliseconds there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from evenhand.data.schema import ColumnType, Signs, parse_columns
from evenhand.data.times import ISO
from evenhand.problem.common import EPOCHS
from evenhand.text.cell_text import canonical_text

Cells = Sequence[Any] | pd.Series
"""The cells of a column: None, booleans, numbers and text, or a column of a file with its own type."""
TimeValues = Sequence[datetime | None] | pd.Series

_NUMBERS = frozenset({int, float, type(None)})
_TEXTS = frozenset({str, type(None)})
_SCALARS = frozenset({str, int, float, bool, type(None)})
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?")
_CODES = {
    "%Y": "(?P<year>[0-9]{4})",
    "%m": "(?P<month>[0-9]{2})",
    "%d": "(?P<day>[0-9]{2})",
    "%H": "(?P<hour>[0-9]{2})",
    "%M": "(?P<minute>[0-9]{2})",
    "%S": "(?P<second>[0-9]{2})",
}
_ISO = re.compile(
    f"{_CODES['%Y']}-{_CODES['%m']}-{_CODES['%d']}(?:[T ]{_CODES['%H']}:{_CODES['%M']}(?::{_CODES['%S']})?)?"
)
_YEARS = range(1700, 2200)  # every resolution of pandas holds them


class ReadColumn(NamedTuple):
    """A typed column.

    Attributes
    ----------
    values : ndarray of float, list of str or None, or times
        By the kind of the column; a missing number is NaN.
    unfit : ndarray of bool, shape (n_rows,), or None
        Cells that can't be read; None where there is none.
    """

    values: Any
    unfit: np.ndarray | None = None


def read_column(cells: Cells, kind: ColumnType, name: str) -> ReadColumn:
    """Give a column its type.

    Parameters
    ----------
    cells : sequence or Series of length n_rows
    kind : ColumnType
    name : str

    Raises
    ------
    ProblemError
        As :func:`evenhand.data.schema.parse_columns`.

    Examples
    --------
    >>> read_column([31, "44", None], ColumnType("number"), "age").values.tolist()
    [31.0, 44.0, nan]
    >>> read_column([" bar", 7.0, ""], ColumnType("text"), "place").values
    ['bar', '7', None]
    """
    if isinstance(cells, pd.Series):
        return _parsed(cells, kind, name)
    found = set(map(type, cells))
    if kind.kind == "number" and kind.signs == Signs():
        numbers = _plain_numbers(cells, found)
        if numbers is not None and not np.isinf(numbers).any():
            return ReadColumn(numbers)
    elif kind.kind == "text":
        if found <= _TEXTS:  # values repeat, and each is spelled once
            texts = {cell: None if cell is None else canonical_text(cell) or None for cell in set(cells)}
            return ReadColumn([texts[cell] for cell in cells])
        if found <= _SCALARS and not any(cell != cell for cell in cells):  # noqa: PLR0124 - NaN differs from itself
            return ReadColumn([None if cell is None else canonical_text(cell) or None for cell in cells])
    elif kind.kind == "time" and found <= _TEXTS:
        format_ = kind.format
        if not isinstance(format_, tuple) and format_ not in (*EPOCHS, ISO):
            times = {cell: _plain_time(cell, format_) for cell in set(cells)}
            if "" not in times.values():
                return ReadColumn([times[cell] for cell in cells])
    return _parsed(as_series(cells, name), kind, name)


def as_series(cells: Cells, name: str) -> pd.Series:
    """Return cells of any type as a column in which each keeps its own."""
    return cells if isinstance(cells, pd.Series) else pd.Series(list(cells), dtype=object, name=name)


def typed_frame(columns: Mapping[str, Cells], types: Mapping[str, ColumnType], names: Sequence[str]) -> pd.DataFrame:
    """Return some of the columns as a typed frame, for what reads frames only."""
    raw = pd.DataFrame({name: as_series(columns[name], name).reset_index(drop=True) for name in names})
    return parse_columns(raw, {name: types[name] for name in names if name in types})[0]


def part_of(times: TimeValues, part: str) -> np.ndarray:
    """Return the year, month, ... of times as numbers, NaN where the time is missing."""
    if isinstance(times, pd.Series):
        from evenhand.features.class_rates import part_of_time

        return part_of_time(times, part)
    return np.array([np.nan if time is None else _PARTS[part](time) for time in times], dtype=float)


_PARTS = {
    "year": lambda time: time.year,
    "month": lambda time: time.month,
    "day": lambda time: time.day,
    "dayofweek": lambda time: time.weekday(),
    "dayofyear": lambda time: time.timetuple().tm_yday,
    "hour": lambda time: time.hour,
}


def _plain_numbers(cells: Sequence[Any], found: set[type]) -> np.ndarray | None:
    """Return numbers, and text that is plainly a number, as floats; None where there is any other cell."""
    if found <= _NUMBERS:
        return np.array([np.nan if cell is None else cell for cell in cells], dtype=float)
    if not found <= _NUMBERS | _TEXTS:
        return None
    numbers = np.empty(len(cells))
    for i, cell in enumerate(cells):
        if isinstance(cell, str):
            text = cell.strip()
            if text and not _NUMBER.fullmatch(text):
                return None
            numbers[i] = float(text) if text else np.nan
        else:
            numbers[i] = np.nan if cell is None else cell
    return numbers


def _plain_time(cell: str | None, format_: str | None) -> Any:
    """Read a time that is written in full and without an offset; "" where it is anything else."""
    text = None if cell is None else cell.strip()
    if not text:
        return None
    pattern = _ISO if format_ is None else _pattern(format_)
    match = pattern.fullmatch(text) if pattern is not None else None
    if match is None:
        return ""
    found = {part: int(digits) for part, digits in match.groupdict("0").items()}
    hour, minute, second = (found.get(part, 0) for part in ("hour", "minute", "second"))
    try:
        time = datetime(found["year"], found["month"], found["day"], hour, minute, second)
    except ValueError:  # the 30th of February, or a leap second
        return ""
    return time if time.year in _YEARS else ""


@cache
def _pattern(format_: str) -> re.Pattern[str] | None:
    """Return the pattern of a format of whole dates with all their digits; None for any other, as one of names.

    It takes a tenth of the time of ``strptime``, which also reads what lacks a zero.
    """
    parts = re.findall(r"%.|[^%]+|%", format_)
    codes = [part for part in parts if part.startswith("%")]
    if not set(codes) <= set(_CODES) or len(set(codes)) < len(codes) or not {"%Y", "%m", "%d"} <= set(codes):
        return None
    return re.compile("".join(_CODES.get(part) or re.escape(part) for part in parts))


def _parsed(column: pd.Series, kind: ColumnType, name: str) -> ReadColumn:
    typed, unfit = parse_columns(column.to_frame(name), {name: kind})
    values: Any = typed[name]
    if kind.kind == "number":
        values = values.to_numpy(dtype=float)
    elif kind.kind == "text":
        values = values.astype(object).where(values.notna(), None).tolist()
    return ReadColumn(values, unfit.get(name))
