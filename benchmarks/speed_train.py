"""The cost of the whole training command, by its steps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.speed_parts import toronto
from benchmarks.variants import SEED, sampled_rows, train, variant
from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.features.encoder import build_encoder
from evenhand.models import build_model
from evenhand.problem import BASE, ModelSpec, Problem
from tasks.data.problems import load_problem


def measure_train(folder: Path, rows: int | None) -> Iterator[str]:
    """Train Toronto with the standard preset; only its data are cached."""
    changes = {}
    if rows is not None:
        data = sampled_rows(load_problem("toronto"), rows, folder)
        changes = {"source": {"kind": "parquet", "path": str(data)}, "suite": None}
    file = variant("toronto", folder, "standard", **changes)
    rows_of_base = base_rows(load_problem(str(file)))
    before = bare_fits(*rows_of_base)
    done = train(file, folder)
    after = bare_fits(*rows_of_base)
    yield "| step | wall s |"
    yield "| --- | --- |"
    for step, seconds in done.summary["seconds"].items():
        yield f"| {step} | {seconds:.1f} |"
    took, winner = done.metered, done.summary["winner"]
    held_out = next(
        candidate["test"]
        for candidate in done.summary["candidates"]
        if all(candidate[key] == winner[key] for key in winner)
    )
    yield ""
    yield f"The whole command: {took.wall:.0f} s, {took.cpu:.0f} CPU s, {took.peak / 1e6:.0f} MB at the peak."
    yield (
        f"Winner: {' / '.join(winner.values())}; held-out macro-F1 {held_out['macro_f1']:.4f}, average precision "
        f"{held_out['average_precision']:.4f}."
    )
    yield (
        "Speed of the machine: one fit each of gradient boosting and LightGBM on all training rows took "
        f"{before:.1f} CPU s before the command and {after:.1f} after it."
    )


def base_rows(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Return the encoded base columns and the class codes of all training rows."""
    experiment, columns = toronto(problem), problem.features[BASE]
    train_rows = experiment.folds[HOLDOUT_FOLD].train
    X = build_encoder(columns).fit_transform(experiment.frame[list(columns.columns)].iloc[train_rows])
    return X, experiment.y[train_rows]


def bare_fits(X: np.ndarray, y: np.ndarray) -> float:
    """Return the CPU seconds of one fit each of the two boosted families on one thread, to compare machines by."""
    with threadpool_limits(1):
        begun = time.process_time()
        for kind in ("gradient_boosting", "lightgbm"):
            build_model(ModelSpec(kind=kind), SEED, len(X)).fit(X, y)
        return time.process_time() - begun
