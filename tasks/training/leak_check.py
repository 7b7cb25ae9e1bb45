"""Leak sentinel: checks that no evaluated row had a part in the training; otherwise nothing is registered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
from prefect import task
from prefect.cache_policies import NO_CACHE

from evenhand.data.fold_names import HOLDOUT_FOLD, fold_label
from evenhand.data.out_of_fold import counted
from evenhand.data.references import Reference
from evenhand.data.split import class_labels
from evenhand.errors import LeakFound
from evenhand.problem import Problem
from evenhand.training.experiment import Experiment
from evenhand.training.leak_checks import (
    LEAK_SENTINEL,
    NOT_CHECKED,
    LeakReport,
    fold_leaks,
    made_rows,
    natural_twins,
    row_hashes,
)
from evenhand.training.predictive_columns import ColumnScores, describe_suspected, score_columns
from tasks.data.partition import Parts
from tasks.storage.files import write_json
from tasks.storage.store import read_frame
from tasks.training.context import TrainingContext, class_codes
from tasks.training.results import Result
from tasks.training.training import Training
from tasks.training.units import Unit

FILE = "leak_sentinel.json"
SHOWN = 3  # findings in the error; the file has all


@task(name="predictive columns", cache_policy=NO_CACHE)
def check_columns(training: Training, parts: Parts) -> ColumnScores:
    """Check, before anything is fitted, that no column gives the class alone, unless the problem allows it.

    Raises
    ------
    LeakFound
        Naming the column, what it reaches alone, and what to write.
    """
    problem, rows = training.problem, read_frame(parts.train)
    scores = score_columns(problem, rows, class_codes(rows, parts, problem.target.column), training.seed)
    if scores.suspected:
        _stop(training.folder / FILE, [describe_suspected(scores, problem.target.column)])
    best = max(scores.alone, key=lambda name: scores.alone[name], default=None)
    if best is not None:
        training.say(f"          the most that one column gives is macro-F1 {scores.alone[best]:.3f} ({best})")
    return scores


@task(name="leak sentinel", cache_policy=NO_CACHE)
def find_leaks(
    training: Training,
    context: TrainingContext,
    good: Reference,
    results: Sequence[Result],
    columns: ColumnScores | None = None,
) -> LeakReport:
    """Check the rows, folds and fits of a training, and write ``leak_sentinel.json`` into its folder.

    Parameters
    ----------
    training : Training
    context : TrainingContext
    good : Reference
        The validated rows that its rows were taken from.
    results : sequence of Result
    columns : ColumnScores, optional
        What each column gives alone.

    Raises
    ------
    LeakFound
        On any finding, and when a fit was not checked.
    """
    experiment, path = context.experiment, training.folder / FILE
    labels = np.asarray(experiment.classes, dtype=object)[experiment.y]
    hashes = row_hashes(experiment.frame, labels)
    units = _fitted_units(results)
    found = [*_of_rows(hashes, good, context.problem), *_of_folds(experiment), *_of_units(units)]
    if found:
        _stop(path, found)
    read = sorted({column for features in context.problem.features.values() for column in features.columns})
    alike = row_hashes(experiment.frame[read], labels)  # as a model reads them: it may not read the date
    twins = {fold_label(number): natural_twins(alike, fold) for number, fold in experiment.folds.items()}
    alone = None if columns is None else dict(columns.alone)
    allowed = ", ".join(context.problem.allow_predictive)
    more = (f"columns that `allow_predictive` allows: {allowed}",) if allowed else ()
    report = LeakReport(len(hashes), len(units), twins, alone, (*NOT_CHECKED, *more))
    write_json(path, report.to_record())
    unseen = twins[fold_label(HOLDOUT_FOLD)]
    training.say(
        f"          clean: {report.fits} fits of {report.rows:,} rows; {unseen.twins:,} of {unseen.judged:,} held-out "
        "rows have a natural twin among the training rows"
    )
    training.say(f"          not checked: {'; '.join(report.not_checked)}")
    return report


def _stop(path: Path, found: Sequence[str]) -> NoReturn:
    write_json(path, {LEAK_SENTINEL: "leak found", "findings": list(found)})
    shown = "; ".join(found[:SHOWN]) + (f"; and {len(found) - SHOWN} more in {path}" if found[SHOWN:] else "")
    raise LeakFound(f"the leak sentinel stopped this training before anything was registered: {shown}")


def _fitted_units(results: Sequence[Result]) -> list[Unit]:
    """List the units that were fitted, each once: candidates that differ only in the decision rule share them."""
    units = {(unit.candidate.name, unit.fold): unit for result in results for unit in result.units}
    return [unit for unit in units.values() if unit.skipped is None]


def _of_rows(hashes: np.ndarray, good: Reference, problem: Problem) -> Iterator[str]:
    """Compare the rows of the training with the validated rows."""
    target = problem.target.column
    source = read_frame(good, problem.columns)
    labels = class_labels(source[target], problem.target)
    known = row_hashes(source.drop(columns=target), labels.to_numpy(dtype=object))[labels.notna()]
    made = made_rows(hashes, known)
    if len(made):
        yield f"before the folds: {counted(made, 'row')} copied or made up: the validated data does not have them"


def _of_folds(experiment: Experiment) -> Iterator[str]:
    inner = [fold for number, fold in experiment.folds.items() if number != HOLDOUT_FOLD]
    return fold_leaks(inner, experiment.folds[HOLDOUT_FOLD].valid)


def _of_units(units: Sequence[Unit]) -> Iterator[str]:
    for unit in units:
        for finding in ("it was not checked for leaks",) if unit.leaks is None else unit.leaks:
            yield f"{unit.candidate.name}, {fold_label(unit.fold)}: {finding}"
