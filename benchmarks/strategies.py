"""Measure the CPU seconds of strategies, and distances on standardised columns.

``python -m benchmarks.strategies cost`` and ``scale``: Toronto, trained on a stratified sample of the years before
2020, evaluated on 2020. The figures are in docs/strategies.md.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evenhand.data.stratified_sample import largest_remainder_rows
from evenhand.features.encoder import build_encoder, n_categorical
from evenhand.metrics.scores import score
from evenhand.models import build_model
from evenhand.problem import AnyStrategy, ModelSpec, NeighbourStrategy, SimpleStrategy
from evenhand.problem.strategies import FULL
from evenhand.scoring.model import full_probabilities
from evenhand.strategies import resample
from tasks.data.ingest import ingest
from tasks.data.problems import load_problem
from tasks.data.split import split
from tasks.data.validate import validate
from tasks.training.context import read_experiment

SEED = 42
SCORED_YEAR = 2020
SEARCHING = [
    strategy.model_copy(update={"max_rows": None}) for strategy in FULL if isinstance(strategy, NeighbourStrategy)
]


@dataclass(frozen=True, eq=False)
class EncodedRows:
    """Encoded rows of both periods; ``n_categorical`` leading columns are categories."""

    X: np.ndarray
    y: np.ndarray
    scored_X: np.ndarray
    scored_y: np.ndarray
    classes: list[str]
    n_categorical: int


def toronto() -> EncodedRows:
    """Encode the years before 2020, and 2020."""
    problem = load_problem("toronto", None)
    good = validate.fn(ingest.fn(problem, False), problem).good
    experiment = read_experiment(split.fn(good, problem, None, SEED), problem, SEED)
    year = pd.to_datetime(experiment.frame["occurrencedate"]).dt.year.to_numpy()
    train, scored = np.flatnonzero(year < SCORED_YEAR), np.flatnonzero(year == SCORED_YEAR)
    features = problem.features["base"]
    encoder = build_encoder(features)
    frame = experiment.frame[list(features.columns)]
    X = encoder.fit_transform(frame.iloc[train], np.asarray(experiment.classes, dtype=object)[experiment.y[train]])
    return EncodedRows(
        X,
        experiment.y[train],
        encoder.transform(frame.iloc[scored]),
        experiment.y[scored],
        experiment.classes,
        n_categorical(features),
    )


def cost(rows: EncodedRows, sizes: list[int], only: list[str] | None) -> None:
    """Print the CPU seconds of each strategy, and the power of the number of rows with which they grow."""
    print(f"{'strategy':22s}" + "".join(f"{size:>9,}" for size in sizes) + "   power")
    for strategy in SEARCHING:
        if only and strategy.name not in only:
            continue
        took = []
        for size in sizes:
            here = largest_remainder_rows(rows.y, size, SEED)
            started = time.thread_time()
            resample(strategy, rows.X[here], rows.y[here], rows.classes, SEED, rows.n_categorical)
            took.append(time.thread_time() - started)
        power = np.polyfit(np.log(sizes), np.log(took), 1)[0]
        print(f"{strategy.name:22s}" + "".join(f"{seconds:9.2f}" for seconds in took) + f"{power:8.2f}", flush=True)


def scale(rows: EncodedRows, size: int) -> None:
    """Print the scores of LightGBM with distances on the columns as they are, and on standardised ones."""
    here = largest_remainder_rows(rows.y, size, SEED)
    X, y = rows.X[here], rows.y[here]
    tried: list[tuple[str, AnyStrategy]] = [("", SimpleStrategy(kind="none"))]
    kinds = {strategy.model_copy(update={"label": None}).name: strategy for strategy in SEARCHING}
    for strategy in kinds.values():
        for on in (False, True):
            tried.append(("standardised" if on else "as they are", strategy.model_copy(update={"standardise": on})))
    for columns, candidate in tried:
        made = resample(candidate, X, y, rows.classes, SEED, rows.n_categorical)
        model = build_model(ModelSpec(kind="lightgbm"), SEED, len(made.y)).fit(made.X, made.y)
        found = score(rows.scored_y, full_probabilities(model, rows.scored_X, len(rows.classes)), rows.classes).metrics
        print(
            f"{candidate.kind} {getattr(candidate, 'version', '')} {columns:14s} rows {len(made.y):6,}  macro-F1 "
            f"{found['macro_f1']:.4f}  average precision {found['average_precision']:.4f}",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["cost", "scale"])
    parser.add_argument("--rows", type=int, nargs="+", default=[5_000, 10_000, 20_000])
    parser.add_argument("--only", nargs="*", help="names of strategies, for cost")
    asked = parser.parse_args()
    if asked.what == "cost":
        cost(toronto(), asked.rows, asked.only)
    else:
        scale(toronto(), asked.rows[-1])
