"""The grid in order: units of a fold together, so that they share its encoded and resampled rows."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
from prefect.futures import PrefectFuture, as_completed

from evenhand.postprocess.postprocessing import Postprocessing
from evenhand.problem import Problem
from evenhand.problem.presets import Preset
from evenhand.training.candidates import Candidate
from evenhand.training.experiment import Experiment
from evenhand.training.presets import left_out
from evenhand.training.runtime_estimate import cost_notes
from tasks.data.partition import Parts
from tasks.reporting.candidates import draw, log_fit
from tasks.training.evaluate import ranked
from tasks.training.fit import Refitted, fit, refit
from tasks.training.results import Result
from tasks.training.run import Training
from tasks.training.units import HOLDOUT_FOLD, Unit, UnitWorkers, experiment_of, place

BEST_DRAWN = 12  # fits of a full training


@dataclass(frozen=True)
class Fitting:
    """What all fits of one training have in common; without ``workers`` they run in the threads of this process."""

    training: Training
    workers: UnitWorkers | None
    parts: Parts
    problem: Problem
    seed: int

    def experiment(self) -> Experiment:
        """Return the rows and folds."""
        return experiment_of(self.parts, self.problem, self.seed)

    def class_counts(self, fold: int) -> np.ndarray:
        """Count the training rows of each class in a fold; (n_classes,)."""
        experiment = self.experiment()
        return np.bincount(experiment.y[experiment.folds[fold].train], minlength=len(self.parts.classes))


def say_costs(fitting: Fitting, preset: Preset, candidates: Sequence[Candidate], folds: Sequence[int]) -> None:
    """Say what costs far more than the rest before any fit begins, and what can't be tried here."""
    notes = cost_notes(candidates, fitting.class_counts(folds[0]), len(folds) + 1)
    for note in (*notes, *left_out(preset)):
        fitting.training.say(f"          {note}")


class Submitted:
    """Units of one training on their way; tells of each as it is done.

    Parameters
    ----------
    fitting : Fitting
    expected : int
        Units that will come, for who waits; whoever submits fewer changes it.
    racing : bool
        Whether fewer may come.
    """

    def __init__(self, fitting: Fitting, expected: int, racing: bool = False) -> None:
        self.expected, self._racing, self._fitting = expected, racing, fitting
        self._begun = time.monotonic()
        self._on_their_way: list[tuple[int, PrefectFuture[Any]]] = []
        self._done: list[Unit] = []

    def add(self, candidates: Sequence[Candidate], fold: int) -> None:
        """Submit the units of a fold."""
        given = self._fitting
        for candidate in candidates:
            asked = (given.parts, given.problem, given.seed, candidate, fold, given.training.folder, given.workers)
            self._on_their_way.append((fold, fit.submit(*asked)))

    def wait_for(self, folds: Sequence[int]) -> dict[str, list[Unit]]:
        """Wait until every unit of some folds is done.

        Returns
        -------
        dict of str to list of Unit
            The units of these folds that each candidate has, by fold.
        """
        workers = self._fitting.workers
        awaited = [(fold, future) for fold, future in self._on_their_way if fold in folds]
        self._on_their_way = [one for one in self._on_their_way if one not in awaited]
        left = Counter(fold for fold, _ in awaited)
        for future in as_completed([future for _, future in awaited]):
            unit = future.result()
            self._done.append(unit)
            self._tell(unit)
            left[unit.fold] -= 1
            # Figures name the encoded columns of the held-out period.
            if workers is not None and unit.fold != HOLDOUT_FOLD and not left[unit.fold]:
                workers.drop(unit.fold)
        found = [unit for unit in self._done if unit.fold in folds]
        units = sorted(found, key=lambda unit: (unit.candidate.name, unit.fold))
        return {name: list(group) for name, group in groupby(units, key=lambda unit: unit.candidate.name)}

    def _tell(self, unit: Unit) -> None:
        done = len(self._done)
        left = (time.monotonic() - self._begun) / done * (self.expected - done)
        said = f"{self._fitting.problem.metric} {unit.primary:.3f}  {unit.fit_seconds:.1f} s"
        said = f"skipped: {unit.skipped}" if unit.skipped else said
        where = f"{unit.candidate.name:34s} {place(unit.fold):15s}"
        most = "at most" if self._racing else "about"
        self._fitting.training.say(f"  {done:3d}/{self.expected}  {where} {said:28s} {most} {left:.0f} s left")


