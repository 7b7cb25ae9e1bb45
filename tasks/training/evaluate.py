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
from evenhand.evidence.influence import PROBABILITY_METRICS, Influence, influences
from evenhand.metrics.predictions import Predictions
from evenhand.metrics.scores import Scores, score
from evenhand.postprocess.choose_calibration import (
    Calibration,
    CrossFittedCalibration,
    cross_fit_calibration,
)
from evenhand.postprocess.fit_rules import AnyDecision, period_groups, share_of
from evenhand.postprocess.postprocessing import Postprocessing, cross_decided, fit_postprocessing
from evenhand.problem import LOWER_IS_BETTER, CapacityDecision, Problem
from evenhand.report.candidate_row import is_baseline
from evenhand.training.candidates import Candidate
from evenhand.training.experiment import Experiment
from evenhand.training.racing import Stopped
from tasks.training.context import TrainingContext
from tasks.training.results import (
    Result,
    Shipped,
    evaluated_positions,
    evaluation_rows,
    oof_predictions,
    read_predictions,
    shares_of,
    side_by_side,
)
from tasks.training.units import Unit


def winning_postprocessing(context: TrainingContext, winner: Candidate, fold_units: Sequence[Unit]) -> Postprocessing:
    """Fit the winner's calibration and decision rule on all its out-of-fold rows; both become part of the model."""
    known = oof_predictions(context.experiment, fold_units)
    calibration = cross_fit_calibration(context.problem.calibration, known).final
    return _postprocessing(context, winner, fold_units, calibration)


def _postprocessing(
    context: TrainingContext, candidate: Candidate, fold_units: Sequence[Unit], calibration: Calibration
) -> Postprocessing:
    experiment = context.experiment
    known, rows = oof_predictions(experiment, fold_units), evaluated_positions(experiment, fold_units)
    what = f"{candidate.name}: calibration and decision rule {candidate.decision.name}, held-out period"
    check_disjoint(rows, experiment.folds[HOLDOUT_FOLD].valid, what)
    spec, trained = row_by_row(experiment, candidate.decision, rows), trained_share(fold_units)
    return fit_postprocessing(spec, known, calibration, experiment.classes, context.problem.metric, trained)


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
    fold_units: Mapping[str, Sequence[Unit]],
    stopped: Mapping[str, Stopped] | None = None,
) -> list[Result]:
    """Score every candidate out of fold; ``stopped`` says why the race stopped some fits."""
    experiment = context.experiment
    whole = {name: units for name, units in fold_units.items() if not any(unit.skipped for unit in units)}

    def calibrate(units: Sequence[Unit]) -> CrossFittedCalibration:
        return cross_fit_calibration(context.problem.calibration, oof_predictions(experiment, units))

    def evaluated(candidate: Candidate) -> Result:
        name = candidate.fit_name
        found = evaluate(context, candidate, fold_units[name], calibrations.get(name))
        return replace(found, stopped=(stopped or {}).get(name))

    # In threads: most of the work is sorting and summing large arrays, for which NumPy releases the lock.
    with ThreadPoolExecutor(side_by_side(context.parts)) as pool:
        calibrations = dict(zip(whole, pool.map(calibrate, whole.values()), strict=True))
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
    folds = {unit.fold for unit in result.fold_units}
    found = read_predictions(experiment, [unit for unit in plain.fold_units if unit.fold in folds])
    return score(found.y, found.proba, experiment.classes)


def evaluate(
    context: TrainingContext, candidate: Candidate, units: Sequence[Unit], calibration: CrossFittedCalibration | None
) -> Result:
    """Score a candidate out of fold; its decision rule is fitted on the other folds. Without all folds, no score."""
    if calibration is None:
        return Result(candidate, tuple(units), None, None)
    experiment, classes = context.experiment, context.parts.classes
    known = oof_predictions(experiment, units)
    spec = row_by_row(experiment, candidate.decision, evaluated_positions(experiment, units))
    predicted = cross_decided(spec, known, calibration, classes, context.problem.metric, trained_share(units))
    raw = score(known.y, known.proba, classes, predicted)
    after = score(known.y, calibration.out_of_fold(known), classes, predicted) if calibration.ships else raw
    shipped = Shipped(calibration.final.name, after)
    found = Result(candidate, tuple(units), raw, None, calibration, shipped, oof_codes=_compact(predicted))
    return replace(found, influence=_influence(context, units, known))


@task(name="score", cache_policy=NO_CACHE)
def score_all(
    context: TrainingContext, results: Sequence[Result], holdout_units: Mapping[str, Sequence[Unit]]
) -> list[Result]:
    """Score the candidates on the held-out rows; ``holdout_units`` has each fit that the race did not stop."""

    def scored(result: Result) -> Result:
        if result.stopped:
            return result
        return score_holdout(context, result, holdout_units[result.candidate.fit_name])

    with ThreadPoolExecutor(side_by_side(context.parts)) as pool:
        return list(pool.map(scored, results))


def score_holdout(context: TrainingContext, result: Result, holdout_units: Sequence[Unit]) -> Result:
    """Add the scores on the held-out rows; calibration and decision rule are those fitted out of fold."""
    units = (*result.units, *holdout_units)
    if result.calibration is None or result.shipped is None or any(unit.skipped for unit in units):
        return replace(result, units=units)
    held_out, classes = read_predictions(context.experiment, holdout_units), context.parts.classes
    postprocessing = _postprocessing(context, result.candidate, result.units, result.calibration.final)
    proba, predicted = postprocessing.apply(held_out.proba, shares_of(holdout_units[0]))
    raw = score(held_out.y, held_out.proba, classes, predicted)
    after = raw if proba is held_out.proba else score(held_out.y, proba, classes, predicted)
    shipped = replace(result.shipped, test=after)
    return replace(result, units=units, test=raw, shipped=shipped, test_codes=_compact(predicted))


def _compact(codes: np.ndarray) -> np.ndarray:
    return codes.astype(np.min_scalar_type(codes.max(initial=0)))


def _influence(context: TrainingContext, units: Sequence[Unit], known: Predictions) -> Influence | None:
    """Measure how much each row moves the primary metric, where it is one of probabilities."""
    metric = context.problem.metric
    if metric not in PROBABILITY_METRICS:
        return None
    rows = replace(evaluation_rows(context.experiment, units), folds=None)
    return influences(rows, known.proba, metric, rows.support > 0)


def ranked(problem: Problem, results: Sequence[Result]) -> list[Result]:
    """Sort by the out-of-fold primary metric, best first, ties in grid order; leave out those without a score."""
    sign = -1.0 if problem.metric in LOWER_IS_BETTER else 1.0
    scored = [(sign * r.oof.metrics[problem.metric], r) for r in results if r.oof is not None]
    known = [pair for pair in scored if not math.isnan(pair[0])]
    return [result for _, result in sorted(known, key=lambda pair: -pair[0])]
