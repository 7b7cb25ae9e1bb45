"""Stack: the best fits of different families combined out of fold, judged as any candidate is."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from evenhand.metrics.scores import score
from evenhand.postprocess.choose_calibration import Correction
from evenhand.postprocess.fit_rules import AnyDecision
from evenhand.postprocess.postprocessing import Ending
from evenhand.problem import ARGMAX, Problem
from evenhand.problem.stacking import Stacking
from evenhand.scoring.model import FittedCandidate
from evenhand.strategies import ResamplingRecord, class_counts
from evenhand.training.candidates import Candidate
from evenhand.training.experiment import HOLDOUT, Experiment
from evenhand.training.stacking import (
    StackCandidate,
    best_members,
    combined,
    cross_combined,
    fit_combiner,
    fitted_stack,
    nested_combined,
    stack_of,
)
from tasks.data.partition import Parts
from tasks.registry.store_model import write_model
from tasks.training.evaluate import evaluate_all, ranked
from tasks.training.fit import Refitted, Whole, fit_whole, model_path
from tasks.training.results import Result, known_rows, shares_of
from tasks.training.units import HOLDOUT_FOLD, Unit, UnitWorkers, experiment_of, slug


@dataclass(frozen=True, eq=False)
class Stacked:
    """A stack that was fitted out of fold; with every decision rule it is a candidate."""

    candidate: StackCandidate
    combiner: Pipeline | None
    """Fitted on all out-of-fold rows."""
    units: tuple[Unit, ...]
    results: tuple[Result, ...]


@task(name="stack", cache_policy=NO_CACHE)
def stack(
    parts: Parts, problem: Problem, seed: int, stacking: Stacking, scored: Sequence[Result], folder: Path
) -> Stacked | None:
    """Choose the members by their out-of-fold scores, combine them and score the stack.

    Parameters
    ----------
    parts, problem, seed
        As for :func:`tasks.training.fit.experiment_of`.
    stacking : Stacking
    scored : sequence of Result
        Every candidate, out of fold.
    folder : Path
        Of the training.

    Returns
    -------
    Stacked or None
        None where fewer than two families could be fitted on every fold.
    """
    running = [result.candidate for result in ranked(problem, scored) if result.stopped is None]
    chosen = best_members(running, stacking)
    if len(chosen) < 2:
        return None
    members = [replace(member, decision=ARGMAX) for member in chosen]
    candidate = stack_of(members, stacking.combine)
    inner = {result.candidate.fit_name: result.inner for result in scored}
    experiment = experiment_of(parts, problem, seed)
    with threadpool_limits(limits=1):
        combiner, units = _out_of_fold(experiment, problem, candidate, inner, folder)
    grid = [replace(candidate, decision=decision) for decision in _rules(scored)]
    results = evaluate_all.fn(parts, problem, seed, grid, {candidate.fit_name: units})
    return Stacked(candidate, combiner, tuple(units), tuple(results))


def _rules(scored: Sequence[Result]) -> list[AnyDecision]:
    """Take the rules that fits without resampling have: a stack, too, is fitted at natural prevalence."""
    plain = [result.candidate.decision for result in scored if result.candidate.strategy.kind == "none"]
    return list({decision.name: decision for decision in (ARGMAX, *plain)}.values())


def _out_of_fold(
    experiment: Experiment,
    problem: Problem,
    candidate: StackCandidate,
    inner: Mapping[str, Sequence[Unit]],
    folder: Path,
) -> tuple[Pipeline | None, list[Unit]]:
    started = time.thread_time()
    known = [known_rows(experiment, inner[member.fit_name]) for member in candidate.members]
    inputs, y, folds = [one.proba(prior=True) for one in known], known[0].y, known[0].folds
    proba = cross_combined(candidate.combine, inputs, y, folds)
    nested = nested_combined(candidate.combine, inputs, y, folds)
    combiner = fit_combiner(candidate.combine, inputs, y)
    numbers = [int(fold) for fold in np.unique(folds)]
    seconds = (time.thread_time() - started) / len(numbers)
    units = []
    for place, fold in enumerate(numbers):
        of = [unit for member in candidate.members for unit in inner[member.fit_name] if unit.fold == fold]
        unit = _unit(experiment, problem, candidate, of, proba[folds == fold], folder)
        # Each fold is judged once; where there is one fold only, its two halves judge each other.
        paths = [_saved(folder, candidate, f"{fold}-{i}", nested[i]) for i in range(place, len(nested), len(numbers))]
        units.append(replace(unit, fit_seconds=seconds, nested=tuple(paths)))
    return combiner, units


def _unit(
    experiment: Experiment,
    problem: Problem,
    candidate: StackCandidate,
    of: Sequence[Unit],
    proba: np.ndarray,
    folder: Path,
) -> Unit:
    """Leave what a fit leaves, from the units of the members on the same fold."""
    number, fold = of[0].fold, experiment.folds[of[0].fold]
    counts = class_counts(experiment.y[fold.train], experiment.classes)
    note = f"combined out of fold ({candidate.combine}) from {len(of)} fits"
    name = HOLDOUT if number == HOLDOUT_FOLD else str(number)
    entry = ResamplingRecord(candidate.strategy.name, name, counts, counts, (note,))
    primary = score(experiment.y[fold.valid], proba, experiment.classes).metrics[problem.metric]
    leaks = [unit.leaks for unit in of]
    found = None if None in leaks else tuple(leak for some in leaks if some for leak in some)
    path = _saved(folder, candidate, str(number), proba)
    return Unit(candidate, number, 0.0, path, entry, None, primary, leaks=found)


def _saved(folder: Path, candidate: Candidate, name: str, proba: np.ndarray) -> Path:
    path = folder / "units" / slug(candidate.name) / f"{name}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, proba, allow_pickle=False)
    return path


def stack_unseen(
    parts: Parts, problem: Problem, seed: int, stacked: Stacked, outer: Mapping[str, Sequence[Unit]], folder: Path
) -> Unit:
    """Combine what the members, refitted on every training row, said of the held-out rows."""
    experiment, members = experiment_of(parts, problem, seed), stacked.candidate.members
    of = [outer[member.fit_name][0] for member in members]
    missed = next((unit for unit in of if unit.skipped), None)
    if missed is not None:
        return Unit(
            stacked.candidate, HOLDOUT_FOLD, 0.0, None, None, f"{missed.candidate.name}: {missed.skipped}", None
        )
    inputs = [known_rows(experiment, [unit]).proba(prior=True) for unit in of]
    return _unit(experiment, problem, stacked.candidate, of, combined(stacked.combiner, inputs), folder)


@task(name="refit stack", task_run_name="refit {stacked.candidate.name}", cache_policy=NO_CACHE)
def refit_stack(
    parts: Parts,
    problem: Problem,
    seed: int,
    stacked: Stacked,
    ending: Ending,
    folder: Path,
    workers: UnitWorkers | None = None,
) -> tuple[Refitted, dict[str, list[Unit]]]:
    """Fit the members of a winning stack on all training rows and make one whole of them.

    Returns
    -------
    Refitted
    dict of str to list of Unit
        The unit of each fit on the held-out rows, the stack's own among them.
    """
    plain = Ending(ending.rule, Correction(prior=False, calibrator=None), "calibrated")
    given = (plain, folder, workers)
    wholes = [fit_whole(parts, problem, seed, member, *given) for member in stacked.candidate.members]
    outer = {whole.unit.candidate.fit_name: [whole.unit] for whole in wholes}
    unit = stack_unseen(parts, problem, seed, stacked, outer, folder)
    example = pd.concat([whole.example for whole in wholes], axis=1)
    example = example.loc[:, ~example.columns.duplicated()]
    fitted = fitted_stack([_at_natural_prevalence(whole) for whole in wholes], stacked.combiner, list(example.columns))
    calibrator = ending.correction.for_model(shares_of(unit))
    fitted = fitted.set_params(rule=ending.rule, calibrator=calibrator, decides_on=ending.decides_on)
    model = write_model(fitted, model_path(folder, stacked.candidate))
    return Refitted(unit, model, example), outer | {stacked.candidate.fit_name: [unit]}


def _at_natural_prevalence(whole: Whole) -> FittedCandidate:
    shares = shares_of(whole.unit)
    calibrator = shares.correction() if shares.changed else None
    return whole.fitted.set_params(rule=None, calibrator=calibrator)
