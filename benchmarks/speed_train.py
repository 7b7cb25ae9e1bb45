"""The whole training command, by its steps."""

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


def tell_train(folder: Path, rows: int | None) -> Iterator[str]:
    """Train Toronto at the standard preset, with nothing but its data at hand."""
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
    yield f"The whole command: {took.wall:.0f} s, {took.cpu:.0f} CPU s, {took.peak / 1e6:.0f} MB at its peak."
    yield (
        f"Winner: {' / '.join(winner.values())}; held-out macro-F1 {held_out['macro_f1']:.4f}, average precision "
        f"{held_out['average_precision']:.4f}."
    )
    yield (
        "How fast the machine was: bare fits of gradient boosting and LightGBM on all training rows, one after the "
        f"other, took {before:.1f} CPU s before it and {after:.1f} after it."
    )


def base_rows(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Return all training rows as a model gets them, base columns and class codes."""
    experiment, columns = toronto(problem), problem.features[BASE]
    train_rows = experiment.folds[HOLDOUT_FOLD].train
    X = build_encoder(columns).fit_transform(experiment.frame[list(columns.columns)].iloc[train_rows])
    return X, experiment.y[train_rows]


def bare_fits(X: np.ndarray, y: np.ndarray) -> float:
    """CPU seconds of one fit each of the two boosted families, as they come, on one thread: a machine's own measure."""
    with threadpool_limits(1):
        begun = time.process_time()
        for kind in ("gradient_boosting", "lightgbm"):
            build_model(ModelSpec(kind=kind), SEED, len(X)).fit(X, y)
        return time.process_time() - begun
