"""Measure a column read as text, and rows made from altered texts: ``python -m benchmarks.text``.

West Yorkshire's locations ("On or near Supermarket") are its only texts, of a few words. Trained on July 2016,
evaluated on July 2017; the problem's held-out month is not read. The figures are in docs/text.md.
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd

from evenhand.data.split import Fold
from evenhand.metrics.scores import score
from evenhand.problem import AnyStrategy, FeatureSet, ModelSpec, SimpleStrategy, TextAugmentStrategy
from evenhand.training.candidates import Candidate
from evenhand.training.experiment import Experiment
from tasks.data.ingest import ingest
from tasks.data.problems import load_problem
from tasks.data.split import split
from tasks.data.validate import validate
from tasks.training.context import read_experiment

SEED = 42
MODEL = ModelSpec(
    kind="lightgbm",
    params={"num_leaves": 7, "learning_rate": 0.05, "min_child_samples": 100, "max_bin": 63},
)
STRATEGIES: tuple[AnyStrategy, ...] = (
    SimpleStrategy(kind="none"),
    SimpleStrategy(kind="random_over", ratio=0.2),
    TextAugmentStrategy(kind="text_augment", ratio=0.2),
)


def load_experiment() -> Experiment:
    """Train on July 2016 and evaluate on July 2017, with the location as category, as text, and without it."""
    problem = load_problem("west_yorkshire")
    good = validate.fn(ingest.fn(problem), problem).good
    whole = read_experiment(split.fn(good, problem, None, SEED), problem, SEED)
    year = pd.to_datetime(whole.frame["Month"]).dt.year.to_numpy()
    fold = Fold(0, np.flatnonzero(year == 2016), np.flatnonzero(year == 2017))
    base = problem.features["base"].model_dump(mode="json") | {"categorical": ["LSOA code"]}
    tried = {
        "without the location": base,
        "as a category": base | {"categorical": ["LSOA code", "Location"]},
        "as text": base | {"text": ["Location"]},
    }
    features = {name: FeatureSet.model_validate(columns) for name, columns in tried.items()}
    return Experiment(whole.frame, whole.y, whole.classes, [fold], features, SEED)


def main() -> None:
    """Print a markdown table, one line per fit as it is done."""
    experiment = load_experiment()
    fold = experiment.folds[0]
    y = experiment.y[fold.valid]
    print(f"trained on {len(fold.train):,} rows, evaluated on {len(fold.valid):,}\n")
    print("| location | strategy | macro-F1 | average precision | CPU s |\n| --- | --- | --- | --- | --- |")
    for name in experiment.features:
        for strategy in STRATEGIES if name == "as text" else STRATEGIES[:2]:
            begun = time.process_time()
            outcome = experiment.run(Candidate(MODEL, strategy, name), 0)
            judged = score(y, np.asarray(outcome.probabilities), experiment.classes).metrics
            figures = f"{judged['macro_f1']:.4f} | {judged['average_precision']:.4f}"
            print(f"| {name} | {strategy.name} | {figures} | {time.process_time() - begun:.0f} |", flush=True)


if __name__ == "__main__":
    main()
