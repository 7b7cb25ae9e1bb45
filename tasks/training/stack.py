"""Stack: the best fits of different families combined out of fold, and scored like any candidate."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE
from threadpoolctl import threadpool_limits

from evenhand.data.fold_names import HOLDOUT_FOLD, fold_key
from evenhand.metrics.scores import score
from evenhand.postprocess.choose_calibration import UNCHANGED
from evenhand.postprocess.fit_rules import AnyDecision
from evenhand.postprocess.postprocessing import Postprocessing
from evenhand.problem import ARGMAX
from evenhand.problem.models import Stacking
from evenhand.scoring.model import FittedCandidate
from evenhand.selection.choice import Choice
from evenhand.strategies import ResamplingRecord, class_counts
from evenhand.training.candidates import Candidate
from evenhand.training.combination import Combined, gain_on, log_loss_gain
from evenhand.training.presets import preset_stacking
from evenhand.training.stacking import (
    Combiner,
    StackCandidate,
    best_members,
    combined,
    cross_combined,
    fit_combiner,
    fitted_stack,
    nested_combined,
    stack_of,
)
from tasks.registry.load_model import load_file
from tasks.registry.store_model import write_model
from tasks.training.choose import choose, measured_result
from tasks.training.compare import oof_rows
from tasks.training.context import TrainingContext
from tasks.training.evaluate import evaluate_all, ranked, winning_postprocessing
from tasks.training.fit import FittedOnAll, Refitted, Winner, example_rows, fit_on_all, model_path
from tasks.training.kept.confirm import confirmed_units
from tasks.training.kept.kept_fits import KeptFits
from tasks.training.reference import write_reference
from tasks.training.results import Result, oof_predictions, shares_of
from tasks.training.unit_runner import UnitRunner, run_refits, run_units
from tasks.training.units import Unit, UnitWorkers, write_probabilities


@dataclass(frozen=True, eq=False)
class Stacked:
    """A stack that was fitted out of fold; with each decision rule it is a candidate."""

    candidate: StackCandidate
    combiner: Combiner | None
    """Fitted on all out-of-fold rows."""
    units: tuple[Unit, ...]
    results: tuple[Result, ...]


def stack_best(
    runner: UnitRunner, scored: list[Result], fold_units: dict[str, list[Unit]]
) -> tuple[Stacked | None, list[Result], dict[str, list[Unit]]]:
    """Stack the best fits if the problem or the preset asks for it.

    Returns
    -------
    Stacked or None
    list of Result
        ``scored`` with the candidates of the stack.
    dict of str to list of Unit
        ``fold_units`` with the units of the stack.
    """
    stacking = preset_stacking(runner.context.problem, runner.training.preset)
    if stacking is None:
        return None, scored, fold_units
    stacked = stack(runner.context, stacking, scored)
    if stacked is None:
        if runner.context.problem.stacking or runner.training.preset == "full":  # otherwise nobody asked for it
            runner.training.say("          no stack: fewer than two families were fitted on every fold")
        return None, scored, fold_units
    runner.training.say(f"          {stacked.candidate.name}")
    return stacked, [*scored, *stacked.results], {**fold_units, stacked.candidate.fit_name: list(stacked.units)}


def choose_winner(
    context: TrainingContext, results: Sequence[Result], stacked: Stacked | None
) -> tuple[Candidate, Choice, Combined | None]:
    """Choose the best single candidate, or the combination where it is worth its members.

    Returns
    -------
    Candidate
        The winner.
    Choice
        Its score and what to expect of it, among the single candidates or among the rules of the combination.
    Combined or None
        What the combination buys; None where there is none.
    """
    metric, own = context.problem.metric, {result.candidate.name for result in stacked.results} if stacked else set()
    best, choice = choose(context, [result for result in results if result.candidate.name not in own])
    if stacked is None:
        return best, choice, None
    together, choice_together = choose(context, stacked.results)
    pair = [next(one for one in results if one.candidate == wanted) for wanted in (together, best)]
    rows = oof_rows(context, pair[0].fold_units)
    found = Combined(
        together.name,
        best.name,
        metric,
        gain_on(rows, metric, *(measured_result(result, metric) for result in pair)),
        log_loss_gain(rows.y, *(_shipped_probabilities(context, result) for result in pair)),
    )
    return (together, choice_together, found) if found.preferred else (best, choice, found)


def _shipped_probabilities(context: TrainingContext, result: Result) -> np.ndarray:
    """Return the out-of-fold probabilities as a model made of the candidate would give them."""
    known = oof_predictions(context.experiment, result.fold_units)
    assert result.calibration is not None  # noqa: S101 - a result with a score has one
    return result.calibration.out_of_fold(known) if result.calibration.changes else known.proba


def refit_all(
    runner: UnitRunner,
    winner: Candidate,
    fold_units: Mapping[str, Sequence[Unit]],
    candidates: Sequence[Candidate],
    stacked: Stacked | None,
) -> tuple[Refitted, dict[str, list[Unit]]]:
    """Fit the winner, which is kept, and every other candidate on all training rows.

    The winner's calibration and decision rule are fitted on its out-of-fold rows, from ``fold_units``. If a stack won,
    its members are fitted once and are both the stack's and candidates of their own.

    Returns
    -------
    Refitted
    dict of str to list of Unit
        The unit of each fit on the held-out rows, by fit name.
    """
    own = confirmed_units(runner, winner, fold_units)
    postprocessing = winning_postprocessing(runner.context, winner, fold_units[winner.fit_name])
    won = Winner(winner, postprocessing, own)
    if stacked is None or stacked.candidate.fit_name != winner.fit_name:
        refitted, holdout_units = run_refits(runner, won, candidates)
        if stacked is not None:
            holdout_units[stacked.candidate.fit_name] = [stack_holdout(runner.context, stacked, holdout_units)]
        return refitted, holdout_units
    refitted, done = refit_stack(runner.context, stacked, won, runner.workers, runner.training.kept)
    others = [candidate for candidate in candidates if candidate.fit_name not in done]
    return refitted, {**run_units(runner, others, HOLDOUT_FOLD), **done}


@task(name="stack", cache_policy=NO_CACHE)
def stack(context: TrainingContext, stacking: Stacking, scored: Sequence[Result]) -> Stacked | None:
    """Choose the members by their out-of-fold scores, combine them and score the stack.

    Parameters
    ----------
    context : TrainingContext
    stacking : Stacking
    scored : sequence of Result
        Every candidate, out of fold.

    Returns
    -------
    Stacked or None
        None where fewer than two families could be fitted on every fold.
    """
    running = [result.candidate for result in ranked(context.problem, scored) if result.stopped is None]
    chosen = best_members(running, stacking)
    if len(chosen) < 2:
        return None
    members = [replace(member, decision=ARGMAX) for member in chosen]
    candidate = stack_of(members, stacking.combine)
    fold_units = {result.candidate.fit_name: result.fold_units for result in scored}
    with threadpool_limits(limits=1):
        combiner, units = _out_of_fold(context, candidate, fold_units)
    grid = [replace(candidate, decision=decision) for decision in _rules(scored)]
    results = evaluate_all.fn(context, grid, {candidate.fit_name: units})
    return Stacked(candidate, combiner, tuple(units), tuple(results))


def _rules(scored: Sequence[Result]) -> list[AnyDecision]:
    """Return the rules of fits without resampling: a stack is fitted at natural prevalence, too."""
    plain = [result.candidate.decision for result in scored if result.candidate.strategy.kind == "none"]
    return list({decision.name: decision for decision in (ARGMAX, *plain)}.values())


def _out_of_fold(
    context: TrainingContext, candidate: StackCandidate, fold_units: Mapping[str, Sequence[Unit]]
) -> tuple[Combiner | None, list[Unit]]:
    started = time.thread_time()
    known = [oof_predictions(context.experiment, fold_units[member.fit_name]) for member in candidate.members]
    inputs, y, folds = [one.prior_corrected() for one in known], known[0].y, known[0].fold_of_row
    proba = cross_combined(candidate.combine, inputs, y, folds)
    nested = nested_combined(candidate.combine, inputs, y, folds)
    combiner = fit_combiner(candidate.combine, inputs, y)
    numbers = [int(fold) for fold in np.unique(folds)]
    seconds = (time.thread_time() - started) / len(numbers)
    units = []
    for position, fold in enumerate(numbers):
        of = [unit for member in candidate.members for unit in fold_units[member.fit_name] if unit.fold == fold]
        unit = _unit(context, candidate, of, proba[folds == fold])
        # One pair per fold; with one fold only, its two halves are predicted by each other.
        paths = [
            write_probabilities(context, candidate, f"{fold}-{i}", nested[i])
            for i in range(position, len(nested), len(numbers))
        ]
        units.append(replace(unit, fit_seconds=seconds, nested=tuple(paths)))
    return combiner, units


def _unit(context: TrainingContext, candidate: StackCandidate, of: Sequence[Unit], proba: np.ndarray) -> Unit:
    """Make the unit of a stack from the units of its members on the same fold."""
    experiment, number = context.experiment, of[0].fold
    fold = experiment.folds[number]
    counts = class_counts(experiment.y[fold.train], experiment.classes)
    note = f"combined out of fold ({candidate.combine}) from {len(of)} fits"
    entry = ResamplingRecord(candidate.strategy.name, fold_key(number), counts, counts, (note,))
    primary = score(experiment.y[fold.valid], proba, experiment.classes).metrics[context.problem.metric]
    leaks = [unit.leaks for unit in of]
    found = None if None in leaks else tuple(leak for some in leaks if some for leak in some)
    path = write_probabilities(context, candidate, str(number), proba)
    return Unit(candidate, number, 0.0, path, entry, None, primary, leaks=found)


def stack_holdout(context: TrainingContext, stacked: Stacked, holdout_units: Mapping[str, Sequence[Unit]]) -> Unit:
    """Combine what the members, refitted on all training rows, predict for the held-out rows."""
    members = stacked.candidate.members
    of = [holdout_units[member.fit_name][0] for member in members]
    missed = next((unit for unit in of if unit.skipped), None)
    if missed is not None:
        return Unit(
            stacked.candidate, HOLDOUT_FOLD, 0.0, None, None, f"{missed.candidate.name}: {missed.skipped}", None
        )
    inputs = [oof_predictions(context.experiment, [unit]).prior_corrected() for unit in of]
    return _unit(context, stacked.candidate, of, combined(stacked.combiner, inputs))


@task(name="refit stack", task_run_name="refit {stacked.candidate.name}", cache_policy=NO_CACHE)
def refit_stack(
    context: TrainingContext,
    stacked: Stacked,
    winner: Winner,
    workers: UnitWorkers | None = None,
    kept: KeptFits | None = None,
) -> tuple[Refitted, dict[str, list[Unit]]]:
    """Fit the members of a winning stack on all training rows and make one model of them; or take the kept one.

    Returns
    -------
    Refitted
    dict of str to list of Unit
        The unit of each fit on the held-out rows, the stack's own among them.
    """
    candidate, postprocessing, path = stacked.candidate, winner.postprocessing, model_path(context, stacked.candidate)
    example = pd.concat([example_rows(context, member) for member in candidate.members], axis=1)
    example = example.loc[:, ~example.columns.duplicated()]
    known = kept.model(context, candidate, candidate.members, winner.fold_units, path) if kept else None
    if known is not None:
        holdout_units = {unit.candidate.fit_name: [unit] for unit in known[1]}
        unit = stack_holdout(context, stacked, holdout_units)
        model = known[0]._replace(reference=write_reference(context, load_file(path), unit))
        return Refitted(unit, model, example), holdout_units | {candidate.fit_name: [unit]}
    plain = Postprocessing(postprocessing.rule, UNCHANGED, "calibrated")
    members = [fit_on_all(context, member, plain, workers) for member in candidate.members]
    holdout_units = {member.unit.candidate.fit_name: [member.unit] for member in members}
    unit = stack_holdout(context, stacked, holdout_units)
    fitted = fitted_stack([_at_natural_prevalence(one) for one in members], stacked.combiner, list(example.columns))
    calibrator = postprocessing.calibration.for_model(shares_of(unit))
    fitted = fitted.set_params(rule=postprocessing.rule, calibrator=calibrator, decides_on=postprocessing.decides_on)
    model = write_model(fitted, path)
    model = model._replace(reference=write_reference(context, fitted, unit))
    if kept is not None:
        kept.keep_model(context, candidate, [member.unit for member in members], winner.fold_units, model)
    return Refitted(unit, model, example), holdout_units | {candidate.fit_name: [unit]}


def _at_natural_prevalence(member: FittedOnAll) -> FittedCandidate:
    shares = shares_of(member.unit)
    calibrator = shares.prior_correction() if shares.changed else None
    return member.fitted.set_params(rule=None, calibrator=calibrator)
