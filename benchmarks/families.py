"""Measure scores and CPU seconds of the families that balance inside, on one fold: ``python -m benchmarks.families``.

Rows of the problem's held-out period are not evaluated.
"""

from __future__ import annotations

import argparse

from evenhand.metrics.scores import score
from evenhand.models import check_models
from evenhand.problem import FULL_MODELS, ModelSpec, SimpleStrategy
from evenhand.training.candidates import Candidate
from evenhand.training.experiment import Experiment
from tasks.data.ingest import ingest
from tasks.data.problems import load_problem
from tasks.data.split import split
from tasks.data.validate import validate
from tasks.training.context import read_experiment

NONE, WEIGHTS = SimpleStrategy(kind="none"), SimpleStrategy(kind="class_weight")
PLAIN = ModelSpec(kind="lightgbm")
SEED = 42


def main() -> None:
    """Print a markdown table, one line per family as it is done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problem", default="toronto")
    parser.add_argument("--fold", type=int, default=0, help="number of the fold, from 0")
    parser.add_argument("--only", nargs="*", help="names of families")
    asked = parser.parse_args()
    experiment = load_experiment(asked.problem)
    fold = experiment.folds[asked.fold]
    print(f"fitted on {len(fold.train):,} rows, evaluated on {len(fold.valid):,}\n")
    print("| model | macro-F1 | average precision | fit, CPU s | adaptations |\n| --- | --- | --- | --- | --- |")
    tried = [Candidate(PLAIN, NONE), Candidate(PLAIN, WEIGHTS), *(Candidate(spec, NONE) for spec in FULL_MODELS)]
    for candidate in tried:
        if not asked.only or candidate.model.name in asked.only:
            print(line(experiment, candidate, asked.fold), flush=True)


def load_experiment(name: str) -> Experiment:
    """Fetch, validate and split a problem's rows."""
    problem = load_problem(name)
    check_models(FULL_MODELS)
    good = validate.fn(ingest.fn(problem), problem).good
    return read_experiment(split.fn(good, problem, None, SEED), problem, SEED)


def line(experiment: Experiment, candidate: Candidate, fold: int) -> str:
    """Fit one candidate and write its line of the table."""
    outcome = experiment.run(candidate, fold)
    named = candidate.model.name if candidate.strategy == NONE else candidate.name
    if outcome.probabilities is None or outcome.resampling is None:
        return f"| {named} | | | | {outcome.skipped} |"
    metrics = score(experiment.y[experiment.folds[fold].valid], outcome.probabilities, experiment.classes).metrics
    figures = f"{metrics['macro_f1']:.3f} | {metrics['average_precision']:.3f} | {outcome.fit_seconds:.0f}"
    return f"| {named} | {figures} | {'; '.join(outcome.resampling.adaptations)} |"


if __name__ == "__main__":
    main()
