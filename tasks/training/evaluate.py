"""Evaluate: every candidate at natural prevalence, out of fold and on the held-out period."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from prefect import task
from prefect.cache_policies import NO_CACHE

from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.data.out_of_fold import check_disjoint
from evenhand.errors import ValidationFailed
from evenhand.metrics.scores import Scores, score
from evenhand.postprocess.choose_calibration import (
    Calibration,
    CrossFittedCalibration,
    cross_fit_calibration,
    fit_calibration,
)
from evenhand.postprocess.fit_rules import AnyDecision, period_groups, share_of
from evenhand.postprocess.postprocessing import Postprocessing, cross_decided, fit_postprocessing
from evenhand.problem import ARGMAX, LOWER_IS_BETTER, CapacityDecision, Problem
from evenhand.report.candidate_row import is_baseline
from evenhand.training.candidates import Candidate
from evenhand.training.experiment import Experiment
from evenhand.training.racing import Stopped
from tasks.training.context import TrainingContext
from tasks.training.results import (
    Result,
    Shipped,
    evaluated_positions,
    oof_predictions,
    read_predictions,
    shares_of,
    side_by_side,
)
from tasks.training.units import Unit


def winning_postprocessing(context: TrainingContext, winner: Candidate, inner: Sequence[Unit]) -> Postprocessing:
    """Fit the winner's calibration and decision rule on all its out-of-fold rows; both become part of the model."""
    correction = fit_calibration(context.problem.calibration, oof_predictions(context.experiment, inner))
    return _postprocessing(context, winner, inner, correction)


def _postprocessing(
    context: TrainingContext, candidate: Candidate, inner: Sequence[Unit], correction: Calibration
) -> Postprocessing:
    experiment = context.experiment
    known, rows = oof_predictions(experiment, inner), evaluated_positions(experiment, inner)
    what = f"{candidate.name}: correction and decision rule {candidate.decision.name}, held-out period"
    check_disjoint(rows, experiment.folds[HOLDOUT_FOLD].valid, what)
    spec, trained = row_by_row(experiment, candidate.decision, rows), trained_share(inner)
    return fit_postprocessing(spec, known, correction, experiment.classes, context.problem.metric, trained)


def row_by_row(experiment: Experiment, decision: AnyDecision, rows: np.ndarray) -> AnyDecision:
    """Turn a capacity of k rows per period into a share of rows, so that a row is decided without the others."""
    if not isinstance(decision, CapacityDecision) or decision.per is None:
        return decision
    groups = period_groups(experiment.frame[decision.per].iloc[rows], decision)
    share = min(share_of(decision, len(rows), groups), 1 - 1e-9)
    return decision.model_copy(update={"share": share, "k": None, "per": None})


def trained_share(units: Sequence[Unit]) -> np.ndarray:
    """Return the class shares, or shares of weight, of the rows that the models were fitted on."""
    entries = [unit.resampling for unit in units if unit.resampling is not None]
    total = np.sum([list((entry.weight or entry.after).values()) for entry in entries], axis=0)
    return total / total.sum()


@task(name="evaluate", cache_policy=NO_CACHE)
def evaluate_all(
    context: TrainingContext,
    grid: Sequence[Candidate],
    inner: Mapping[str, Sequence[Unit]],
    stopped: Mapping[str, Stopped] | None = None,
) -> list[Result]:
    """Score every candidate out of fold; ``inner`` has the units of each fit, ``stopped`` why the race stopped some."""
    experiment = context.experiment
    whole = {name: units for name, units in inner.items() if not any(unit.skipped for unit in units)}

    def correct(units: Sequence[Unit]) -> CrossFittedCalibration:
        return cross_fit_calibration(context.problem.calibration, oof_predictions(experiment, units))

    def evaluated(candidate: Candidate) -> Result:
        name = candidate.fit_name
        found = evaluate(context, candidate, inner[name], corrections.get(name))
        return replace(found, stopped=(stopped or {}).get(name))

    # In threads: most of the work is sorting and summing large arrays, for which NumPy releases the lock.
    with ThreadPoolExecutor(side_by_side(context.parts)) as pool:
        corrections = dict(zip(whole, pool.map(correct, whole.values()), strict=True))
        results = list(pool.map(evaluated, grid))
    return [replace(result, beside=_beside(experiment, result, results)) for result in results]


