"""New rows and late labels: read, predicted, named and kept, each row once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from evenhand.data.headers import respelled
from evenhand.data.schema import column_types, parse_columns
from evenhand.data.split import class_labels
from evenhand.errors import SourceError
from evenhand.monitoring.rows import MonitoredRows, monitored_columns, summarise
from evenhand.monitoring.state import MonitorState
from evenhand.problem import Problem
from tasks.data.problems import load_problem
from tasks.data.sources.fetch import fetch
from tasks.monitoring.watched import Watched
from tasks.scoring.kept_predictions import (
    PERIOD,
    PREDICTED,
    PROBA,
    ROW,
    digest_of,
    forget_old,
    keep_predictions,
    kept_rows,
    predictions_folder,
    read_kept,
    row_ids,
)
from tasks.scoring.predictions import predict_table
from tasks.settings import settings

LABEL = "label"


@dataclass(frozen=True, eq=False)
class ReadFile:
    """The cells of a file of rows or labels."""

    name: str
    problem: Problem
    frame: pd.DataFrame
    sha256: str


def read_file(problem_name: str, path: str, needed: list[str]) -> ReadFile:
    """Read a CSV or Parquet file, with the columns spelled as the problem has them.

    Raises
    ------
    SourceError
        When a needed column is absent.
    """
    problem = load_problem(problem_name, path)
    source = fetch(problem.source, settings().cache)
    known = list(dict.fromkeys([*needed, *problem.columns]))
    frame = source.frame.rename(columns=respelled(list(source.frame.columns), known))
    missing = [name for name in needed if name not in frame]
    if missing:
        raise SourceError(f"{path} lacks {', '.join(missing)}; found: {', '.join(map(str, frame.columns))}")
    return ReadFile(path, problem, frame, digest_of([file.sha256 for file in source.files]))


def take_rows(watched: Watched, state: MonitorState, file: ReadFile) -> tuple[MonitorState, int]:
    """Predict the rows that are new, keep their predictions, and add them to the open periods.

    Returns
    -------
    MonitorState
    int
        Rows that were seen before, or whose period has been tested without them.
    """
    problem, fitted, reference = file.problem, watched.fitted, watched.monitor.reference
    table = predict_table(problem, fitted, file.frame)
    kept = kept_rows(problem, file.frame, table, watched.columns)
    named, dated = (kept[ROW] != "").to_numpy(), (kept[PERIOD] != "").to_numpy()
    fresh = ~(named & kept[ROW].duplicated().to_numpy())
    # Of files that a run has finished with: what a killed one has kept is counted now.
    seen = read_kept(f"{watched.folder}/rows", state.files)
    fresh &= ~(named & kept[ROW].isin(seen[ROW] if seen is not None else ()).to_numpy())
    tested = {one.period for one in state.inputs}
    newer = (kept[PERIOD] > reference.held_out[-1].name).to_numpy()
    used = fresh & dated & newer & ~kept[PERIOD].isin(tested).to_numpy()
    if fresh.any():
        keep_predictions(f"{watched.folder}/rows", file.sha256, kept[fresh])
        forget_old(f"{watched.folder}/rows", problem.monitor.keep_days)
    if problem.target.column in file.frame:
        _keep_labels(watched, problem, file, kept[ROW].to_numpy())
    rows = _monitored(watched, problem, file.frame[used], kept[used])
    summaries = summarise(rows, reference.bins, len(fitted.class_names))
    opened = dict(state.open)
    for one in summaries:
        opened[one.name] = opened[one.name].plus(one) if one.name in opened else one
    return state.model_copy(update={"open": dict(sorted(opened.items()))}), int((~used).sum())


def take_labels(watched: Watched, file: ReadFile) -> None:
    """Keep labels until the predictions of their rows are mature."""
    _keep_labels(watched, file.problem, file, row_ids(file.problem, file.frame, watched.columns))


def labelled_rows(watched: Watched, problem: Problem) -> pd.DataFrame:
    """Join kept predictions with the labels that have come, oldest period first.

    Returns
    -------
    DataFrame
        Columns ``row``, ``period``, ``predicted`` (code, -1 for none) and ``label`` (code; -1 for a class that the
        model does not know, -2 for none yet).
    """
    parts = [read_kept(f"{watched.folder}/rows"), read_kept(predictions_folder(watched.name, watched.version))]
    found = [part for part in parts if part is not None]
    if not found:
        return pd.DataFrame({ROW: [], PERIOD: [], PREDICTED: [], LABEL: []})
    rows = pd.concat(found, ignore_index=True).drop_duplicates(ROW)[[ROW, PERIOD, PREDICTED]]
    newer = rows[PERIOD] > watched.monitor.reference.held_out[-1].name
    rows = rows[newer & (rows[ROW] != "") & rows[PREDICTED].notna()]
    codes: Mapping[str, int] = {name: at for at, name in enumerate(watched.fitted.class_names)}
    labels = read_kept(_labels_folder(watched))
    given = rows[ROW].map(labels.set_index(ROW)[LABEL]) if labels is not None else pd.Series(None, index=rows.index)
    known = given.map(codes).fillna(-1).where(given.notna(), -2).astype(int)
    rows = rows.assign(**{LABEL: known, PREDICTED: rows[PREDICTED].map(codes).fillna(-1).astype(int)})
    return rows.sort_values([PERIOD, ROW], kind="stable", ignore_index=True)


def newest_day(problem: Problem, frame: pd.DataFrame) -> str:
    """Return the day of the newest row, or the largest number; empty where no row has one."""
    column = problem.split.holdout.order
    if column is None or column not in frame:
        return ""
    typed, _ = parse_columns(frame[[column]], {column: column_types(problem)[column]})
    newest = typed[column].max()
    if pd.isna(newest):
        return ""
    return newest.date().isoformat() if isinstance(newest, pd.Timestamp) else f"{newest:015.4f}"


def _keep_labels(watched: Watched, problem: Problem, file: ReadFile, rows: np.ndarray) -> None:
    labels = class_labels(parse_target(problem, file.frame), problem.target)
    kept = pd.DataFrame({ROW: rows, LABEL: labels.to_numpy(dtype=object)})
    kept = kept[kept[LABEL].notna() & (kept[ROW] != "")]
    if len(kept):
        keep_predictions(_labels_folder(watched), file.sha256, kept)
        forget_old(_labels_folder(watched), problem.monitor.keep_days)


def parse_target(problem: Problem, frame: pd.DataFrame) -> pd.Series:
    """Return the target column as text."""
    name = problem.target.column
    return parse_columns(frame[[name]], {name: column_types(problem)[name]})[0][name]


def _labels_folder(watched: Watched) -> str:
    return f"{watched.folder}/labels"


def _monitored(watched: Watched, problem: Problem, frame: pd.DataFrame, kept: pd.DataFrame) -> MonitoredRows:
    columns = list(watched.fitted.encoder.feature_names_in_)
    types = {name: kind for name, kind in column_types(problem).items() if name in columns}
    typed, _ = parse_columns(frame[columns].reset_index(drop=True), types)
    codes = {name: at for at, name in enumerate(watched.fitted.class_names)}
    predicted = kept[PREDICTED].map(codes).fillna(-1).to_numpy(dtype=np.int64)
    proba = kept[[f"{PROBA}{at}" for at in range(len(codes))]].to_numpy(dtype=np.float64)
    rows = MonitoredRows(monitored_columns(problem, typed, columns), kept[PERIOD].to_numpy(dtype=object))
    return replace(rows, predicted=predicted, proba=proba)
