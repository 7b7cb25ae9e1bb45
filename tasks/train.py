"""Train: one (candidate, fold) unit of work a task; its probabilities go to the training's folder."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import task_run

from evenhand.correction import Shares
from evenhand.ending import Ending
from evenhand.errors import ValidationFailed
from evenhand.evaluate import score
from evenhand.experiment import Candidate, Experiment, OnceCache, Outcome
from evenhand.fitted import FittedCandidate
from evenhand.problem import Problem
from evenhand.split import Fold, make_folds
from evenhand.strategies import LedgerEntry
from tasks.split import Parts
from tasks.storage import read_frame

HOLDOUT_FOLD = -1
EXAMPLE_ROWS = 5

_experiments = OnceCache(size=1)


@dataclass(frozen=True)
class Unit:
    """What a finished unit leaves: a file of probabilities or a reason, and a line of the ledger."""

    candidate: Candidate
    fold: int
    fit_seconds: float
    probabilities: Path | None
    ledger: LedgerEntry | None
    skipped: str | None
    primary: float | None
    importance: tuple[float, ...] | None = None
    leaks: tuple[str, ...] | None = None
    """What the leak sentinel found; None where nothing was fitted."""


def experiment_of(parts: Parts, problem: Problem, seed: int) -> Experiment:
    """Read the rows of a training once a process and make its folds; the held-out period is fold -1."""
    return _experiments.get((parts, problem.model_dump_json(), seed), lambda: _experiment(parts, problem, seed))


def _experiment(parts: Parts, problem: Problem, seed: int) -> Experiment:
    train, holdout = read_frame(parts.train), read_frame(parts.holdout)
    frame = pd.concat([train, holdout], ignore_index=True)
    target = problem.target.column
    y = pd.Categorical(frame[target], categories=list(parts.classes)).codes.astype(np.int64)
    inner = make_folds(train, y[: len(train)], problem.split.folds, seed)
    outer = Fold(HOLDOUT_FOLD, np.arange(len(train)), np.arange(len(train), len(frame)))
    when = frame[problem.split.holdout.column]
    times = when if pd.api.types.is_datetime64_any_dtype(when) else None
    return Experiment(frame.drop(columns=target), y, parts.classes, [*inner, outer], problem.features, seed, times)


def fold_numbers(parts: Parts, problem: Problem, seed: int) -> list[int]:
    """List the folds inside the training rows."""
    return [number for number in experiment_of(parts, problem, seed).folds if number != HOLDOUT_FOLD]


def slug(name: str) -> str:
    """Turn a candidate's name into a file name that no other candidate has."""
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def place(fold: int) -> str:
    """Name a fold for people."""
    return "held-out period" if fold == HOLDOUT_FOLD else f"fold {fold + 1}"


def _run_name() -> str:
    asked = task_run.parameters
    return f"{asked['candidate'].name}, {place(asked['fold'])}"


@task(name="fit", task_run_name=_run_name, cache_policy=NO_CACHE)
def fit(parts: Parts, problem: Problem, seed: int, candidate: Candidate, fold: int, folder: Path) -> Unit:
    """Fit a candidate on a fold's training rows and judge it on the others.

    Parameters
    ----------
    parts : Parts
    problem : Problem
    seed : int
    candidate : Candidate
    fold : int
        -1 is the held-out period.
    folder : Path
        Of the training; the probabilities go below ``units/``.
    """
    experiment = experiment_of(parts, problem, seed)
    return _left(experiment, problem, candidate, fold, folder, experiment.run(candidate, fold))


class Refitted(NamedTuple):
    """The winner, fitted on all training rows."""

    unit: Unit
    fitted: FittedCandidate
    example: pd.DataFrame


@task(name="refit winner", task_run_name="refit {candidate.name}", cache_policy=NO_CACHE)
def refit(parts: Parts, problem: Problem, seed: int, candidate: Candidate, ending: Ending, folder: Path) -> Refitted:
    """Fit the winner on all training rows, never the held-out ones, and give it the ending fitted out of fold.

    Returns
    -------
    Refitted
        With an example of the raw columns that the model takes.
    """
    experiment = experiment_of(parts, problem, seed)
    outcome = experiment.run(candidate, HOLDOUT_FOLD, keep_model=True, rule=ending.rule)
    if outcome.fitted is None or outcome.ledger is None:
        raise ValidationFailed(f"{candidate.name} won out of fold but can't be fitted on all rows: {outcome.skipped}")
    calibrator = ending.correction.for_model(Shares.of(outcome.ledger))
    fitted = outcome.fitted.set_params(calibrator=calibrator, decides_on=ending.decides_on)
    example = experiment.frame[list(problem.features[candidate.features].columns)].head(EXAMPLE_ROWS)
    unit = _left(experiment, problem, candidate, HOLDOUT_FOLD, folder, outcome)
    return Refitted(unit, fitted, example)


def _left(
    experiment: Experiment, problem: Problem, candidate: Candidate, fold: int, folder: Path, outcome: Outcome
) -> Unit:
    if outcome.probabilities is None:
        return Unit(candidate, fold, 0.0, None, None, outcome.skipped, None)
    path = folder / "units" / slug(candidate.name) / f"{fold}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, outcome.probabilities, allow_pickle=False)
    judged = score(experiment.y[experiment.folds[fold].valid], outcome.probabilities, experiment.classes)
    importance = None if outcome.importance is None else tuple(float(v) for v in outcome.importance)
    primary = judged.metrics[problem.metric]
    return Unit(candidate, fold, outcome.fit_seconds, path, outcome.ledger, None, primary, importance, outcome.leaks)
