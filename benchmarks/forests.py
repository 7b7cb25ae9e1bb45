"""Measure scores and CPU seconds of forests under every strategy: ``python -m benchmarks.forests``.

Toronto's base columns, a stratified sample of the years before the held-out one, out of fold. ``exact`` is
scikit-learn's forest with its defaults (full bags, square root of the columns per split), ``default`` the project's,
``histogram`` LightGBM's ``boosting=rf``. CPU seconds are means over the folds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from lightgbm import LGBMClassifier

from benchmarks.families import load_experiment
from evenhand.data.split import make_folds
from evenhand.data.stratified_sample import largest_remainder_rows
from evenhand.features.encoder import build_encoder, n_categorical
from evenhand.metrics.scores import score
from evenhand.models import at_scale as model_at_scale
from evenhand.models import build_model, fit_rows
from evenhand.problem import AnyStrategy, ModelSpec, StratifiedFolds
from evenhand.scoring.model import full_probabilities
from evenhand.strategies import TrainingRows, at_scale, resample
from evenhand.training.experiment import Experiment
from tasks.data.problems import load_problem

SEED = 42
METRICS = ("macro_f1", "average_precision", "log_loss")
HISTOGRAM = {
    "boosting_type": "rf",
    "n_estimators": 100,
    "num_leaves": 1023,
    "subsample": 0.632,
    "subsample_freq": 1,
    "feature_fraction_bynode": 0.3,
    "min_child_samples": 1,
    "min_sum_hessian_in_leaf": 0.0,
    "deterministic": True,
    "force_col_wise": True,
    "verbose": -1,
    "n_jobs": 1,
}


class EncodedFold(NamedTuple):
    """The encoded rows of one fold."""

    X: np.ndarray
    y: np.ndarray
    judged_X: np.ndarray
    judged_y: np.ndarray


def main() -> None:
    """Print a markdown table, one line per strategy and forest as it is done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=60_000, help="size of the sample")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--judged", type=int, help="number of folds that are fitted; all of them if not given")
    parser.add_argument("--strategies", nargs="*", help="names; all of the problem's if not given")
    parser.add_argument("--forests", nargs="*", default=["exact", "default"], help="exact, default, histogram")
    asked = parser.parse_args()
    problem, experiment = load_problem("toronto"), load_experiment("toronto")
    training = experiment.folds[-1].train
    here = training[largest_remainder_rows(experiment.y[training], min(asked.rows, len(training)), SEED)]
    share, first_numbers = len(here) / len(training), n_categorical(problem.features["base"])
    folds = list(encoded(experiment, here, asked.folds))[: asked.judged]
    print(f"{len(here):,} rows, {len(folds)} of {asked.folds} folds\n")
    print("| strategy | forest | macro-F1 | average precision | log-loss | fit, CPU s | predict, CPU s |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for strategy in problem.strategies:
        if asked.strategies and strategy.name not in asked.strategies:
            continue
        made = [resampled(strategy, share, fold, experiment.classes, first_numbers) for fold in folds]
        for forest in asked.forests:
            lines = [
                line(forest, share, rows, fold, experiment.classes) for rows, fold in zip(made, folds, strict=True)
            ]
            *scores, fit, predict = np.mean(lines, axis=0)
            figures = " | ".join(f"{value:.4f}" for value in scores)
            print(f"| {strategy.name} | {forest} | {figures} | {fit:.1f} | {predict:.1f} |", flush=True)


def encoded(experiment: Experiment, here: np.ndarray, n_folds: int) -> Iterator[EncodedFold]:
    """Encode every fold of the sampled rows."""
    features = experiment.features["base"]
    frame, y = experiment.frame[list(features.columns)], experiment.y
    names = np.asarray(experiment.classes, dtype=object)
    for fold in make_folds(frame.iloc[here], y[here], StratifiedFolds(kind="stratified", n=n_folds), 0):
        train, valid = here[fold.train], here[fold.valid]
        encoder = build_encoder(features)
        X = encoder.fit_transform(frame.iloc[train], names[y[train]])
        yield EncodedFold(X, y[train], encoder.transform(frame.iloc[valid]), y[valid])


def resampled(
    strategy: AnyStrategy, share: float, fold: EncodedFold, classes: list[str], first_numbers: int
) -> TrainingRows:
    """Resample a fold; numbers of rows in the strategy are scaled to the sample."""
    return resample(at_scale(strategy, share), fold.X, fold.y, classes, SEED, first_numbers)


def line(forest: str, share: float, rows: TrainingRows, fold: EncodedFold, classes: list[str]) -> list[float]:
    """Fit and evaluate one forest; return its scores, and the CPU seconds of fitting and predicting."""
    spec = model_at_scale(ModelSpec(kind="random_forest", exact=forest == "exact"), share)
    histogram = forest == "histogram"
    model = LGBMClassifier(random_state=SEED, **HISTOGRAM) if histogram else build_model(spec, SEED, len(rows.y))
    begun = time.thread_time()
    fit_rows(model, rows)
    fitted = time.thread_time()
    proba = full_probabilities(model, fold.judged_X, len(classes))
    done = time.thread_time()
    metrics = score(fold.judged_y, proba, classes).metrics
    return [*(metrics[name] for name in METRICS), fitted - begun, done - fitted]


if __name__ == "__main__":
    main()
