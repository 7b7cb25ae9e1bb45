"""Log: every candidate's files and its MLflow run."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture

from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.evidence.sentences import signed
from evenhand.evidence.types import EVALUATION_SET_NAMES, EVALUATION_SETS, CandidateEvidence, Evidence
from evenhand.metrics.scores import flat, to_record
from evenhand.problem import Problem
from evenhand.problem.models import Params
from evenhand.problem.presets import Preset
from evenhand.text.printable import printable
from evenhand.training.candidates import Candidate
from tasks.processes.pool import Workers
from tasks.reporting.draw import candidate_folder, draw_files
from tasks.storage.files import write_json
from tasks.tracking.candidate_runs import CandidateRun, log_candidate
from tasks.training.context import TrainingContext
from tasks.training.evaluate import ranked
from tasks.training.results import Result, side_by_side
from tasks.training.training import Training
from tasks.training.tuning.log_trials import log_trials, reproducible
from tasks.training.unit_runner import UnitRunner
from tasks.training.units import Unit, UnitWorkers

BEST_DRAWN = 12  # fits of a full training that get figures

# Figures and files are made by this process, on its own cores, wherever the units run.
_here = threading.BoundedSemaphore(os.cpu_count() or 1)
_in_turn = threading.Lock()  # for fits of many rows: each holds several copies of their probabilities


def drawn_fits(results: Sequence[Result], winner: Candidate, problem: Problem, preset: Preset) -> set[str]:
    """Name the fits that get figures.

    In every training these are the winner's and that of its model without a strategy; in a standard one also all that
    the race did not stop; in a full one also the best ``BEST_DRAWN``.
    """
    always = {
        fit.fit_name
        for fit in (result.candidate for result in results)
        if fit.fit_name == winner.fit_name or (fit.model.name, fit.strategy.name) == (winner.model.name, "none")
    }
    if preset == "quick":
        return always
    if preset == "standard":
        return always | {result.candidate.fit_name for result in results if result.stopped is None}
    best = dict.fromkeys(result.candidate.fit_name for result in ranked(problem, results))
    return always | set(list(best)[:BEST_DRAWN])


def draw_all(
    runner: UnitRunner, results: Sequence[Result], holdout_units: Mapping[str, Sequence[Unit]], winner: Candidate
) -> dict[str, PrefectFuture[None]]:
    """Begin to draw figures of fits; ``holdout_units`` holds the unit of each on the held-out period."""
    drawn = drawn_fits(results, winner, runner.context.problem, runner.training.preset)
    return {
        name: draw.submit(runner.context, _with_holdout(same, holdout_units.get(name, ())), runner.workers)
        for name, same in _by_fit(results).items()
        if name in drawn
    }


def _with_holdout(results: Sequence[Result], units: Sequence[Unit]) -> list[Result]:
    return [replace(result, units=(*result.units, *units)) for result in results]


def log_all(
    training: Training,
    results: Sequence[Result],
    drawing: Mapping[str, PrefectFuture[None]],
    evidence: Evidence,
) -> list[PrefectFuture[None]]:
    """Begin to write every candidate's files and MLflow run, several at once, each when its figures are drawn."""
    by_fit, found = _by_fit(results), {one.name: conclusions(evidence, one) for one in evidence.candidates}
    undrawn_first = sorted(by_fit, key=lambda name: name in drawing)
    return [
        log_fit.submit(
            training, by_fit[name], found, return_state=False, wait_for=[drawing[name]] if name in drawing else None
        )
        for name in undrawn_first
    ]


def conclusions(evidence: Evidence, candidate: CandidateEvidence) -> dict[str, str]:
    """Write what the comparison of a candidate with its baseline shows, as tags of its run."""
    found = {on: candidate.difference(on, evidence.metric) for on in EVALUATION_SETS}
    return {
        f"conclusion {EVALUATION_SET_NAMES[on]}": f"{evidence.metric} {signed(one.estimate)}: {one.text}"
        for on, one in found.items()
        if one is not None
    }


def wait_all(futures: Sequence[PrefectFuture[None]]) -> None:
    """Wait until all are done; the first exception is raised."""
    for future in futures:
        future.result()


def _by_fit(results: Sequence[Result]) -> dict[str, list[Result]]:
    of_fit: dict[str, list[Result]] = {}
    for result in results:
        of_fit.setdefault(result.candidate.fit_name, []).append(result)
    return of_fit


@task(name="draw", task_run_name="draw {results[0].candidate.fit_name}", cache_policy=NO_CACHE)
def draw(context: TrainingContext, results: Sequence[Result], workers: UnitWorkers | None = None) -> None:
    """Draw the figures of the candidates that share a fit, out of fold; its importances are those of the last fit."""
    with _in_turn if side_by_side(context.parts) == 1 else nullcontext():
        if isinstance(workers, Workers):
            workers.run(f"figures of {results[0].candidate.fit_name}", draw_files, context, results)
        else:
            with _here:
                draw_files(context, results)


@task(name="log", task_run_name="log {results[0].candidate.fit_name}", cache_policy=NO_CACHE)
def log_fit(training: Training, results: Sequence[Result], found: Mapping[str, Mapping[str, str]]) -> None:
    """Write the files and MLflow child runs of the candidates that share a fit, with the tags found for each."""
    problem = training.problem
    tags = {"problem": problem.name, "synthetic": str(problem.synthetic).lower(), "training": training.id}
    with _here:
        for result in results:
            folder = candidate_folder(training.folder, result)
            folder.mkdir(parents=True, exist_ok=True)
            _write_files(training, result, folder)
            candidate_run = _log_run(training, result, folder, {**tags, **found.get(result.candidate.name, {})})
            if result is results[0]:  # those that differ in the decision rule alone share the studies
                log_trials(candidate_run, result.candidate, tags)


def _write_files(training: Training, result: Result, folder: Path) -> None:
    write_json(folder / "resampling_records.json", [entry.to_record() for entry in result.resampling])
    write_json(
        folder / "model_metrics.json",
        {name: None if s is None else to_record(s) for name, s in (("oof", result.oof), ("test", result.test))},
    )
    if result.candidate.chosen:
        write_json(folder / "tuning.json", [chosen.to_record() for chosen in result.candidate.chosen])
    config = _config(training.problem, result.candidate, training.seed)
    (folder / "model_config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


def _log_run(training: Training, result: Result, folder: Path, tags: dict[str, str]) -> str:
    candidate, problem = result.candidate, training.problem
    metrics: dict[str, float] = {"fit_seconds": result.fit_seconds}
    for name, scores in (("oof", result.oof), ("test", result.test)):
        metrics |= flat(scores, name) if scores is not None else {}
    params = {
        "model": candidate.model.name,
        "strategy": candidate.strategy.name,
        "features": candidate.features,
        "decision": candidate.decision.name,
        "folds": f"{problem.split.folds.kind} {result.folds_done}",
        "seed": training.seed,
        **{f"tuned {name}": value for name, value in _tuned(candidate).items()},
    }
    ended = {"skipped": result.skipped, "stopped": result.stopped.message if result.stopped else None}
    reasons = {name: printable(reason) for name, reason in ended.items() if reason}
    labels = {**tags, **reasons, **reproducible(candidate)}
    run = CandidateRun(candidate.name, params, metrics, labels, folder, result.fit_seconds)
    return log_candidate(training.run_id, run)


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
