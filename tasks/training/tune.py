"""Tune: a study of a candidate's settings on the training rows of one fold a task."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from threading import Event

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import task_run

from evenhand.problem import Problem
from evenhand.training.candidates import Candidate
from evenhand.training.tuned_settings import Chosen
from tasks.data.partition import Parts
from tasks.processes.pool import Workers
from tasks.settings import settings
from tasks.training.run import DECISIVE, code_hash
from tasks.training.study import study_fold, study_place, tuning_of
from tasks.training.units import UnitWorkers, Work, slug

_BUDGET = {"trials", "rounds", "max_seconds"}  # a larger one goes on with what a smaller one left


def _run_name() -> str:
    asked = task_run.parameters
    return f"tune {asked['candidate'].name}, {study_place(asked['fold'])}"


@task(name="tune", task_run_name=_run_name, cache_policy=NO_CACHE)
def tune(
    parts: Parts,
    problem: Problem,
    seed: int,
    candidate: Candidate,
    fold: int,
    folder: Path,
    workers: UnitWorkers | None = None,
    ended: Event | None = None,
) -> Chosen:
    """Choose a candidate's settings on the training rows of a fold; -1 is the study on all of them.

    Parameters
    ----------
    parts, problem, seed, folder, workers
        As for :func:`tasks.training.fit.fit`.
    candidate : Candidate
        With a ``tuning``.
    fold : int
    ended : Event, optional
        Once it is set no further trial begins; a process of ``workers`` is ended itself.
    """
    path = study_file(parts, problem, seed, candidate, fold)
    if not isinstance(workers, Workers):  # what shares no file with this process can't go on with a study's
        return study_fold(Work(parts, problem, seed, folder), candidate, fold, path, ended)
    what = f"tuning of {candidate.name}, {study_place(fold)}"
    return workers.run(what, study_fold, Work(parts, problem, seed, folder), candidate, fold, path)


def study_file(parts: Parts, problem: Problem, seed: int, candidate: Candidate, fold: int) -> Path:
    """Name the file of a study by everything but its budget that decides its trials."""
    tuning = tuning_of(candidate)
    decisive = {
        "rows": parts.train.sha256,
        "classes": parts.classes,
        "split": problem.split.model_dump(mode="json"),
        "model": candidate.model.model_dump(mode="json"),
        "strategy": candidate.strategy.model_dump(mode="json"),
        "features": problem.features[candidate.features].model_dump(mode="json"),
        "half_life_days": candidate.half_life_days,
        "tuning": tuning.model_dump(mode="json", exclude=_BUDGET),
        "space": {name: found.model_dump() for name, found in tuning.space_of(candidate.model).items()},
        "seed": seed,
        "code": code_hash(),
        "versions": {name: version(name) for name in (*DECISIVE, "optuna")},
    }
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]
    return settings().home / "tuning" / digest / f"{slug(candidate.fit_name)}_{fold}.journal"
