"""Real models for the backtest of the gate, fitted on bootstrap samples of the years before the evaluated one.

Their probabilities are kept below the cache. Rows of the problem's held-out period are left out: the evaluated year
is the last one before it.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from evenhand.data.holdout import first_held_out
from evenhand.data.schema import column_types, parse_columns
from evenhand.data.split import class_labels
from evenhand.features.encoder import build_encoder
from evenhand.models import build_model
from evenhand.problem import ModelSpec, Problem
from evenhand.scoring.model import full_probabilities
from tasks.data.ingest import ingest
from tasks.data.problems import load_problem
from tasks.settings import settings
from tasks.storage.store import read_frame

MODEL = ModelSpec(kind="lightgbm", params={"n_estimators": 40})


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """A problem's labelled rows before its held-out period."""

    problem: Problem
    frame: pd.DataFrame
    year: np.ndarray
    y: np.ndarray
    classes: tuple[str, ...]
    sha256: str

    @property
    def evaluated(self) -> int:
        """The last year before the held-out period."""
        return int(self.year.max())


def read_rows(name: str) -> LabelledRows:
    """Read a problem's rows, typed and labelled, without those of its held-out period."""
    problem = load_problem(name)
    snapshot = ingest.fn(problem)
    raw = read_frame(snapshot)
    raw = raw.drop_duplicates(ignore_index=True) if problem.duplicates == "drop" else raw
    frame, _ = parse_columns(raw[list(problem.columns)], column_types(problem))
    start = first_held_out(frame, problem.split.holdout)
    year = _years(frame[problem.split.holdout.column])
    label = class_labels(frame[problem.target.column], problem.target)
    kept = (label.notna() & (year < (start.year if isinstance(start, date) else start))).to_numpy()
    classes = tuple(sorted(label[kept].unique()))
    y = pd.Categorical(label[kept], categories=list(classes)).codes.astype(np.int64)
    features = frame.loc[kept].drop(columns=problem.target.column).reset_index(drop=True)
    return LabelledRows(problem, features, year[kept].to_numpy(dtype=int), y, classes, snapshot.sha256)


def _years(column: pd.Series) -> pd.Series:
    return column.dt.year if pd.api.types.is_datetime64_any_dtype(column) else column


def bootstrap_models(rows: LabelledRows, n: int, seed: int = 0) -> np.ndarray:
    """Return the probabilities of ``n`` models for the evaluated year, shape (n, rows, K); kept ones are read."""
    return np.stack([kept_model(rows, rows.evaluated, rows.evaluated, seed=seed + number + 1) for number in range(n)])


def kept_model(rows: LabelledRows, before: int, judged: int, seed: int | None = None) -> np.ndarray:
    """Return the probabilities for year ``judged`` of a model fitted on the years before ``before``.

    Kept probabilities are read instead of fitted again.

    Parameters
    ----------
    rows : LabelledRows
    before, judged : int
    seed : int, optional
        Of a bootstrap sample of the training rows; without it every row is used once.
    """
    features = rows.problem.features["base"].model_dump_json()
    made_of = json.dumps([rows.sha256, features, MODEL.model_dump_json(), before, judged, seed])
    name = hashlib.sha256(made_of.encode()).hexdigest()[:24]
    path = settings().cache / "gate_backtest" / f"{name}.npy"
    if path.exists():
        return np.load(path, allow_pickle=False)
    begun = time.monotonic()
    proba = _fitted(rows, rows.year < before, rows.year == judged, seed)
    _keep(path, proba)
    print(f"  fitted on the years before {before}, sample {seed}: {time.monotonic() - begun:.0f} s", flush=True)
    return proba


def _fitted(rows: LabelledRows, train: np.ndarray, judged: np.ndarray, seed: int | None) -> np.ndarray:
    """Fit with balanced class weights, as suits macro F1; a row drawn twice counts twice."""
    encoder = build_encoder(rows.problem.features["base"])
    X, y = encoder.fit_transform(rows.frame[train]), rows.y[train]
    weight = (len(y) / (len(rows.classes) * np.bincount(y, minlength=len(rows.classes)).clip(1)))[y]
    if seed is not None:
        rng = np.random.default_rng(seed)
        weight = weight * np.bincount(rng.integers(0, len(y), len(y)), minlength=len(y))
    drawn = weight > 0
    model = build_model(MODEL, seed or 0, int(drawn.sum()))
    model.fit(X[drawn], y[drawn], sample_weight=weight[drawn])
    return full_probabilities(model, encoder.transform(rows.frame[judged]), len(rows.classes)).astype(np.float32)


def _keep(path: Path, proba: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part.npy")
    np.save(temporary, proba, allow_pickle=False)
    temporary.replace(path)