def run_units(fitting: Fitting, candidates: Sequence[Candidate], fold: int) -> dict[str, list[Unit]]:
    """Fit candidates on one fold.

    Returns
    -------
    dict of str to list of Unit
        The one unit of each candidate's name.
    """
    submitted = Submitted(fitting, len(candidates))
    submitted.add(candidates, fold)
    return submitted.wait_for([fold])


def run_refits(
    fitting: Fitting, winner: Candidate, ending: Postprocessing, candidates: Sequence[Candidate]
) -> tuple[Refitted, dict[str, list[Unit]]]:
    """Fit the winner, which is kept, and beside it the other candidates on every training row.

    Returns
    -------
    Refitted, dict of str to list of Unit
        The winner, and the unit of each candidate's name.
    """
    rows = (fitting.parts, fitting.problem, fitting.seed)
    whole = refit.submit(*rows, winner, ending, fitting.training.folder, fitting.workers)
    others = [candidate for candidate in candidates if candidate.fit_name != winner.fit_name]
    outer = run_units(fitting, others, HOLDOUT_FOLD)
    refitted: Refitted = whole.result()
    return refitted, {**outer, winner.fit_name: [refitted.unit]}


def drawn_fits(results: Sequence[Result], winner: Candidate, problem: Problem, preset: Preset) -> set[str]:
    """Name the fits that get figures: of a quick training the winner's and its model's own without a strategy.

    Of a standard one these and those that the race did not stop are drawn, of a full one these and the best: sixty
    times the same figures would help nobody.
    """
    telling = {
        fit.fit_name
        for fit in (result.candidate for result in results)
        if fit.fit_name == winner.fit_name or (fit.model.name, fit.strategy.name) == (winner.model.name, "none")
    }
    if preset == "quick":
        return telling
    if preset == "standard":
        return telling | {result.candidate.fit_name for result in results if result.stopped is None}
    best = dict.fromkeys(result.candidate.fit_name for result in ranked(problem, results))
    return telling | set(list(best)[:BEST_DRAWN])


def draw_all(
    fitting: Fitting, results: Sequence[Result], outer: Mapping[str, Sequence[Unit]], drawn: Container[str]
) -> dict[str, PrefectFuture[None]]:
    """Begin to draw the fits that are ``drawn``; ``outer`` holds the unit of each on the held-out period."""
    rows, folder = (fitting.parts, fitting.problem, fitting.seed), fitting.training.folder
    return {
        name: draw.submit(*rows, _with_last(same, outer.get(name, ())), folder, fitting.workers)
        for name, same in _by_fit(results).items()
        if name in drawn
    }


def _with_last(results: Sequence[Result], units: Sequence[Unit]) -> list[Result]:
    return [replace(result, units=(*result.units, *units)) for result in results]


def log_all(
    training: Training,
    problem: Problem,
    seed: int,
    results: Sequence[Result],
    drawing: Mapping[str, PrefectFuture[None]],
) -> list[PrefectFuture[None]]:
    """Begin to write every candidate's files and MLflow run, several at once, each when its figures are drawn."""
    tags = {"problem": problem.name, "synthetic": str(problem.synthetic).lower(), "training": training.id}
    by_fit = _by_fit(results)
    undrawn_first = sorted(by_fit, key=lambda name: name in drawing)
    return [
        log_fit.submit(
            problem,
            seed,
            by_fit[name],
            training.folder,
            training.run_id,
            tags,
            return_state=False,
            wait_for=[drawing[name]] if name in drawing else None,
        )
        for name in undrawn_first
    ]


def wait_all(futures: Sequence[PrefectFuture[None]]) -> None:
    """Wait until all are done; what one raised is raised."""
    for future in futures:
        future.result()


def _by_fit(results: Sequence[Result]) -> dict[str, list[Result]]:
    of_fit: dict[str, list[Result]] = {}
    for result in results:
        of_fit.setdefault(result.candidate.fit_name, []).append(result)
    return of_fit
