"""Submit the units of a training and report each as it is done."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from prefect.futures import PrefectFuture, as_completed

from evenhand.data.fold_names import HOLDOUT_FOLD, fold_label
from evenhand.report.table_model import decimal
from evenhand.text.printable import printable
from evenhand.training.candidates import Candidate
from evenhand.training.presets import preset_folds
from tasks.training.context import TrainingContext
from tasks.training.fit import Refitted, Winner, fit, refit
from tasks.training.training import Training
from tasks.training.units import Unit, UnitWorkers, left_out_unit


@dataclass(frozen=True)
class UnitRunner:
    """Where the units of one training run: in ``workers``, or without them in the threads of this process."""

    training: Training
    context: TrainingContext
    workers: UnitWorkers | None

    @property
    def folds(self) -> list[int]:
        """Folds inside the training rows that candidates are compared on."""
        return preset_folds(self.training.preset, self.context.fold_numbers)

    def class_counts(self, fold: int) -> np.ndarray:
        """Count the training rows of each class in a fold, shape (K,)."""
        experiment = self.context.experiment
        return np.bincount(experiment.y[experiment.folds[fold].train], minlength=len(experiment.classes))


class SubmittedUnits:
    """Units that were submitted to run; prints a line as each is done.

    Parameters
    ----------
    runner : UnitRunner
    expected : int
        Number of units that will come, for the time left; who submits fewer changes it.
    racing : bool
        Whether fewer may come.
    """

    def __init__(self, runner: UnitRunner, expected: int, racing: bool = False) -> None:
        self.expected, self._racing, self._runner = expected, racing, runner
        self._started = time.monotonic()
        self._pending: list[tuple[int, PrefectFuture[Any]]] = []
        self._done: list[Unit] = []

    def add(self, candidates: Sequence[Candidate], fold: int) -> None:
        """Submit the units of a fold."""
        context, workers, kept = self._runner.context, self._runner.workers, self._runner.training.kept
        self._pending += [(fold, fit.submit(context, candidate, fold, workers, kept)) for candidate in candidates]

    def wait_for(self, folds: Sequence[int]) -> dict[str, list[Unit]]:
        """Wait until every unit of some folds is done.

        Returns
        -------
        dict of str to list of Unit
            The units of these folds by fit name, in the order of the folds.
        """
        awaited = [(fold, future) for fold, future in self._pending if fold in folds]
        self._pending = [one for one in self._pending if one not in awaited]
        for future in as_completed([future for _, future in awaited]):
            unit = future.result()
            self._done.append(unit)
            self._print(unit)
        found = [unit for unit in self._done if unit.fold in folds]
        units = sorted(found, key=lambda unit: (unit.candidate.name, unit.fold))
        return {name: list(group) for name, group in groupby(units, key=lambda unit: unit.candidate.name)}

    def _print(self, unit: Unit) -> None:
        done = len(self._done)
        left = (time.monotonic() - self._started) / done * (self.expected - done)
        how = "kept" if unit.read else f"{unit.fit_seconds:.1f} s"
        result = (
            f"skipped: {printable(unit.skipped or '')} "
            if unit.primary is None
            else f"{self._runner.context.problem.metric} {decimal(unit.primary)}  {how}"
        )
        name = f"{unit.candidate.name:34s} {fold_label(unit.fold):15s}"
        most = "at most" if self._racing else "about"
        self._runner.training.say(f"  {done:3d}/{self.expected}  {name} {result:28s} {most} {left:.0f} s left")


def run_units(runner: UnitRunner, candidates: Sequence[Candidate], fold: int) -> dict[str, list[Unit]]:
    """Fit candidates on one fold.

    Returns
    -------
    dict of str to list of Unit
        The one unit of each candidate's name.
    """
    fitted = [candidate for candidate in candidates if not candidate.left_out]
    unfitted = {one.fit_name: [left_out_unit(one, fold)] for one in candidates if one.left_out}
    submitted = SubmittedUnits(runner, len(fitted))
    submitted.add(fitted, fold)
    return {**submitted.wait_for([fold]), **unfitted}


def run_refits(
    runner: UnitRunner, winner: Winner, candidates: Sequence[Candidate]
) -> tuple[Refitted, dict[str, list[Unit]]]:
    """Fit the winner on every training row and keep it; fit the other candidates at the same time.

    Returns
    -------
    Refitted, dict of str to list of Unit
        The winner, and the unit of each candidate's name.
    """
    winning, name = (
        refit.submit(runner.context, winner, runner.workers, runner.training.kept),
        winner.candidate.fit_name,
    )
    others = [candidate for candidate in candidates if candidate.fit_name != name]
    holdout_units = run_units(runner, others, HOLDOUT_FOLD)
    refitted: Refitted = winning.result()
    return refitted, {**holdout_units, name: [refitted.unit]}
