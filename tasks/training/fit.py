"""Train: one (candidate, fold) unit of work a task; its probabilities go to the training's folder."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import task_run

from evenhand.errors import ValidationFailed
from evenhand.postprocess.choose_calibration import Shares
from evenhand.postprocess.postprocessing import Ending
from evenhand.problem import Problem
from evenhand.scoring.model import FittedCandidate
from evenhand.training.candidates import Candidate
from tasks.data.partition import Parts
from tasks.processes.memory import give_back
from tasks.registry.store_model import MODEL_FILE, ModelFile, write_model
from tasks.training.units import (
    HOLDOUT_FOLD,
    Unit,
    UnitWorkers,
    Work,
    experiment_of,
    left_by,
    place,
    run_unit,
    slug,
)

EXAMPLE_ROWS = 5

# A distributed model's rows are made here and fitted everywhere: those of a unit that waits would be held meanwhile.
_rows_of_one = threading.Lock()


def _run_name() -> str:
    asked = task_run.parameters
    return f"{asked['candidate'].name}, {place(asked['fold'])}"


@task(name="fit", task_run_name=_run_name, cache_policy=NO_CACHE)
def fit(
    parts: Parts,
    problem: Problem,
    seed: int,
    candidate: Candidate,
    fold: int,
    folder: Path,
    workers: UnitWorkers | None = None,
) -> Unit:
    """Fit a candidate on a fold's training rows and judge it on the others.

    Parameters
    ----------
    parts : Parts
    problem : Problem
    seed : int
    candidate : Candidate
    fold : int
        -1 is the held-out period.
    folder : Path
        Of the training; the probabilities go below ``units/``.
    workers : Workers, optional
        Processes to do it in; in this one without them.
    """
    work = Work(parts, problem, seed, folder)
    if workers is None:
        return run_unit(work, candidate, fold)
    if candidate.model.distributed:
        with _rows_of_one:
            return run_unit(work, candidate, fold, workers.together)
    return workers.run(f"{candidate.name}, {place(fold)}", run_unit, work, candidate, fold)


class Refitted(NamedTuple):
    """The winner, fitted on all training rows; the model itself is in a file, which may be far smaller."""

    unit: Unit
    model: ModelFile
    example: pd.DataFrame


class Whole(NamedTuple):
    """A candidate fitted on all training rows, with an example of the raw columns that it takes."""

    unit: Unit
    fitted: FittedCandidate
    example: pd.DataFrame


@task(name="refit winner", task_run_name="refit {candidate.name}", cache_policy=NO_CACHE)
def refit(
    parts: Parts,
    problem: Problem,
    seed: int,
    candidate: Candidate,
    ending: Ending,
    folder: Path,
    workers: UnitWorkers | None = None,
) -> Refitted:
    """Fit the winner on all training rows, never the held-out ones, and write it to a file."""
    unit, fitted, example = fit_whole(parts, problem, seed, candidate, ending, folder, workers)
    model = write_model(fitted, model_path(folder, candidate))
    del fitted
    give_back()  # now: other candidates are refitted meanwhile
    return Refitted(unit, model, example)


def fit_whole(
    parts: Parts,
    problem: Problem,
    seed: int,
    candidate: Candidate,
    ending: Ending,
    folder: Path,
    workers: UnitWorkers | None = None,
) -> Whole:
    """Fit a candidate on all training rows, never the held-out ones, and give it the ending fitted out of fold.

    Raises
    ------
    ValidationFailed
        When it can't be fitted on them.
    """
    experiment = experiment_of(parts, problem, seed)
    together = workers.together if workers is not None else None
    outcome = experiment.run(candidate, HOLDOUT_FOLD, keep_model=True, rule=ending.rule, together=together)
    if outcome.fitted is None or outcome.resampling is None:
        raise ValidationFailed(f"{candidate.name} won out of fold but can't be fitted on all rows: {outcome.skipped}")
    calibrator = ending.correction.for_model(Shares.of(outcome.resampling))
    fitted = outcome.fitted.set_params(calibrator=calibrator, decides_on=ending.decides_on)
    example = experiment.frame[list(problem.features[candidate.features].columns)].head(EXAMPLE_ROWS)
    unit = left_by(experiment, Work(parts, problem, seed, folder), candidate, HOLDOUT_FOLD, outcome)
    return Whole(unit, fitted, example)


def model_path(folder: Path, candidate: Candidate) -> Path:
    """Name the file of the winner in the folder of its training; it goes once the tracking server has it."""
    return folder / "units" / slug(candidate.name) / MODEL_FILE
