"""Compare: which method of handling imbalance helps, with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from prefect import task
from prefect.cache_policies import NO_CACHE

from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.data.split import block_numbers
from evenhand.evidence.baselines import ComparedCandidate, baseline_of
from evenhand.evidence.compare import compare_candidates, headline
from evenhand.evidence.evaluation_rows import EvaluationRows
from evenhand.evidence.evaluation_set import EvaluatedCandidates
from evenhand.evidence.influence import PROBABILITY_METRICS, Influence, influences
from evenhand.evidence.measure import EvidencePolicy, MeasuredCandidate
from evenhand.evidence.types import EVALUATION_SETS, EvaluationSet, Evidence
from evenhand.selection.agreement import agreement, unexpected
from evenhand.selection.choice import Choice
from evenhand.training.candidates import compared_candidate
from tasks.storage.files import write_json
from tasks.training.context import TrainingContext
from tasks.training.results import Result, evaluated_positions, evaluation_rows, read_predictions
from tasks.training.units import Unit

FILE = "evidence.json"


@task(name="compare", cache_policy=NO_CACHE)
def compare(context: TrainingContext, results: Sequence[Result], choice: Choice) -> Evidence:
    """Compare every candidate with the same model without its strategy, and write ``evidence.json``."""
    problem = context.problem
    rules = EvidencePolicy(min_positives=problem.gate.min_positives)
    entries = [compared_candidate(result.candidate) for result in results]
    evaluated: dict[EvaluationSet, EvaluatedCandidates] = {}
    for evaluation_set in EVALUATION_SETS:
        scored = [result for result in results if (result.oof if evaluation_set == "oof" else result.test) is not None]
        whole = [result for result in scored if result.stopped is None]
        if whole:
            evaluated[evaluation_set] = _evaluated(context, evaluation_set, whole, rules)
    if "oof" in evaluated:
        partial = _partial(context, entries, results, rules)
        evaluated["oof"] = replace(evaluated["oof"], partial=partial)
    evidence = compare_candidates(entries, evaluated, problem.metric, rules, _warnings(context, results, choice))
    write_json(context.folder / FILE, evidence.to_record())
    return evidence


def _warnings(context: TrainingContext, results: Sequence[Result], choice: Choice) -> tuple[str, ...]:
    """Warn if the winner's held-out score is not what its folds let expect."""
    won = next(result for result in results if result.candidate.name == choice.name)
    if won.oof is None or won.test is None:
        return ()
    problem = context.problem
    found = agreement(choice.expected, choice.out_of_fold, won.oof, won.test, problem.metric)
    return unexpected(found, choice.name, problem.metric, problem.split.folds.kind)


def _partial(
    context: TrainingContext, entries: Sequence[ComparedCandidate], results: Sequence[Result], rules: EvidencePolicy
) -> tuple[EvaluatedCandidates, ...]:
    """Group the candidates that the race stopped by their number of folds, each group with its baselines."""
    by_name = {result.candidate.name: result for result in results if result.oof is not None}
    groups: dict[int, dict[str, Result]] = {}
    for entry in entries:
        result, baseline = by_name.get(entry.name), baseline_of(entry, entries)
        if result is not None and result.stopped is not None:
            group = groups.setdefault(result.folds_done, {})
            group[entry.name] = result
            if baseline is not None and baseline.name in by_name:
                group.setdefault(baseline.name, by_name[baseline.name])
    return tuple(
        _evaluated(context, "oof", list(group.values()), rules, folds) for folds, group in sorted(groups.items())
    )


def _evaluated(
    context: TrainingContext,
    evaluation_set: EvaluationSet,
    results: Sequence[Result],
    rules: EvidencePolicy,
    folds: int | None = None,
) -> EvaluatedCandidates:
    """Read what each candidate predicted, on the first ``folds`` folds if there are more.

    Probabilities are read once per fit, and not kept.
    """
    rows = _rows(context, evaluation_set, _units(results[0], evaluation_set, folds))
    known, wanted = rows.support >= rules.min_positives, headline(context.problem.metric)
    of_fit: dict[str, dict[str, Influence]] = {}
    answers = {}
    for result in results:
        fit = result.candidate.fit_name
        if fit not in of_fit:
            proba = read_predictions(context.experiment, _units(result, evaluation_set, folds)).proba
            metrics = [metric for metric in wanted if metric in PROBABILITY_METRICS]
            of_fit[fit] = {metric: influences(rows, proba, metric, known) for metric in metrics}
        decided = result.oof_codes if evaluation_set == "oof" else result.test_codes
        assert decided is not None  # noqa: S101 - a result with a score has them
        codes = decided[: len(rows.y)].astype(np.int64)  # rows are in order of the folds
        answers[result.candidate.name] = MeasuredCandidate(codes, of_fit[fit])
    return EvaluatedCandidates(rows, answers)


def _units(result: Result, evaluation_set: EvaluationSet, folds: int | None = None) -> list[Unit]:
    if evaluation_set == "test":
        return [unit for unit in result.units if unit.fold == HOLDOUT_FOLD]
    return sorted(result.fold_units, key=lambda unit: unit.fold)[:folds]


def _rows(context: TrainingContext, evaluation_set: EvaluationSet, units: Sequence[Unit]) -> EvaluationRows:
    if evaluation_set == "oof":
        return oof_rows(context, units)
    return replace(evaluation_rows(context.experiment, units), folds=None, blocks=_blocks(context, units))


def oof_rows(context: TrainingContext, units: Sequence[Unit]) -> EvaluationRows:
    """Return the out-of-fold rows of some folds, by the units of a fit that has these folds."""
    folds = [context.experiment.folds[fold] for fold in sorted({unit.fold for unit in units})]
    ratios = tuple(len(fold.valid) / len(fold.train) for fold in folds)
    return replace(evaluation_rows(context.experiment, units), ratios=ratios, blocks=_blocks(context, units))


def _blocks(context: TrainingContext, units: Sequence[Unit]) -> np.ndarray | None:
    blocks, experiment = context.problem.split.blocks, context.experiment
    if blocks is None:
        return None
    return block_numbers(experiment.frame[blocks.column].iloc[evaluated_positions(experiment, units)], blocks)
