"""Log: every candidate's files and its MLflow run."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import yaml
from prefect import task
from prefect.cache_policies import NO_CACHE

from evenhand.metrics.scores import flat, to_record
from evenhand.problem import Problem
from evenhand.problem.models import Params
from evenhand.training.candidates import Candidate
from tasks.data.partition import Parts
from tasks.processes.pool import Workers
from tasks.registry.candidate_runs import CandidateRun, log_candidate
from tasks.reporting.draw import candidate_folder, draw_files
from tasks.storage.files import write_json
from tasks.training.results import Result, side_by_side
from tasks.training.trials import log_trials, reproducible
from tasks.training.units import HOLDOUT_FOLD, UnitWorkers, Work

# However many units are on their way elsewhere, figures are drawn and files written here.
_here = threading.BoundedSemaphore(os.cpu_count() or 1)
_in_turn = threading.Lock()  # for fits of many rows: each holds several copies of their probabilities


@task(name="draw", task_run_name="draw {results[0].candidate.fit_name}", cache_policy=NO_CACHE)
def draw(
    parts: Parts,
    problem: Problem,
    seed: int,
    results: Sequence[Result],
    folder: Path,
    workers: UnitWorkers | None = None,
) -> None:
    """Draw the figures of the candidates that share a fit, out of fold; its importances are those of the last fit."""
    work = Work(parts, problem, seed, folder)
    with _in_turn if side_by_side(parts) == 1 else nullcontext():
        if isinstance(workers, Workers):
            workers.run(f"figures of {results[0].candidate.fit_name}", draw_files, work, results)
        else:
            with _here:
                draw_files(work, results)


@task(name="log", task_run_name="log {results[0].candidate.fit_name}", cache_policy=NO_CACHE)
def log_fit(
    problem: Problem, seed: int, results: Sequence[Result], folder: Path, run_id: str, tags: dict[str, str]
) -> None:
    """Write the files and MLflow child runs of the candidates that share a fit."""
    with _here:
        for result in results:
            place = candidate_folder(folder, result)
            place.mkdir(parents=True, exist_ok=True)
            _write_files(problem, seed, result, place)
            candidate_run = _log_run(problem, seed, result, place, run_id, tags)
            if result is results[0]:  # those that differ in the decision rule alone share the studies
                log_trials(candidate_run, result.candidate, tags)


def _write_files(problem: Problem, seed: int, result: Result, place: Path) -> None:
    write_json(place / "resampling_records.json", [entry.to_record() for entry in result.resampling])
    write_json(
        place / "model_metrics.json",
        {name: None if s is None else to_record(s) for name, s in (("oof", result.oof), ("test", result.test))},
    )
    if result.candidate.chosen:
        write_json(place / "tuning.json", [chosen.to_record() for chosen in result.candidate.chosen])
    config = _config(problem, result.candidate, seed)
    (place / "model_config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


def _log_run(problem: Problem, seed: int, result: Result, place: Path, run_id: str, tags: dict[str, str]) -> str:
    candidate = result.candidate
    metrics: dict[str, float] = {"fit_seconds": result.fit_seconds}
    for name, scores in (("oof", result.oof), ("test", result.test)):
        metrics |= flat(scores, name) if scores is not None else {}
    params = {
        "model": candidate.model.name,
        "strategy": candidate.strategy.name,
        "features": candidate.features,
        "decision": candidate.decision.name,
        "folds": f"{problem.split.folds.kind} {result.folds_done}",
        "seed": seed,
        **{f"tuned {name}": value for name, value in _tuned(candidate).items()},
    }
    ended = {"skipped": result.skipped, "stopped": result.stopped.said if result.stopped else None}
    labels = {**tags, **{name: reason for name, reason in ended.items() if reason}, **reproducible(candidate)}
    return log_candidate(run_id, CandidateRun(candidate.name, params, metrics, labels, place, result.fit_seconds))


def _tuned(candidate: Candidate) -> Params:
    chosen = candidate.chosen_on(HOLDOUT_FOLD)
    return chosen.params if chosen else {}


def _config(problem: Problem, candidate: Candidate, seed: int) -> dict[str, Any]:
    return {
        "problem": problem.name,
        "model": candidate.model_on(HOLDOUT_FOLD).model_dump(mode="json"),
        "strategy": candidate.strategy.model_dump(mode="json"),
        "features": {name: problem.features[name].model_dump(mode="json") for name in _feature_sets(candidate)},
        "half_life_days": candidate.half_life_days,
        "decision": candidate.decision.model_dump(mode="json"),
        "seed": seed,
        "split": problem.split.model_dump(mode="json"),
    }


def _feature_sets(candidate: Candidate) -> list[str]:
    """Name what a candidate reads; a stack reads what its members do."""
    members = getattr(candidate, "members", ()) or (candidate,)
    return list(dict.fromkeys(member.features for member in members))
