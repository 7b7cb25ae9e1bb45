"""The cost of single parts: SMOTENC, the capped data set, scoring, a unit on a Dask cluster."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from imblearn.over_sampling import SMOTENC
from threadpoolctl import threadpool_limits

from benchmarks.variants import SEED, sampled_rows, variant
from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.features.encoder import build_encoder, n_categorical
from evenhand.metrics.scores import score
from evenhand.models import build_model
from evenhand.postprocess.rules import LargestWeighted
from evenhand.problem import CappedStrategy, ModelSpec, Problem, SmoteStrategy, Target
from evenhand.scoring.model import FittedCandidate, full_probabilities
from evenhand.strategies import capped_rows, class_counts, resample
from evenhand.training.candidates import candidates
from evenhand.training.experiment import Experiment
from tasks.data.balance import balance
from tasks.data.ingest import ingest
from tasks.data.partition import Parts
from tasks.data.problems import load_problem
from tasks.data.split import split
from tasks.data.validate import validate
from tasks.registry.model_versions import model_name
from tasks.registry.register_version import register
from tasks.registry.store_model import log_model, write_model
from tasks.settings import ROOT
from tasks.storage.store import write_frame
from tasks.tracking import training_runs
from tasks.training.context import TrainingContext, read_experiment
from tasks.training.fit import fit

FRAMES = {
    "NormalVideos": 947_000,
    "Stealing": 44_802,
    "Robbery": 41_493,
    "Burglary": 39_504,
    "Vandalism": 13_626,
    "Assault": 10_360,
    "Shooting": 7_140,
}
SMOTENC_ROWS = 100_000
UNITS = 50
GRID = {"extra": [], "decisions": ["argmax"]}


def toronto(problem: Problem) -> Experiment:
    """Fetch, validate and split Toronto's rows."""
    good = validate.fn(ingest.fn(problem), problem).good
    return read_experiment(split.fn(good, problem, None, SEED), problem, SEED)


def measure_smotenc(_folder: Path, rows: int | None) -> Iterator[str]:
    """Resample the same rows by both implementations, and fit LightGBM on each result."""
    problem = load_problem("toronto")
    experiment, features = toronto(problem), problem.features["base"]
    fold = experiment.folds[HOLDOUT_FOLD]
    chosen = np.random.default_rng(SEED).permutation(fold.train)[: rows or SMOTENC_ROWS]
    encoder, frame = build_encoder(features), experiment.frame[list(features.columns)]
    names = np.asarray(experiment.classes, dtype=object)[experiment.y[chosen]]
    X, y = encoder.fit_transform(frame.iloc[chosen], names), experiment.y[chosen]
    judged = encoder.transform(frame.iloc[fold.valid])
    first = n_categorical(features)

    def ours() -> tuple[np.ndarray, np.ndarray]:
        made = resample(SmoteStrategy(kind="smotenc"), X, y, experiment.classes, SEED, first)
        return made.X, made.y

    def theirs() -> tuple[np.ndarray, np.ndarray]:
        found: tuple[np.ndarray, np.ndarray] = SMOTENC(list(range(first)), random_state=SEED).fit_resample(X, y)
        return found

    yield "| SMOTENC | CPU s | rows made | macro-F1 | average precision |"
    yield "| --- | --- | --- | --- | --- |"
    took = {}
    for title, make in (("this project", ours), ("imbalanced-learn", theirs)):
        with threadpool_limits(1):
            begun = time.process_time()
            made_X, made_y = make()
            took[title] = time.process_time() - begun
            model = build_model(ModelSpec(kind="lightgbm"), SEED, len(made_y)).fit(made_X, made_y)
        proba = full_probabilities(model, judged, len(experiment.classes))
        found = score(experiment.y[fold.valid], proba, experiment.classes).metrics
        figures = f"{found['macro_f1']:.4f} | {found['average_precision']:.4f}"
        yield f"| {title} | {took[title]:.2f} | {len(made_y) - len(y):,} | {figures} |"
    yield ""
    yield f"{took['imbalanced-learn'] / took['this project']:.1f} times as fast, on {len(y):,} rows."


def measure_capped(_folder: Path, _rows: int | None) -> Iterator[str]:
    """Cap a data set whose largest class has 132 times the rows of its rarest; then take it from the cache."""
    classes = sorted(FRAMES)
    y = np.repeat(np.arange(len(classes)), [FRAMES[name] for name in classes])
    strategy = CappedStrategy(kind="capped", cap=20_000, per_class={"NormalVideos": 1.5})
    begun = time.perf_counter()
    kept = capped_rows(strategy, y, classes)
    seconds = time.perf_counter() - begun
    counts = class_counts(y[kept], classes)
    shown = ", ".join(f"{name} {counts[name]:,}" for name in FRAMES)
    yield f"{len(y):,} rows to {len(kept):,} in {seconds:.3f} s: {shown}."
    frame = pd.DataFrame({"frame": np.arange(len(y)), "activity": np.array(classes, dtype=object)[y]})
    train = write_frame(frame, "snapshots/{sha256}/rows.parquet")
    problem = load_problem("toronto").model_copy(
        update={"strategies": (strategy,), "target": Target(column="activity")}
    )
    parts = Parts(train=train, holdout=train, classes=tuple(classes), share=1.0)
    took = []
    for _ in range(2):
        begun = time.perf_counter()
        (made,) = balance.fn(parts, problem)
        took.append(time.perf_counter() - begun)
    if not made.cached:
        raise AssertionError("the capped data set was not taken from the cache")
    yield f"As a data set: read, written and checked in {took[0]:.2f} s, found in the cache in {took[1]:.3f} s."


