"""Units: one (candidate, fold) fitted and judged, in whatever process; nothing here needs Prefect or MLflow."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from evenhand.data.split import Fold, make_folds
from evenhand.metrics.scores import score
from evenhand.models.together import FitTogether
from evenhand.models.transfer_data import Elsewhere
from evenhand.problem import Problem
from evenhand.strategies import ResamplingRecord
from evenhand.training.candidates import Candidate
from evenhand.training.experiment import Experiment, Outcome
from evenhand.training.fold_cache import OnceCache
from tasks.data.partition import Borrowed, Parts
from tasks.processes.mapped_cache import SharedCache, mapped_rows
from tasks.processes.memory import trim
from tasks.storage.store import read_frame

HOLDOUT_FOLD = -1

_experiments = OnceCache(size=1)


@dataclass(frozen=True)
class Unit:
    """What a finished unit leaves: a file of probabilities or a reason, and a resampling record."""

    candidate: Candidate
    fold: int
    fit_seconds: float
    probabilities: Path | None
    resampling: ResamplingRecord | None
    skipped: str | None
    primary: float | None
    importance: tuple[float, ...] | None = None
    leaks: tuple[str, ...] | None = None
    """What the leak sentinel found; None where nothing was fitted."""
    nested: tuple[Path, ...] = ()
    """Of a stack: see :class:`evenhand.postprocess.choose_calibration.Known`."""


@dataclass(frozen=True)
class Work:
    """What the units of one training have in common, by reference.

    Attributes
    ----------
    parts : Parts
    problem : Problem
    seed : int
    folder : Path
        Of the training; probabilities go below ``units/``.
    """

    parts: Parts
    problem: Problem
    seed: int
    folder: Path


class UnitWorkers(Protocol):
    """Processes that units run in."""

    @property
    def shared(self) -> Path | None:
        """Where they share rows, if they do."""

    @property
    def together(self) -> FitTogether | None:
        """How they fit a distributed model, if they can."""

    def run(self, what: str, function: Callable[..., Unit], work: Work, *args: object) -> Unit:
        """Run ``function(work, *args)`` in one of them; ``what`` names it for people."""

    def drop(self, fold: int) -> None:
        """Forget what was shared of a fold, all units of which are done."""


def run_unit(work: Work, candidate: Candidate, fold: int, together: FitTogether | None = None) -> Unit:
    """Fit a candidate on a fold's training rows and judge it on the others; fold -1 is the held-out period."""
    experiment = experiment_of(work.parts, work.problem, work.seed)
    unit = left_by(experiment, work, candidate, fold, experiment.run(candidate, fold, together=together))
    trim()
    return unit


def left_by(experiment: Experiment, work: Work, candidate: Candidate, fold: int, outcome: Outcome) -> Unit:
    """Write the probabilities of a unit into the training's folder and sum up the rest."""
    if outcome.probabilities is None:
        return Unit(candidate, fold, 0.0, None, None, outcome.skipped, None)
    path = work.folder / "units" / slug(candidate.name) / f"{fold}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        np.save(file, outcome.probabilities, allow_pickle=False)
    partial.replace(path)
    judged = score(experiment.y[experiment.folds[fold].valid], outcome.probabilities, experiment.classes)
    importance = None if outcome.importance is None else tuple(float(v) for v in outcome.importance)
    primary = judged.metrics[work.problem.metric]
    return Unit(
        candidate, fold, outcome.fit_seconds, path, outcome.resampling, None, primary, importance, outcome.leaks
    )


def experiment_of(parts: Parts, problem: Problem, seed: int) -> Experiment:
    """Make the folds of a training once a process; the held-out period is fold -1."""
    key = (parts, problem.model_dump_json(), seed)
    found: Experiment = _experiments.get(key, lambda: _experiment(parts, problem, seed))
    return found


def _experiment(parts: Parts, problem: Problem, seed: int) -> Experiment:
    def read() -> pd.DataFrame:
        return pd.concat([read_frame(parts.train), read_frame(parts.holdout)], ignore_index=True)

    shared, target = parts.shared, problem.target.column
    frame = mapped_rows(shared, read) if shared else read()
    train = frame.iloc[: parts.train.rows]
    y = pd.Categorical(frame[target], categories=list(parts.classes)).codes.astype(np.int64)
    inner = make_folds(train, y[: len(train)], problem.split.folds, seed)
    outer = Fold(HOLDOUT_FOLD, np.arange(len(train)), np.arange(len(train), len(frame)))
    when = frame[problem.split.holdout.column]
    columns = [str(name) for name in frame.columns if name != target]
    rows = partial(mapped_rows, shared, read, columns) if shared else frame[columns]
    places = {borrowed.name: _elsewhere(borrowed, parts, problem) for borrowed in parts.elsewhere}
    cache = SharedCache(shared) if shared else None
    given = (rows, y, parts.classes, [*inner, outer], problem.features, seed, when)
    return Experiment(*given, encoded=cache, resampled=cache, elsewhere=places)


def _elsewhere(borrowed: Borrowed, parts: Parts, problem: Problem) -> Elsewhere:
    rows, target = read_frame(borrowed.rows), problem.target.column
    y = pd.Categorical(rows[target], categories=list(parts.classes)).codes.astype(np.int64)
    return Elsewhere(rows.drop(columns=target), y, rows[problem.split.holdout.column])


def fold_numbers(parts: Parts, problem: Problem, seed: int) -> list[int]:
    """List the folds inside the training rows."""
    return [number for number in experiment_of(parts, problem, seed).folds if number != HOLDOUT_FOLD]


def slug(name: str) -> str:
    """Turn a candidate's name into a file name that no other candidate has."""
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:120]
    return f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def place(fold: int) -> str:
    """Name a fold for people."""
    return "held-out period" if fold == HOLDOUT_FOLD else f"fold {fold + 1}"
