"""A unit: one candidate on one fold, fitted and predicted. Runs in any process; needs neither Prefect nor MLflow."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from evenhand.metrics.scores import score
from evenhand.models.distributed_fit import DistributedFit
from evenhand.strategies import ResamplingRecord
from evenhand.training.candidates import Candidate
from evenhand.training.experiment import Outcome
from tasks.processes.memory import trim
from tasks.training.context import TrainingContext


@dataclass(frozen=True)
class Unit:
    """What a finished unit leaves: a file of probabilities, or why there is none, and its resampling record."""

    candidate: Candidate
    fold: int
    fit_seconds: float
    probabilities: Path | None
    resampling: ResamplingRecord | None
    skipped: str | None
    primary: float | None
    importance: tuple[float, ...] | None = None
    leaks: tuple[str, ...] | None = None
    """Findings of the leak sentinel; None where nothing was fitted."""
    nested: tuple[Path, ...] = ()
    """Of a stack: see :class:`evenhand.metrics.predictions.Predictions`."""
    foreign: bool = False
    """Whether it was read from a shared store, and a training of another home has fitted it."""
    read: bool = False
    """Whether it was read, not fitted."""


class UnitWorkers(Protocol):
    """Processes that run units."""

    @property
    def shared(self) -> Path | None:
        """Folder through which they share rows; None where they share none."""

    @property
    def together(self) -> DistributedFit | None:
        """How a distributed model is fitted on them; None where it can't be."""

    def run(self, what: str, function: Callable[..., Unit], context: TrainingContext, *args: object) -> Unit:
        """Run ``function(context, *args)`` in one of them; ``what`` names it in messages."""


def run_unit(context: TrainingContext, candidate: Candidate, fold: int, together: DistributedFit | None = None) -> Unit:
    """Fit a candidate on a fold's training rows and predict the others; fold -1 is the held-out period."""
    outcome = context.experiment.run(candidate, fold, together=together)
    unit = record_unit(context, candidate, fold, outcome)
    trim()
    return unit


def left_out_unit(candidate: Candidate, fold: int) -> Unit:
    """Return the unit of a candidate that is not fitted, since it would be the same as another."""
    return Unit(candidate, fold, 0.0, None, None, candidate.left_out, None)


def record_unit(context: TrainingContext, candidate: Candidate, fold: int, outcome: Outcome) -> Unit:
    """Write the probabilities of a unit into the training's folder and return the rest of what it leaves."""
    if outcome.probabilities is None:
        return Unit(candidate, fold, 0.0, None, None, outcome.skipped, None)
    path = write_probabilities(context, candidate, str(fold), outcome.probabilities)
    experiment = context.experiment
    scores = score(experiment.y[experiment.folds[fold].valid], outcome.probabilities, experiment.classes)
    importance = None if outcome.importance is None else tuple(float(v) for v in outcome.importance)
    primary = scores.metrics[context.problem.metric]
    return Unit(
        candidate, fold, outcome.fit_seconds, path, outcome.resampling, None, primary, importance, outcome.leaks
    )


def write_probabilities(context: TrainingContext, candidate: Candidate, name: str, proba: np.ndarray) -> Path:
    """Write probabilities of shape (n, K) to ``units/<candidate>/<name>.npy``, whole or not at all."""
    path = context.units / slug(candidate.name) / f"{name}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        np.save(file, proba, allow_pickle=False)
    partial.replace(path)
    return path


def slug(name: str) -> str:
    """Turn a candidate's name into a file name that no other candidate has."""
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:120]
    return f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
