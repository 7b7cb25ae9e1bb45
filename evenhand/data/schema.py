"""From the cells of a file to typed columns, and which cells do not fit."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from evenhand.data.times import wall_clock
from evenhand.problem import CapacityDecision, FileSource, ForwardFolds, Problem
from evenhand.problem.common import TimeFormat
from evenhand.text.cell_text import text_of
from evenhand.text.number_text import plain_number


class Signs(NamedTuple):
    """How a file writes numbers, and which of its cells stand for a missing value."""

    decimal: str = "."
    thousands: str = ""
    missing: tuple[str, ...] = ()


class ColumnType(NamedTuple):
    """The type of the cells of a column; only times have a ``format`` and a time ``zone``."""

    kind: Literal["number", "text", "time"]
    format: TimeFormat = None
    zone: str | None = None
    signs: Signs = Signs()


def column_types(problem: Problem) -> dict[str, ColumnType]:
    """Types of the columns a problem reads, from the roles it gives them.

    Returns
    -------
    dict of str to ColumnType
        In the order of ``problem.columns``.
    """
    types: dict[str, ColumnType] = {}
    for features in problem.features.values():
        types |= {part.column: ColumnType("number") for part in features.numeric}
        types |= {c: ColumnType("number") for pair in features.coordinates for c in (pair.latitude, pair.longitude)}
        for rate in features.rates:
            types |= {c: ColumnType("number") for c in (rate.latitude, rate.longitude) if c is not None}
    for part in problem.gate.slices:
        types |= {} if part.step is None or part.column in types else {part.column: ColumnType("number")}
    holdout = problem.split.holdout
    if holdout.order is not None and not holdout.of_times:
        types.setdefault(holdout.order, ColumnType("number"))
    folds = problem.split.folds
    times = _times(problem)
    if isinstance(folds, ForwardFolds) and folds.column not in times:
        types.setdefault(folds.column, ColumnType("number"))
    types = {**{name: time_type(problem, format_) for name, format_ in times.items()}, **types}
    return with_signs({name: types.get(name, ColumnType("text")) for name in problem.columns}, problem)


def with_signs(types: Mapping[str, ColumnType], problem: Problem) -> dict[str, ColumnType]:
    """Complete types by how the problem's source writes cells; no cell of the target stands for a missing value."""
    source = problem.source
    if not isinstance(source, FileSource):
        return dict(types)
    signs = Signs(source.decimal, source.thousands, source.missing)
    target = problem.target.column
    return {n: t._replace(signs=signs._replace(missing=()) if n == target else signs) for n, t in types.items()}


def time_type(problem: Problem, format_: TimeFormat = None) -> ColumnType:
    """Return the type of a column of times of a problem."""
    return ColumnType("time", format_, problem.time_zone)


def _times(problem: Problem) -> dict[str, TimeFormat]:
    """Name the columns that hold times, with the first format that is declared for each."""
    found: list[tuple[str, TimeFormat]] = []
    for features in problem.features.values():
        found += [(part.column, part.format) for part in features.time]
        found += [(rate.time.column, rate.time.format) for rate in features.rates if rate.time is not None]
    holdout, folds = problem.split.holdout, problem.split.folds
    found += [(holdout.order, holdout.format)] if holdout.order and holdout.of_times else []
    if isinstance(folds, ForwardFolds) and folds.period != "value":
        found.append((folds.column, folds.format))
    for decision in problem.decisions:
        if isinstance(decision, CapacityDecision) and decision.per and decision.period != "value":
            found.append((decision.per, None))
    return {name: next((f for c, f in found if c == name and f is not None), None) for name, _ in found}


def parse_columns(frame: pd.DataFrame, types: Mapping[str, ColumnType]) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Give each column its type.

    Text is stripped, and an empty cell is missing; a value has one text, see :mod:`evenhand.text.cell_text`. Columns
    that ``types`` does not name pass through untouched.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        Holds every column of ``types``.
    types : mapping of str to ColumnType

    Returns
    -------
    typed : DataFrame
        Numbers as float64, times as the wall clock of the problem's time zone (timestamps labelled UTC), text as
        ``str``; a cell that does not fit is missing.
    unfit : dict of str to ndarray of bool, shape (n_rows,)
        Where such cells are, for each column that has some.

    Raises
    ------
    ProblemError
        When times have different offsets from UTC and their type names no zone.

    Examples
    --------
    >>> raw = pd.DataFrame({"age": ["31", " 44 ", "old", ""]})
    >>> typed, unfit = parse_columns(raw, {"age": ColumnType("number")})
    >>> typed["age"].tolist(), unfit["age"].tolist()
    ([31.0, 44.0, nan, nan], [False, False, True, False])
    """
    typed = frame.copy(deep=False)
    unfit = {}
    for name, wanted in types.items():
        if wanted.kind == "text":
            typed[name] = _known(text_of(frame[name]), wanted.signs)
            continue
        given = _known(_plain(frame[name]), wanted.signs)
        typed[name] = _number(given, wanted.signs) if wanted.kind == "number" else _time(given, wanted)
        lost = (given.notna() & typed[name].isna()).to_numpy()
        if lost.any():
            unfit[name] = lost
    return typed, unfit


def _plain(column: pd.Series) -> pd.Series:
    """Return columns of numbers and of times as they are, and others as text, stripped, with blank cells missing."""
    if _holds_numbers(column) or pd.api.types.is_datetime64_any_dtype(column):
        return column
    if pd.api.types.is_object_dtype(column):  # a column of booleans with a gap
        return text_of(column.map(lambda cell: int(cell) if isinstance(cell, bool) else cell))
    if not pd.api.types.is_string_dtype(column):
        return text_of(column)
    text = column.astype("str").str.strip()
    return text.mask((text == "") | column.isna())


def _known(column: pd.Series, signs: Signs) -> pd.Series:
    """Leave out cells of text that stand for a missing value."""
    return column.mask(column.isin(signs.missing)) if signs.missing and _holds_text(column) else column


def _holds_text(column: pd.Series) -> bool:
    return bool(pd.api.types.is_string_dtype(column))


def _holds_numbers(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column.dtype))


def _number(column: pd.Series, signs: Signs) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(column):
        column = text_of(column)
    if (signs.decimal, signs.thousands) != (".", "") and _holds_text(column):
        column = plain_number(column, signs.decimal, signs.thousands)
    number = pd.Series(_floats(column), index=column.index, name=column.name)
    return number.mask(~np.isfinite(number))


def _floats(column: pd.Series) -> np.ndarray:
    if _holds_numbers(column):
        return column.to_numpy("float64", na_value=np.nan)
    with suppress(pa.ArrowInvalid):  # some cell is no number
        # An eighth of the time, and the same numbers: both round correctly.
        return pa.array(column, pa.large_string(), from_pandas=True).cast(pa.float64()).to_numpy(zero_copy_only=False)
    return pd.to_numeric(column, errors="coerce").to_numpy("float64", na_value=np.nan)


def _time(column: pd.Series, wanted: ColumnType) -> pd.Series:
    return wall_clock(text_of(column) if _holds_numbers(column) else column, wanted.format, wanted.zone)
