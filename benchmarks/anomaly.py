"""Measure whether anomaly detectors find rare classes, and whether their scores help as features.

``python -m benchmarks.anomaly detectors`` and ``python -m benchmarks.anomaly features --rows 60000``.

Toronto, trained on the years before 2020, evaluated on 2020; the problem's held-out period is not read. The figures are
in docs/anomaly.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, roc_auc_score

from evenhand.data.split import Fold
from evenhand.data.stratified_sample import stratified_rows
from evenhand.metrics.scores import score
from evenhand.postprocess.rules import LargestWeighted
from evenhand.problem import DETECTORS, FeatureSet, ModelSpec, SimpleStrategy
from evenhand.training.candidates import Candidate
from evenhand.training.experiment import Experiment
from tasks.data.ingest import ingest
from tasks.data.problems import load_problem
from tasks.data.split import split
from tasks.data.validate import validate
from tasks.training.context import read_experiment

SEED = 42
JUDGED = 2020
NONE = SimpleStrategy(kind="none")
RARE = ("Robbery", "Theft Over")
MODEL = ModelSpec(
    kind="lightgbm",
    params={"n_estimators": 150, "learning_rate": 0.07, "max_bin": 63, "colsample_bytree": 0.2},
)


def load_experiment(n_rows: int) -> Experiment:
    """Take the years before 2020, or a stratified sample of them, as training rows, and 2020 as the evaluated ones."""
    problem = load_problem("toronto")
    good = validate.fn(ingest.fn(problem), problem).good
    whole = read_experiment(split.fn(good, problem, None, SEED), problem, SEED)
    year = pd.to_datetime(whole.frame["occurrencedate"]).dt.year.to_numpy()
    before = np.flatnonzero(year < JUDGED)
    fold = Fold(0, before[stratified_rows(whole.y[before], n_rows, SEED)], np.flatnonzero(year == JUDGED))
    return Experiment(whole.frame, whole.y, whole.classes, [fold], dict(tried(problem.features)), SEED)


def tried(features: dict[str, FeatureSet]) -> Iterator[tuple[str, FeatureSet]]:
    """List the problem's feature sets, and each with the scores of every detector of the rare classes."""
    detectors = tuple(DETECTORS[kind](kind=kind, class_name=name) for kind in DETECTORS for name in RARE)
    for name in ("base", "enriched"):
        yield name, features[name]
        yield f"{name} + anomaly", features[name].model_copy(update={"anomaly": detectors})


def detectors(experiment: Experiment) -> None:
    """Print how well each detector alone finds its class."""
    y = experiment.y[experiment.folds[0].valid]
    print("| detector | class | share of the rows | ROC AUC | average precision | fit, CPU s |")
    print("| --- | --- | --- | --- | --- | --- |")
    for kind in DETECTORS:
        for name in RARE:
            outcome = experiment.run(Candidate(ModelSpec(kind=kind, class_name=name), NONE), 0)
            code = experiment.classes.index(name)
            positive, proba = y == code, np.asarray(outcome.probabilities)[:, code]
            figures = f"{roc_auc_score(positive, proba):.3f} | {average_precision_score(positive, proba):.3f}"
            print(f"| `{kind}` | {name} | {positive.mean():.3f} | {figures} | {outcome.fit_seconds:.0f} |", flush=True)


def features(experiment: Experiment, seeds: int, sets: Sequence[str]) -> None:
    """Print the metrics of LightGBM with and without the scores, with the rule p / prior^0.5, over several seeds."""
    y = experiment.y[experiment.folds[0].valid]
    shares = np.bincount(experiment.y[experiment.folds[0].train]) / len(experiment.folds[0].train)
    rule = LargestWeighted("prior_power", tuple(experiment.classes), tuple(shares**-0.5))
    print("| features | macro-F1 | average precision | encoding, CPU s |\n| --- | --- | --- | --- |")
    for name in (name for name in experiment.features if name.removesuffix(" + anomaly") in sets):
        begun = time.process_time()
        experiment.feature_names(name, 0)
        encoding, rows = time.process_time() - begun, []
        for seed in range(seeds):
            experiment.seed = seed
            proba = np.asarray(experiment.run(Candidate(MODEL, NONE, name), 0).probabilities)
            metrics = score(y, proba, experiment.classes, rule.decide(proba)).metrics
            rows.append((metrics["macro_f1"], metrics["average_precision"]))
        f1, precision = np.array(rows).T
        print(
            f"| {name} | {f1.mean():.4f} ({np.ptp(f1):.4f}) | {precision.mean():.4f} ({np.ptp(precision):.4f}) "
            f"| {encoding:.0f} |",
            flush=True,
        )


def main() -> None:
    """Print a markdown table; the range over the seeds is in brackets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["detectors", "features"])
    parser.add_argument("--rows", type=int, default=200_000, help="largest number of training rows")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds of the model")
    parser.add_argument("--sets", nargs="*", default=["base", "enriched"], help="feature sets")
    asked = parser.parse_args()
    experiment = load_experiment(asked.rows)
    fold = experiment.folds[0]
    print(f"trained on {len(fold.train):,} rows, evaluated on {len(fold.valid):,}\n")
    if asked.part == "detectors":
        detectors(experiment)
    else:
        features(experiment, asked.seeds, asked.sets)


if __name__ == "__main__":
    main()
