"""The grid in order: units of a fold together, so that they share its encoded and resampled rows."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Container, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from prefect.futures import PrefectFuture, as_completed

from evenhand.cost import cost_notes
from evenhand.ending import Ending
from evenhand.experiment import Candidate
from evenhand.presets import left_out
from evenhand.problem import Problem
from evenhand.problem.presets import Preset
from tasks.evaluate import ranked
from tasks.log import log_fit
from tasks.results import Result
from tasks.split import Parts
from tasks.train import HOLDOUT_FOLD, Refitted, Unit, experiment_of, fit, place, refit
from tasks.training import Training
from tasks.units import UnitWorkers

BEST_DRAWN = 12  # fits of a full training


def say_costs(
    training: Training,
    parts: Parts,
    problem: Problem,
    seed: int,
    preset: Preset,
    candidates: Sequence[Candidate],
    folds: Sequence[int],
) -> None:
    """Say what costs far more than the rest before any fit begins, and what can't be tried here."""
    experiment = experiment_of(parts, problem, seed)
    counts = np.bincount(experiment.y[experiment.folds[folds[0]].train], minlength=len(parts.classes))
    for note in (*cost_notes(candidates, counts, len(folds) + 1), *left_out(preset)):
        training.say(f"          {note}")


def run_units(
    training: Training,
    workers: UnitWorkers | None,
    parts: Parts,
    problem: Problem,
    seed: int,
    candidates: Sequence[Candidate],
    folds: Sequence[int],
) -> dict[str, list[Unit]]:
    """Submit every (candidate, fold) and tell of each as it is done.

    Returns
    -------
    dict of str to list of Unit
        The units of each candidate's name, by fold.
    """
    futures: list[PrefectFuture[Any]] = [
        fit.submit(parts, problem, seed, candidate, fold, training.folder, workers)
        for fold in folds
        for candidate in candidates
    ]
    begun, left = time.monotonic(), Counter(dict.fromkeys(folds, len(candidates)))
    for done, future in enumerate(as_completed(futures), start=1):
        unit = future.result()
        _tell(training, problem, unit, done, len(futures), time.monotonic() - begun)
        left[unit.fold] -= 1
        if workers is not None and not left[unit.fold]:
            workers.drop(unit.fold)
    units = sorted((future.result() for future in futures), key=lambda unit: (unit.candidate.name, unit.fold))
    return {name: list(group) for name, group in groupby(units, key=lambda unit: unit.candidate.name)}


def run_refits(
    training: Training,
    workers: UnitWorkers | None,
    parts: Parts,
    problem: Problem,
    seed: int,
    winner: Candidate,
    ending: Ending,
    candidates: Sequence[Candidate],
) -> tuple[Refitted, dict[str, list[Unit]]]:
    """Fit the winner, which is kept, and beside it the other candidates on every training row.

    Returns
    -------
    Refitted, dict of str to list of Unit
        The winner, and the unit of each candidate's name.
    """
    whole = refit.submit(parts, problem, seed, winner, ending, training.folder)
    others = [candidate for candidate in candidates if candidate.fit_name != winner.fit_name]
    outer = run_units(training, workers, parts, problem, seed, others, [HOLDOUT_FOLD])
    refitted: Refitted = whole.result()
    return refitted, {**outer, winner.fit_name: [refitted.unit]}


def _tell(training: Training, problem: Problem, unit: Unit, done: int, total: int, elapsed: float) -> None:
    said = (
        f"skipped: {unit.skipped}" if unit.skipped else f"{problem.metric} {unit.primary:.3f}  {unit.fit_seconds:.1f} s"
    )
    left = elapsed / done * (total - done)
    training.say(
        f"  {done:3d}/{total}  {unit.candidate.name:34s} {place(unit.fold):15s} {said:28s} about {left:.0f} s left"
    )


def drawn_fits(results: Sequence[Result], winner: Candidate, problem: Problem, preset: Preset) -> set[str]:
    """Name the fits that get figures: all of a standard training, the winner's and its model's own of a quick one.

    Of a full training these and the best fits are drawn: sixty times the same figures would help nobody.
    """
    telling = {
        fit.fit_name
        for fit in (result.candidate for result in results)
        if fit.fit_name == winner.fit_name or (fit.model.name, fit.strategy.name) == (winner.model.name, "none")
    }
    if preset == "quick":
        return telling
    if preset == "standard":
        return {result.candidate.fit_name for result in results}
    best = dict.fromkeys(result.candidate.fit_name for result in ranked(problem, results))
    return telling | set(list(best)[:BEST_DRAWN])


def log_all(
    training: Training, parts: Parts, problem: Problem, seed: int, results: Sequence[Result], drawn: Container[str]
) -> None:
    """Write every candidate's files and MLflow run, several at once; ``drawn`` are the fits that get figures."""
    tags = {"problem": problem.name, "synthetic": str(problem.synthetic).lower(), "training": training.id}
    of_fit: dict[str, list[Result]] = {}
    for result in results:
        of_fit.setdefault(result.candidate.fit_name, []).append(result)
    submitted = [
        log_fit.submit(parts, problem, seed, same, name in drawn, training.folder, training.run_id, tags)
        for name, same in of_fit.items()
    ]
    for future in submitted:
        future.result()