def measure_scoring(folder: Path, rows: int | None) -> Iterator[str]:
    """Register LightGBM on base and on enriched features, and score a file by each in a process of its own."""
    problem = load_problem("toronto")
    experiment, data = toronto(problem), sampled_rows(problem, rows, folder)
    n_rows = len(pd.read_parquet(data, columns=[problem.target.column]))
    yield "| model | rows | scoring, CPU s | rows per CPU second | rows per CPU second, predict alone |"
    yield "| --- | --- | --- | --- | --- |"
    enriched = next(extra for extra in problem.extra if extra.features != "base")
    for features, params in (("base", {}), (enriched.features, enriched.params)):
        fitted, bare = shipped(experiment, problem, features, params)
        run_id = training_runs.start_training("toronto-bench", features, {}, {})
        logged = log_model(run_id, write_model(fitted, folder / f"{features}.skops"), experiment.frame.head())
        training_runs.end_training(run_id, "FINISHED", None)
        made = register(logged, run_id, model_name("toronto"), f"bench {features} {time.time_ns()}", {})
        seconds = _scored(data, made.version, folder)
        yield f"| {features} LightGBM | {n_rows:,} | {seconds:.1f} | {n_rows / seconds:,.0f} | {bare:,.0f} |"


def shipped(experiment: Experiment, problem: Problem, features: str, params: dict) -> tuple[FittedCandidate, float]:
    """Fit LightGBM with a multipliers rule, and time its predict alone, in rows per CPU second."""
    fold, columns = experiment.folds[HOLDOUT_FOLD], problem.features[features]
    encoder, frame = build_encoder(columns), experiment.frame[list(columns.columns)]
    names = np.asarray(experiment.classes, dtype=object)[experiment.y[fold.train]]
    X = encoder.fit_transform(frame.iloc[fold.train], names)
    spec = ModelSpec(kind="lightgbm", params=params)
    with threadpool_limits(1):
        model = build_model(spec, SEED, len(X)).fit(X, experiment.y[fold.train])
        begun = time.process_time()
        model.predict_proba(X[:SMOTENC_ROWS])
        bare = min(SMOTENC_ROWS, len(X)) / (time.process_time() - begun)
    rule = LargestWeighted("multipliers", tuple(experiment.classes), tuple(np.linspace(1, 2, len(experiment.classes))))
    return FittedCandidate(encoder, model, list(experiment.classes), rule), bare


def measure_dask(folder: Path, _rows: int | None) -> Iterator[str]:
    """Run very small units on a cluster of two processes, and in this process."""
    from distributed import LocalCluster

    from tasks.training.dask.cluster import DaskWorkers

    few = {"models": [{"kind": "lightgbm", "params": {"n_estimators": 1}}], "strategies": ["none"], **GRID}
    problem = load_problem(str(variant("toronto", folder, "few", **few)))
    good = validate.fn(ingest.fn(problem), problem).good
    parts = split.fn(good, problem, 2_000, SEED)
    (candidate,) = candidates(problem)
    os.environ["PYTHONPATH"] = str(ROOT)

    def each(target: Path, workers: DaskWorkers | None) -> float:
        begun = time.perf_counter()
        for _ in range(UNITS):
            fit.fn(TrainingContext(parts, problem, SEED, target), candidate, 0, workers)
        return (time.perf_counter() - begun) / UNITS

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster,
        DaskWorkers(cluster.scheduler_address) as dask,
    ):
        begun = time.perf_counter()
        for number in range(2):  # both processes read the rows
            fit.fn(TrainingContext(parts, problem, SEED, folder / "first"), candidate, number, dask)
        first = time.perf_counter() - begun
        there = each(folder / "there", dask)
    fit.fn(TrainingContext(parts, problem, SEED, folder / "first"), candidate, 0)
    here = each(folder / "here", None)
    more = (there - here) * 1e3
    yield f"A unit costs {more:.0f} ms more on the cluster than in this process ({UNITS} units, one after the other)."
    yield f"The first two, in which the workers import the libraries and read the rows: {first:.1f} s."


_SCORE = """
import sys, time
import mlflow, skops.io
from tasks.scoring.score_file import ScoreRequest, score
begun = time.process_time()
score.fn(ScoreRequest(problem="toronto", data=sys.argv[1], version=sys.argv[2], out=sys.argv[3]))
print(time.process_time() - begun)
"""


def _scored(data: Path, version: str, folder: Path) -> float:
    """Score in a fresh process; loading the model, reading and writing are included, imports are not."""
    command = [sys.executable, "-c", _SCORE, str(data), version, str(folder / "scored.parquet")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])
