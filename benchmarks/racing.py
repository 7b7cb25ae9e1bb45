"""Measure how often racing keeps the winner, and what it saves: ``python -m benchmarks.racing``.

Each seed draws a sample of the problem's training rows, its folds and its models. Every fit is done once on every fold;
the races are then replayed on these probabilities, so that only the race differs. Rows of the problem's held-out
period are not used.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.evidence.evaluation_rows import EvaluationRows
from evenhand.metrics.predictions import Predictions
from evenhand.metrics.scores import score
from evenhand.postprocess.choose_calibration import Shares
from evenhand.problem import Problem
from evenhand.training.candidates import Candidate, candidates, fits
from evenhand.training.experiment import Experiment, Outcome
from evenhand.training.racing import (
    ERROR,
    FOLDS_BEFORE_RACE,
    Race,
    compared_fits,
    measured_candidate,
    protected_fits,
    ruled_out,
)
from tasks.data.ingest import ingest
from tasks.data.problems import load_problem
from tasks.data.split import split
from tasks.data.validate import validate
from tasks.training.context import read_experiment

CHEAP = {"random_forest": {"n_estimators": 12}, "gradient_boosting": {"max_iter": 12}, "lightgbm": {"n_estimators": 12}}
ERRORS = (ERROR, 0.5, 5.0)
Found = Mapping[str, Mapping[int, Outcome]]


@dataclass(frozen=True)
class Replay:
    """One replay: the winner, and the share of the CPU seconds of all fits that was spent."""

    winner: str
    spent: float
    stopped: int


def main() -> None:
    """Print one line per seed, grid and error, then a markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problem", default="toronto")
    parser.add_argument("--rows", type=int, default=4_000)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    asked = parser.parse_args()
    problem = cheap(load_problem(asked.problem))
    good = validate.fn(ingest.fn(problem), problem).good
    grids = {"as the problem declares": candidates(problem)}
    plain = [one for one in grids["as the problem declares"] if one.name == one.fit_name and one.features == "base"]
    grids["base features, argmax"] = plain
    races: dict[tuple[str, float], list[tuple[Replay, Replay]]] = {}
    for seed in range(asked.first, asked.first + asked.seeds):
        experiment = read_experiment(split.fn(good, problem, asked.rows, seed), problem, seed)
        folds = [number for number in experiment.folds if number != HOLDOUT_FOLD]
        found = {fit.name: {fold: experiment.run(fit, fold) for fold in folds} for fit in fits(candidates(problem))}
        for name, grid in grids.items():
            whole = replayed(experiment, problem, grid, found, folds, None)
            for error in ERRORS:
                raced = replayed(experiment, problem, grid, found, folds, error)
                races.setdefault((name, error), []).append((whole, raced))
                print(f"seed {seed}, {name}, {error:g}: {whole.winner} | {raced}", flush=True)
    print(f"\n{asked.rows:,} rows, {asked.seeds} seeds, {problem.metric}\n")
    print(
        "| candidates | error | same winner | fits stopped | CPU seconds of the fits |\n| --- | --- | --- | --- | --- |"
    )
    for (name, error), pairs in races.items():
        same = sum(raced.winner == whole.winner for whole, raced in pairs)
        stopped = statistics.mean(raced.stopped for _, raced in pairs)
        spent = statistics.mean(raced.spent for _, raced in pairs)
        print(f"| {name} | {error:g} | {same} of {len(pairs)} | {stopped:.1f} | {spent:.0%} |")


def cheap(problem: Problem) -> Problem:
    """Give each model few rounds or trees, since only the race is measured."""
    models = [one.model_copy(update={"params": {**one.params, **CHEAP.get(one.kind, {})}}) for one in problem.models]
    extra = [
        one.model_copy(update={"params": {**one.params, "n_estimators": 25, "learning_rate": 0.15}})
        for one in problem.extra
    ]
    return problem.model_copy(update={"models": tuple(models), "extra": tuple(extra)})


def replayed(
    experiment: Experiment,
    problem: Problem,
    grid: Sequence[Candidate],
    found: Found,
    folds: Sequence[int],
    error: float | None,
) -> Replay:
    """Replay the race over the folds; where ``error`` is None, every candidate runs to the end."""
    fitted = {fit.name: fit for fit in fits(grid)}
    protected = protected_fits(grid, problem)
    alive, spent = list(fitted), 0.0
    for done, fold in enumerate(folds, start=1):
        spent += sum(found[name][fold].fit_seconds for name in alive)
        if error is not None and FOLDS_BEFORE_RACE <= done < len(folds):
            rows, answers = answered(experiment, problem, grid, found, alive, folds[:done])
            entrants = len(fitted) - len(protected)
            race = Race(problem.metric, len(folds), protected, compared_fits(grid), entrants, error)
            out = ruled_out(rows, answers, race)
            alive = [name for name in alive if name not in out]
    rows, answers = answered(experiment, problem, grid, found, alive, folds)
    # The winner is chosen as in a training: by the score of all rows, and the first of equal ones.
    scores = {
        name: score(rows.y, np.eye(len(rows.classes))[one.codes], rows.classes, one.codes).metrics[problem.metric]
        for of_fit in answers.values()
        for name, one in of_fit.items()
    }
    order = [candidate.name for candidate in grid if candidate.name in scores]
    total = sum(found[name][fold].fit_seconds for name in fitted for fold in folds)
    return Replay(max(order, key=lambda name: scores[name]), spent / total, len(fitted) - len(alive))


def answered(
    experiment: Experiment,
    problem: Problem,
    grid: Sequence[Candidate],
    found: Found,
    alive: Sequence[str],
    folds: Sequence[int],
) -> tuple[EvaluationRows, dict[str, dict]]:
    """Collect the rows of some folds, and the predictions of every candidate that is still running."""
    parts = [experiment.folds[fold] for fold in folds]
    y = experiment.y[np.concatenate([part.valid for part in parts])]
    of_row = np.repeat(folds, [len(part.valid) for part in parts])
    ratios = tuple(len(part.valid) / len(part.train) for part in parts)
    rows = EvaluationRows(y, tuple(experiment.classes), of_row, ratios)
    answers: dict[str, dict] = {}
    for candidate in grid:
        if candidate.fit_name in alive:
            outcomes = [found[candidate.fit_name][fold] for fold in folds]
            raw = np.concatenate([outcome.probabilities for outcome in outcomes])
            shares = {fold: Shares.of(one.resampling) for fold, one in zip(folds, outcomes, strict=True)}
            trained = np.mean([one.trained for one in shares.values()], axis=0)
            known = Predictions(y, raw, folds=of_row)
            answer = measured_candidate(rows, known, candidate.decision, problem.metric, trained)
            answers.setdefault(candidate.fit_name, {})[candidate.name] = answer
    return rows, answers


if __name__ == "__main__":
    main()
