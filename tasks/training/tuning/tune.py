"""Tune: one task per study of a candidate's settings, on the training rows of one fold or on all of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from threading import Event
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture, as_completed
from prefect.runtime import task_run

from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.report.table_model import decimal
from evenhand.text.printable import printable
from evenhand.training.candidates import Candidate, fits, tuned_candidates
from evenhand.training.tuned_settings import Chosen
from tasks.processes.pool import Workers
from tasks.settings import settings
from tasks.training.context import TrainingContext
from tasks.training.kept.fit_code import FIT_CODE, fit_versions
from tasks.training.tuning.study import study_fold, study_rows, tuning_of
from tasks.training.unit_runner import UnitRunner
from tasks.training.units import UnitWorkers, slug

_BUDGET = {"trials", "rounds", "max_seconds"}  # with a larger budget, a study resumes that of a smaller one


def _run_name() -> str:
    parameters = task_run.parameters
    return f"tune {parameters['candidate'].name}, {study_rows(parameters['fold'])}"


@task(name="tune", task_run_name=_run_name, cache_policy=NO_CACHE)
def tune(
    context: TrainingContext,
    candidate: Candidate,
    fold: int,
    workers: UnitWorkers | None = None,
    ended: Event | None = None,
) -> Chosen:
    """Choose a candidate's settings on the training rows of a fold; -1 is the study on all of them.

    Parameters
    ----------
    context : TrainingContext
    candidate : Candidate
        With a ``tuning``.
    fold : int
    workers : UnitWorkers, optional
        As for :func:`tasks.training.fit.fit`.
    ended : Event, optional
        Once it is set, no further trial begins here; worker processes are terminated by their pool.
    """
    path = study_file(context, candidate, fold)
    if not isinstance(workers, Workers):  # Dask workers may not share this file system
        return study_fold(context, candidate, fold, path, ended)
    what = f"tuning of {candidate.name}, {study_rows(fold)}"
    return workers.run(what, study_fold, context, candidate, fold, path)


def run_studies(runner: UnitRunner) -> list[Candidate]:
    """Tune the candidates that the problem asks to tune, for every fold on that fold's training rows alone.

    Returns
    -------
    list of Candidate
        The candidates with the settings that were chosen for each fold and for the fit on all training rows.
    """
    training, context, ended = runner.training, runner.context, Event()
    candidates = tuned_candidates(context.problem, context.parts.share)
    futures: dict[PrefectFuture[Any], str] = {
        tune.submit(context, fit, fold, runner.workers, ended): fit.fit_name
        for fold in (*runner.folds, HOLDOUT_FOLD)
        for fit in fits(candidates)
    }
    try:
        for done, future in enumerate(as_completed(list(futures)), start=1):
            training.say(f"  {done:3d}/{len(futures)}  {futures[future]:34s} {_result_line(future.result())}")
    except BaseException:
        ended.set()  # or the threads of this process would go on to the end of their studies
        raise
    found: dict[str, list[Chosen]] = {}
    for future, name in futures.items():
        found.setdefault(name, []).append(future.result())
    return [replace(candidate, chosen=tuple(found[candidate.fit_name])) for candidate in candidates]


def _result_line(chosen: Chosen) -> str:
    rows = f"{study_rows(chosen.fold):17s}"
    if chosen.best is None or chosen.best.value is None:
        return f"{rows} skipped: {printable(chosen.skipped or '')}"
    counts = ", ".join(f"{n} {state}" for state in ("pruned", "failed") if (n := chosen.count(state)))
    trials = f"{len(chosen.trials)} trials" + (f" ({counts})" if counts else "")
    return f"{rows} inner {chosen.metric} {decimal(chosen.best.value)}  {trials}"


def study_file(context: TrainingContext, candidate: Candidate, fold: int) -> Path:
    """Return the path of a study, named by a hash of everything except its budget that determines its trials."""
    tuning, parts, problem = tuning_of(candidate), context.parts, context.problem
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
        "seed": context.seed,
        "code": FIT_CODE,
        "versions": {**fit_versions(), "optuna": version("optuna")},
    }
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]
    return settings().home / "tuning" / digest / f"{slug(candidate.fit_name)}_{fold}.journal"
