"""Fit: one task per unit, and the task that fits the winner on all training rows and writes it to a file."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import task_run

from evenhand.data.fold_names import HOLDOUT_FOLD, fold_label
from evenhand.errors import ValidationFailed
from evenhand.postprocess.choose_calibration import Shares
from evenhand.postprocess.postprocessing import Postprocessing
from evenhand.scoring.model import FittedCandidate
from evenhand.training.candidates import Candidate
from tasks.processes.memory import give_back
from tasks.registry.load_model import load_file
from tasks.registry.store_model import MODEL_FILE, ModelFile, write_model
from tasks.training.context import TrainingContext
from tasks.training.kept.kept_fits import KeptFits
from tasks.training.reference import write_reference
from tasks.training.units import Unit, UnitWorkers, record_unit, run_unit, slug

EXAMPLE_ROWS = 5

# The rows of a distributed model are prepared in this process: those of a unit that waits would be held meanwhile.
_one_distributed_unit = threading.Lock()


def _run_name() -> str:
    parameters = task_run.parameters
    return f"{parameters['candidate'].name}, {fold_label(parameters['fold'])}"


@task(name="fit", task_run_name=_run_name, cache_policy=NO_CACHE)
def fit(
    context: TrainingContext,
    candidate: Candidate,
    fold: int,
    workers: UnitWorkers | None = None,
    kept: KeptFits | None = None,
) -> Unit:
    """Fit a candidate on a fold's training rows and predict the others, unless that fit is kept.

    Parameters
    ----------
    context : TrainingContext
    candidate : Candidate
    fold : int
        -1 is the held-out period.
    workers : UnitWorkers, optional
        Processes that run it; without them it runs in this one.
    kept : KeptFits, optional
        Fits of earlier trainings.
    """

    def make() -> Unit:
        return _fit(context, candidate, fold, workers)

    return make() if kept is None else kept.unit(context, candidate, fold, make)


@task(name="fit again", task_run_name=_run_name, cache_policy=NO_CACHE)
def fit_again(
    context: TrainingContext, candidate: Candidate, fold: int, workers: UnitWorkers | None, kept: KeptFits
) -> Unit:
    """Fit a candidate although its fit is kept, and keep this one in its place."""
    return kept.unit(context, candidate, fold, lambda: _fit(context, candidate, fold, workers), reuse=False)


def _fit(context: TrainingContext, candidate: Candidate, fold: int, workers: UnitWorkers | None) -> Unit:
    if workers is None:
        return run_unit(context, candidate, fold)
    if candidate.model.distributed:
        with _one_distributed_unit:
            return run_unit(context, candidate, fold, workers.together)
    return workers.run(f"{candidate.name}, {fold_label(fold)}", run_unit, context, candidate, fold)


class Refitted(NamedTuple):
    """The winner fitted on all training rows; the model itself is in a file, which may be far smaller."""

    unit: Unit
    model: ModelFile
    example: pd.DataFrame


class FittedOnAll(NamedTuple):
    """A candidate fitted on all training rows, with a few rows of the raw columns that it takes."""

    unit: Unit
    fitted: FittedCandidate
    example: pd.DataFrame


@dataclass(frozen=True)
class Winner:
    """A winner with its calibration and decision rule, and the out-of-fold units that they are fitted on."""

    candidate: Candidate
    postprocessing: Postprocessing
    fold_units: tuple[Unit, ...]


@task(name="refit winner", task_run_name="refit {winner.candidate.name}", cache_policy=NO_CACHE)
def refit(
    context: TrainingContext, winner: Winner, workers: UnitWorkers | None = None, kept: KeptFits | None = None
) -> Refitted:
    """Fit the winner on all training rows, never the held-out ones, and write it to a file; or take the kept file."""
    candidate, path = winner.candidate, model_path(context, winner.candidate)
    known = kept.model(context, candidate, [candidate], winner.fold_units, path) if kept else None
    if known is not None:
        unit, model = known[1][0], known[0]
        model = model._replace(reference=write_reference(context, load_file(path), unit))
        return Refitted(unit, model, example_rows(context, candidate))
    unit, fitted, example = fit_on_all(context, candidate, winner.postprocessing, workers)
    model = write_model(fitted, path)
    model = model._replace(reference=write_reference(context, fitted, unit))
    del fitted
    give_back()  # other candidates are refitted meanwhile
    if kept is not None:
        kept.keep_model(context, candidate, [unit], winner.fold_units, model)
    return Refitted(unit, model, example)


def fit_on_all(
    context: TrainingContext, candidate: Candidate, postprocessing: Postprocessing, workers: UnitWorkers | None = None
) -> FittedOnAll:
    """Fit a candidate on all training rows, never the held-out ones, with the postprocessing fitted out of fold.

    Raises
    ------
    ValidationFailed
        When it can't be fitted on them.
    """
    experiment = context.experiment
    together = workers.together if workers is not None else None
    outcome = experiment.run(candidate, HOLDOUT_FOLD, keep_model=True, rule=postprocessing.rule, together=together)
    if outcome.fitted is None or outcome.resampling is None:
        raise ValidationFailed(f"{candidate.name} won out of fold but can't be fitted on all rows: {outcome.skipped}")
    calibrator = postprocessing.calibration.for_model(Shares.of(outcome.resampling))
    fitted = outcome.fitted.set_params(calibrator=calibrator, decides_on=postprocessing.decides_on)
    example = example_rows(context, candidate)
    return FittedOnAll(record_unit(context, candidate, HOLDOUT_FOLD, outcome), fitted, example)


def example_rows(context: TrainingContext, candidate: Candidate) -> pd.DataFrame:
    """Return a few training rows in the raw columns that a candidate takes."""
    columns = list(context.problem.features[candidate.features].columns)
    return context.experiment.frame[columns].head(EXAMPLE_ROWS)


def model_path(context: TrainingContext, candidate: Candidate) -> Path:
    """Name the file of the winner in the folder of its training; it is removed once the registry has a copy."""
    return context.units / slug(candidate.name) / MODEL_FILE
