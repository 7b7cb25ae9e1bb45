"""From the cells of a file to typed columns, and which cells do not fit."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from evenhand.problem import CapacityDecision, ForwardFolds, Problem


class ColumnType(NamedTuple):
    """The type of the cells of a column; only times have a ``format``."""

    kind: Literal["number", "text", "time"]
    format: str | None = None


def column_types(problem: Problem) -> dict[str, ColumnType]:
    """Types of the columns a problem reads, from the roles it gives them.

    Returns
    -------
    dict of str to ColumnType
        In the order of ``problem.columns``.
    """
    types: dict[str, ColumnType] = {}
    for features in problem.features.values():
        types |= {part.column: ColumnType("time", part.format) for part in features.time}
        types |= {part.column: ColumnType("number") for part in features.numeric}
        types |= {c: ColumnType("number") for pair in features.coordinates for c in (pair.latitude, pair.longitude)}
        for rate in features.rates:
            types |= {c: ColumnType("number") for c in (rate.latitude, rate.longitude) if c is not None}
            types |= {} if rate.time is None else {rate.time.column: ColumnType("time", rate.time.format)}
    for part in problem.gate.slices:
        types |= {} if part.step is None or part.column in types else {part.column: ColumnType("number")}
    holdout = problem.split.holdout
    types.setdefault(holdout.column, ColumnType("time" if holdout.of_times else "number"))
    folds = problem.split.folds
    if isinstance(folds, ForwardFolds):
        types.setdefault(folds.column, ColumnType("number" if folds.period == "value" else "time"))
    for decision in problem.decisions:
        if isinstance(decision, CapacityDecision) and decision.per and decision.period != "value":
            types.setdefault(decision.per, ColumnType("time"))
    return {name: types.get(name, ColumnType("text")) for name in problem.columns}


def parse_columns(frame: pd.DataFrame, types: Mapping[str, ColumnType]) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Give each column its type.

    Text is stripped, and an empty cell is missing. Columns that ``types`` does not name pass through untouched.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        Holds every column of ``types``.
    types : mapping of str to ColumnType

    Returns
    -------
    typed : DataFrame
        Numbers as float64, times as UTC timestamps, text as ``str``; a cell that does not fit is missing.
    unfit : dict of str to ndarray of bool, shape (n_rows,)
        Where such cells are, for each column that has some.

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
        given = _blank_to_missing(frame[name])
        typed[name] = _CONVERT[wanted.kind](given, wanted.format)
        lost = (given.notna() & typed[name].isna()).to_numpy()
        if lost.any():
            unfit[name] = lost
    return typed, unfit


def _blank_to_missing(column: pd.Series) -> pd.Series:
    if not (pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column)):
        return column
    text = column.astype("str").str.strip()
    return text.mask((text == "") | column.isna())


def _number(column: pd.Series, _format: str | None) -> pd.Series:
    number = pd.Series(_floats(column), index=column.index, name=column.name)
    return number.mask(~np.isfinite(number))


def _floats(column: pd.Series) -> np.ndarray:
    if pd.api.types.is_string_dtype(column):
        with suppress(pa.ArrowInvalid):  # some cell is no number
            # An eighth of the time, and the same numbers: both round correctly.
            return (
                pa.array(column, pa.large_string(), from_pandas=True).cast(pa.float64()).to_numpy(zero_copy_only=False)
            )
    return pd.to_numeric(column, errors="coerce").to_numpy("float64", na_value=np.nan)


def _time(column: pd.Series, format_: str | None) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(column):
        return pd.to_datetime(column, utc=True)
    # Times repeat, and parsing one takes far longer than a look-up.
    codes, texts = pd.factorize(column.astype("str"))
    read = pd.Series(pd.to_datetime(texts, format=format_ or "ISO8601", utc=True, errors="coerce"))
    return pd.Series(read.reindex(codes).array, index=column.index, name=column.name)


def _text(column: pd.Series, _format: str | None) -> pd.Series:
    return column.astype("str").mask(column.isna())


_CONVERT = {"number": _number, "time": _time, "text": _text}
