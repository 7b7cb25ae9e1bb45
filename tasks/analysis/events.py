"""Events: the good rows of a problem as places and times, in the store."""

from __future__ import annotations

import numpy as np
import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict

from evenhand.data.references import Reference
from evenhand.data.schema import ColumnType, parse_columns
from evenhand.data.split import class_labels
from evenhand.errors import ProblemError
from evenhand.problem import Problem
from evenhand.spatial.events import Events, grid_over
from evenhand.spatial.proposal import EventColumns, event_columns, plausible
from evenhand.text.cell_text import text_of
from tasks.storage.store import read_frame, write_frame


class StoredEvents(BaseModel):
    """Events in the store, and the columns that they were read from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: Reference
    classes: tuple[str, ...]
    areas: tuple[str, ...]
    columns: dict[str, str]
    without_time: int
    without_place: int


@task(cache_policy=NO_CACHE)
def make_events(good: Reference, problem: Problem) -> StoredEvents:
    """Read time, place, area and class of the good rows, and nothing else.

    Raises
    ------
    ProblemError
        When a column that the problem names is not there, no column holds times, or no row has one.
    """
    rows = read_frame(good)
    columns = event_columns(problem, rows)
    table = _table(rows, columns, problem)
    read = table["day"].notna() & table["klass"].notna()
    if not read.any():
        raise ProblemError(
            f"analysis: no row has a class and a time in {columns.time!r}; write its `analysis.format`, as in "
            "'%Y-%m-%d %H:%M'"
        )
    kept = table[read].sort_values("day", kind="stable", ignore_index=True)
    return StoredEvents(
        rows=write_frame(kept, "analysis/{sha256}/events.parquet"),
        classes=tuple(sorted(kept["klass"].unique())),
        areas=tuple(sorted(kept["area"].dropna().unique())),
        columns={key: name for key, name in vars(columns).items() if name is not None and key != "format"},
        without_time=int((~read).sum()),
        without_place=int(kept["latitude"].isna().sum()) if columns.latitude else 0,
    )


def read_events(stored: StoredEvents) -> Events:
    """Read the events as arrays."""
    frame = read_frame(stored.rows)

    def codes(column: str, names: tuple[str, ...]) -> np.ndarray:
        return pd.Categorical(frame[column], categories=list(names)).codes.astype(np.int32)

    hours = frame["hour"].fillna(-1).to_numpy(np.int8) if "hour" in frame else None
    has_place = "latitude" in stored.columns
    return Events(
        classes=stored.classes,
        areas=stored.areas,
        klass=codes("klass", stored.classes),
        area=codes("area", stored.areas),
        day=frame["day"],
        hour=hours,
        latitude=frame["latitude"].to_numpy(float) if has_place else None,
        longitude=frame["longitude"].to_numpy(float) if has_place else None,
    )


def _table(rows: pd.DataFrame, columns: EventColumns, problem: Problem) -> pd.DataFrame:
    time = rows[columns.time]
    if not pd.api.types.is_datetime64_any_dtype(time):
        wanted = {columns.time: ColumnType("time", columns.format, problem.time_zone)}
        time = parse_columns(rows[[columns.time]], wanted)[0][columns.time]
    time = time.dt.tz_localize(None)
    asked = problem.analysis
    if asked.start is not None:
        time = time.mask(time < pd.Timestamp(asked.start))
    table = pd.DataFrame(
        {"day": time.dt.normalize(), "klass": class_labels(rows[problem.target.column], problem.target)}
    )
    if columns.hour is not None:
        hour = _number(rows, columns.hour)
        table["hour"] = hour.where(hour.between(0, 23)).round()
    elif time.dt.hour.nunique() > 3:
        table["hour"] = time.dt.hour.astype(float)
    if columns.latitude is not None and columns.longitude is not None:
        pair = (_number(rows, name).to_numpy() for name in (columns.latitude, columns.longitude))
        table["latitude"], table["longitude"] = plausible(*pair)
    table["area"] = text_of(rows[columns.area]) if columns.area else _squares(table, asked.area_cell)
    return table


def _squares(table: pd.DataFrame, side: float) -> pd.Series:
    """Return the square of each event as its area, counted from the south-west; missing without coordinates."""
    names = pd.Series(pd.NA, index=table.index, dtype="str")
    if "latitude" in table and table["latitude"].notna().any():
        latitude, longitude = table["latitude"].to_numpy(), table["longitude"].to_numpy()
        grid = grid_over(latitude, longitude, side)
        cell = grid.cells(latitude, longitude)
        row, column = np.divmod(cell, grid.columns)
        named = [f"square {r + 1}-{c + 1}" for r, c in zip(row, column, strict=True)]
        names = pd.Series(named, index=table.index, dtype="str").mask(cell < 0)
    return names


def _number(rows: pd.DataFrame, name: str) -> pd.Series:
    return parse_columns(rows[[name]], {name: ColumnType("number")})[0][name]
