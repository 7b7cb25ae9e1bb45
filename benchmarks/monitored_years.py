"""Past years of a problem for the benchmark of the monitor: a model of earlier years, and what it does in later ones.

Its probabilities are kept below the cache.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.simulated_periods import week_name
from evenhand.data.schema import column_types, parse_columns
from evenhand.data.split import class_labels
from evenhand.features.encoder import build_encoder
from evenhand.models import build_model
from evenhand.monitoring.examine_labels import Cohort
from evenhand.monitoring.periods import period_names
from evenhand.monitoring.rows import FULL, MonitoredRows, learn_reference, monitored_columns, summarise
from evenhand.monitoring.summaries import MonitorReference, PeriodSummary
from evenhand.problem import ModelSpec, Problem
from tasks.data.ingest import ingest
from tasks.data.problems import load_problem
from tasks.settings import settings
from tasks.storage.store import read_frame

MODEL = ModelSpec(kind="lightgbm", params={"n_estimators": 80})
NEW_YEARS = 3
Weeks = list[tuple[PeriodSummary, Cohort]]


@dataclass(frozen=True, eq=False)
class MonitoredYears:
    """A reference year and the years after it, week by week, as one model predicts them."""

    name: str
    reference_year: int
    monitor_reference: MonitorReference
    after: Mapping[int, Weeks]
    pool: Weeks
    """Every full week of the reference year and the years after it."""
    first_week: Mapping[str, pd.Series]
    """Columns of the first full week after the reference year."""
    week_names: Callable[[int], str] = week_name


def read_years(name: str) -> MonitoredYears:
    """Fit on the rows before the last four years, take the first of these as reference, and predict all four."""
    problem = load_problem(name)
    snapshot = ingest.fn(problem)
    raw = read_frame(snapshot)
    raw = raw.drop_duplicates(ignore_index=True) if problem.duplicates == "drop" else raw
    frame, _ = parse_columns(raw[list(problem.columns)], column_types(problem))
    label = class_labels(frame[problem.target.column], problem.target)
    when = frame[problem.split.holdout.column]
    known = (label.notna() & when.notna()).to_numpy()
    frame, label, when = (part[known].reset_index(drop=True) for part in (frame, label, when))
    order = np.argsort(when.to_numpy(), kind="stable")
    frame, label, when = (part.iloc[order].reset_index(drop=True) for part in (frame, label, when))
    classes = tuple(sorted(label.unique()))
    y = pd.Categorical(label, categories=list(classes)).codes.astype(np.int64)
    year = when.dt.year.to_numpy()
    first = int(year.max()) - NEW_YEARS
    proba = _kept_probabilities(problem, snapshot.sha256, frame, y, year < first)
    return _summed_up(problem, classes, frame, y, proba, (year, when, first))


def _summed_up(
    problem: Problem,
    classes: tuple[str, ...],
    frame: pd.DataFrame,
    y: np.ndarray,
    proba: np.ndarray,
    times: tuple[np.ndarray, pd.Series, int],
) -> MonitoredYears:
    year, when, first = times
    names = period_names(when, "week")
    columns = monitored_columns(problem, frame, problem.features["base"].columns)

    def part(rows: np.ndarray, predicted: bool) -> MonitoredRows:
        chosen = {name: column[rows].reset_index(drop=True) for name, column in columns.items()}
        if not predicted:
            return MonitoredRows(chosen, names[rows])
        return MonitoredRows(chosen, names[rows], proba[rows].argmax(1), proba[rows], y[rows])

    reference = learn_reference(problem, classes, part(year < first, False), part(year == first, True))
    later = np.flatnonzero(year >= first)
    all_rows = part(np.isin(np.arange(len(year)), later), True)
    fewest = FULL * reference.rows_per_period
    weeks: dict[str, tuple[PeriodSummary, Cohort]] = {}
    for summary in summarise(all_rows, reference.bins, len(classes)):
        if summary.rows >= fewest:
            rows = later[names[later] == summary.name]
            weeks[summary.name] = summary, Cohort(summary.name, summary.rows, y[rows], proba[rows].argmax(1))
    years = range(first + 1, int(year.max()) + 1)
    after = {one: [week for name, week in weeks.items() if name[:4] == str(one)] for one in years}
    start = after[first + 1][0][0].name
    first_week = {name: column[names == start].reset_index(drop=True) for name, column in columns.items()}
    return MonitoredYears(problem.name, first, reference, after, list(weeks.values()), first_week)


def _kept_probabilities(
    problem: Problem, sha256: str, frame: pd.DataFrame, y: np.ndarray, train: np.ndarray
) -> np.ndarray:
    features = problem.features["base"]
    made_of = json.dumps([sha256, features.model_dump_json(), MODEL.model_dump_json(), int(train.sum())])
    path = settings().cache / "monitoring" / f"{hashlib.sha256(made_of.encode()).hexdigest()[:24]}.npy"
    if path.exists():
        return np.load(path, allow_pickle=False)
    encoder = build_encoder(features)
    model = build_model(MODEL, 0, int(train.sum()))
    model.fit(encoder.fit_transform(frame[train]), y[train])
    proba = np.full((len(y), int(y.max()) + 1), 1e-9)
    proba[:, model.classes_] = model.predict_proba(encoder.transform(frame))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part.npy")
    np.save(temporary, proba, allow_pickle=False)
    temporary.replace(path)
    return proba