def _beside(experiment: Experiment, result: Result, results: Sequence[Result]) -> Scores | None:
    """Score the baseline of a stopped candidate on the same rows."""
    if result.stopped is None or result.oof is None:
        return None
    group = result.row().group
    plain = next((r for r in results if is_baseline(r.row()) and r.row().group == group and r.oof is not None), None)
    if plain is None:
        return None
    folds = {unit.fold for unit in result.inner}
    found = read_predictions(experiment, [unit for unit in plain.inner if unit.fold in folds])
    return score(found.y, found.proba, experiment.classes)


def evaluate(
    context: TrainingContext, candidate: Candidate, units: Sequence[Unit], corrections: CrossFittedCalibration | None
) -> Result:
    """Score a candidate out of fold; its decision rule is fitted on the other folds. Without all folds, no score."""
    if corrections is None:
        return Result(candidate, tuple(units), None, None)
    experiment, classes = context.experiment, context.parts.classes
    known = oof_predictions(experiment, units)
    spec = row_by_row(experiment, candidate.decision, evaluated_positions(experiment, units))
    predicted = cross_decided(spec, known, corrections, classes, context.problem.metric, trained_share(units))
    raw = score(known.y, known.proba, classes, predicted)
    after = score(known.y, corrections.out_of_fold(known), classes, predicted) if corrections.changes else raw
    shipped = Shipped(corrections.final.name, after)
    return Result(candidate, tuple(units), raw, None, corrections, shipped, oof_codes=_compact(candidate, predicted))


@task(name="score", cache_policy=NO_CACHE)
def score_all(context: TrainingContext, results: Sequence[Result], outer: Mapping[str, Sequence[Unit]]) -> list[Result]:
    """Score the candidates on the held-out rows; ``outer`` holds the unit of each fit that the race did not stop."""

    def scored(result: Result) -> Result:
        if result.stopped:
            return result
        return score_holdout(context, result, outer[result.candidate.fit_name])

    with ThreadPoolExecutor(side_by_side(context.parts)) as pool:
        return list(pool.map(scored, results))


def score_holdout(context: TrainingContext, result: Result, outer: Sequence[Unit]) -> Result:
    """Add the scores on the held-out rows; calibration and decision rule are those fitted out of fold."""
    units = (*result.units, *outer)
    if result.corrections is None or result.shipped is None or any(unit.skipped for unit in units):
        return replace(result, units=units)
    held_out, classes = read_predictions(context.experiment, outer), context.parts.classes
    postprocessing = _postprocessing(context, result.candidate, result.units, result.corrections.final)
    proba, predicted = postprocessing.apply(held_out.proba, shares_of(outer[0]))
    raw = score(held_out.y, held_out.proba, classes, predicted)
    after = raw if proba is held_out.proba else score(held_out.y, proba, classes, predicted)
    shipped = replace(result.shipped, test=after)
    return replace(result, units=units, test=raw, shipped=shipped, test_codes=_compact(result.candidate, predicted))


def _compact(candidate: Candidate, codes: np.ndarray) -> np.ndarray | None:
    return None if candidate.decision == ARGMAX else codes.astype(np.min_scalar_type(codes.max(initial=0)))


def choose(problem: Problem, results: Sequence[Result]) -> Candidate:
    """Choose the candidate with the best out-of-fold primary metric; the first in the grid wins a tie.

    Raises
    ------
    ValidationFailed
        When no candidate could be fitted on every fold.
    """
    best = [result for result in ranked(problem, results) if result.stopped is None]
    if not best:
        reasons = "; ".join(sorted({f"{r.candidate.name}: {r.skipped}" for r in results}))
        raise ValidationFailed(f"no candidate has an out-of-fold {problem.metric}: {reasons}")
    return best[0].candidate


def ranked(problem: Problem, results: Sequence[Result]) -> list[Result]:
    """Sort by the out-of-fold primary metric, best first, ties in grid order; leave out those without a score."""
    sign = -1.0 if problem.metric in LOWER_IS_BETTER else 1.0
    scored = [(sign * r.oof.metrics[problem.metric], r) for r in results if r.oof is not None]
    known = [pair for pair in scored if not math.isnan(pair[0])]
    return [result for _, result in sorted(known, key=lambda pair: -pair[0])]
