"""Compare a stack with its members, evaluated on 2020: ``python -m benchmarks.stacking``.

Toronto, a sample of the years before 2021. Members are fitted on the years before 2020, the combination on their
out-of-fold probabilities of five folds. The held-out period is not evaluated. The figures are in docs/models.md.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.data.split import Fold, make_folds
from evenhand.metrics.scores import score
from evenhand.problem import Problem
from evenhand.training.candidates import Candidate, candidates, fits
from evenhand.training.experiment import Experiment
from evenhand.training.stacking import combined, fit_combiner
from tasks.data.ingest import ingest
from tasks.data.problems import load_problem
from tasks.data.split import split
from tasks.data.validate import validate
from tasks.training.context import read_experiment

SEED, JUDGED = 42, 2020
MEMBERS = ("lightgbm / none / enriched", "gradient_boosting / none", "random_forest / none")


def main() -> None:
    """Print a markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=30_000, help="size of the sample of training rows")
    problem = load_problem("toronto")
    experiment = before_and_after(problem, parser.parse_args().rows)
    chosen = {fit.fit_name: fit for fit in fits(candidates(problem))}
    known, unseen = zip(*(answers(experiment, chosen[name]) for name in MEMBERS), strict=True)
    inner = [fold for number, fold in sorted(experiment.folds.items()) if number != HOLDOUT_FOLD]
    y = experiment.y[np.concatenate([fold.valid for fold in inner])]
    lines = dict(zip(MEMBERS, unseen, strict=True))
    for combine in ("mean", "logistic"):
        lines[f"stack of the three, {combine}"] = combined(fit_combiner(combine, known, y), unseen)
    print("| | log-loss | average precision | macro-F1 | calibration error |\n| --- | --- | --- | --- | --- |")
    for name, proba in lines.items():
        found = score(experiment.y[experiment.folds[HOLDOUT_FOLD].valid], proba, experiment.classes).metrics
        figures = [found[metric] for metric in ("log_loss", "average_precision", "macro_f1", "ece")]
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in figures) + " |")


def before_and_after(problem: Problem, rows: int) -> Experiment:
    """Split the training rows into those before 2020, with folds, and those of 2020."""
    good = validate.fn(ingest.fn(problem), problem).good
    whole = read_experiment(split.fn(good, problem, rows, SEED), problem, SEED)
    when = whole.frame["occurrencedate"]
    year = when.dt.year.to_numpy()
    old, new = np.flatnonzero(year < JUDGED), np.flatnonzero(year == JUDGED)
    order = np.r_[old, new]
    frame, y, n = whole.frame.iloc[order].reset_index(drop=True), whole.y[order], len(old)
    folds = make_folds(frame.iloc[:n], y[:n], problem.split.folds, SEED)
    outer = Fold(HOLDOUT_FOLD, np.arange(n), np.arange(n, len(y)))
    times = pd.Series(frame["occurrencedate"])
    return Experiment(frame, y, whole.classes, [*folds, outer], problem.features, SEED, times)


def answers(experiment: Experiment, candidate: Candidate) -> tuple[np.ndarray, np.ndarray]:
    """Fit a member on every fold; return its probabilities out of fold, and for 2020."""
    numbers = sorted(number for number in experiment.folds if number != HOLDOUT_FOLD)
    found = [experiment.run(candidate, number).probabilities for number in (*numbers, HOLDOUT_FOLD)]
    known = [proba for proba in found if proba is not None]
    return np.concatenate(known[:-1]), known[-1]


if __name__ == "__main__":
    main()
