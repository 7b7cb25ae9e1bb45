"""Log: every candidate's figures, files and MLflow run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
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
from evenhand.metrics.scores import headline, recalls, to_record
from evenhand.problem import Problem
from evenhand.problem.models import Params
from evenhand.report.candidate_row import is_baseline
from evenhand.report.tracked_tables import state_of
from evenhand.text.printable import printable
from evenhand.training.candidates import Candidate
from tasks.processes.pool import Workers
from tasks.reporting.curves import candidate_folder, keep_curves
from tasks.reporting.draw import draw_files
from tasks.storage.files import write_json
from tasks.tracking.candidate_runs import CandidateRun, ParentRun, log_candidate, parent_run
from tasks.tracking.client import served
from tasks.tracking.pages import NOTE, artifact_page
from tasks.training.context import TrainingContext
from tasks.training.outcome import Compared
from tasks.training.results import Result, side_by_side
from tasks.training.training import Training
from tasks.training.tuning.log_trials import log_trials, reproducible
from tasks.training.unit_runner import UnitRunner
from tasks.training.units import Unit, UnitWorkers

SERVER_THREADS = 8  # that log to a server of MLflow, whose answers take their time; a database takes one at a time


def drawn_fits(results: Sequence[Result], winner: Candidate) -> set[str]:
    """Name the fits that get figures: the winner's, and that of its model without a strategy."""
    return {
        fit.fit_name
        for fit in (result.candidate for result in results)
        if fit.fit_name == winner.fit_name or (fit.model.name, fit.strategy.name) == (winner.model.name, "none")
    }


def draw_all(
    runner: UnitRunner, results: Sequence[Result], holdout_units: Mapping[str, Sequence[Unit]], winner: Candidate
) -> PrefectFuture[None]:
    """Begin to draw figures of fits, and to keep what the others' are drawn from.

    ``holdout_units`` holds the unit of each on the held-out period.
    """
    fits = {name: _with_holdout(same, holdout_units.get(name, ())) for name, same in _by_fit(results).items()}
    drawn = drawn_fits(results, winner)
    first = sorted(fits, key=lambda name: name not in drawn)  # what takes longest
    work = [(draw_files if name in drawn else keep_curves, fits[name]) for name in first]
    return draw.submit(runner.context, work, runner.workers)


def _with_holdout(results: Sequence[Result], units: Sequence[Unit]) -> list[Result]:
    return [replace(result, units=(*result.units, *units)) for result in results]


def _by_fit(results: Sequence[Result]) -> dict[str, list[Result]]:
    of_fit: dict[str, list[Result]] = {}
    for result in results:
        of_fit.setdefault(result.candidate.fit_name, []).append(result)
    return of_fit


Draw = Callable[[TrainingContext, Sequence[Result]], None]


@task(name="draw", cache_policy=NO_CACHE)
def draw(
    context: TrainingContext, work: Sequence[tuple[Draw, Sequence[Result]]], workers: UnitWorkers | None = None
) -> None:
    """Draw or keep the figures of fits, several at once unless each holds copies of many probabilities."""

    def of_one(function: Draw, results: Sequence[Result]) -> None:
        if isinstance(workers, Workers):
            workers.run(f"figures of {results[0].candidate.fit_name}", function, context, results)
        else:
            function(context, results)

    with ThreadPoolExecutor(side_by_side(context.parts)) as pool:
        for one in [pool.submit(of_one, *each) for each in work]:
            one.result()


def log_all(training: Training, compared: Compared, drawing: PrefectFuture[None]) -> None:
    """Write the files and MLflow runs of all candidates and wait for the figures; an error of either is raised."""
    log(training, compared)
    drawing.result()


@task(name="log", cache_policy=NO_CACHE)
def log(training: Training, compared: Compared) -> None:
    """Write the files and MLflow runs of all candidates; with a tracking server several at once."""
    parent = parent_run(training.run_id)
    evidence = {one.name: conclusions(compared.evidence, one) for one in compared.evidence.candidates}
    logged: set[str] = set()
    with ThreadPoolExecutor(SERVER_THREADS if served() else 1) as pool:
        waiting = []
        for result in compared.results:
            first = result.candidate.fit_name not in logged  # those that differ in the decision rule share the studies
            logged.add(result.candidate.fit_name)
            tags = _tags(training, result, compared.winner) | evidence.get(result.candidate.name, {})
            waiting.append(pool.submit(_log_one, training, parent, result, (tags, first)))
        for one in waiting:
            one.result()


def conclusions(evidence: Evidence, candidate: CandidateEvidence) -> dict[str, str]:
    """Write what the comparison of a candidate with its baseline shows, as tags of its run."""
    found = {on: candidate.difference(on, evidence.metric) for on in EVALUATION_SETS}
    return {
        f"conclusion {EVALUATION_SET_NAMES[on]}": f"{evidence.metric} {signed(one.estimate)}: {one.text}"
        for on, one in found.items()
        if one is not None
    }


def _log_one(training: Training, parent: ParentRun, result: Result, about: tuple[dict[str, str], bool]) -> None:
    tags, first = about
    folder = candidate_folder(training.folder, result)
    folder.mkdir(parents=True, exist_ok=True)
    _write_files(training, result, folder)
    note = f"[Files of this candidate]({artifact_page(parent, f'candidates/{folder.name}')}), in the training's run"
    own = _log_run(training, parent, result, {**tags, NOTE: note})
    if first:
        log_trials(own, result.candidate, {name: tags[name] for name in OF_TRAINING})


OF_TRAINING = ("problem", "synthetic", "training")  # tags of every run of a training


def _tags(training: Training, result: Result, winner: Candidate) -> dict[str, str]:
    """Return what runs can be filtered by."""
    problem, row = training.problem, result.row()
    role = "winner" if result.candidate == winner else "baseline" if is_baseline(row) else "other"
    return {
        "problem": problem.name,
        "synthetic": str(problem.synthetic).lower(),
        "training": training.id,
        "kind": "candidate",
        "role": role,
        "state": state_of(row),
    }


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


def _log_run(training: Training, parent: ParentRun, result: Result, tags: dict[str, str]) -> ParentRun:
    candidate, problem = result.candidate, training.problem
    metrics: dict[str, float] = {}
    for name, scores in (("oof", result.oof), ("test", result.test)):
        metrics |= headline(scores, name, problem.metric) | recalls(scores, name) if scores is not None else {}
    metrics |= {"units_folds_done": result.folds_done, "units_fit_seconds": result.fit_seconds}
    params = {
        "model": candidate.model.name,
        "strategy": candidate.strategy.name,
        "features": candidate.features,
        "decision": candidate.decision.name,
        "folds": problem.split.folds.kind,
        "seed": training.seed,
        **{f"tuned {name}": value for name, value in _tuned(candidate).items()},
    }
    ended = {"skipped": result.skipped, "stopped": result.stopped.message if result.stopped else None}
    reasons = {name: printable(reason) for name, reason in ended.items() if reason}
    labels = {**tags, **reasons, **reproducible(candidate)}
    return log_candidate(parent, CandidateRun(candidate.name, params, metrics, labels, result.fit_seconds))


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
