"""The evidence on one evaluation set: every candidate against its baseline, on the same rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evenhand.evidence.class_recall import class_evidence, class_support
from evenhand.evidence.draws import FEWEST_BLOCKS
from evenhand.evidence.evaluation_rows import EvaluationRows
from evenhand.evidence.fold_variance import FEWEST_FOLDS, PooledVariance, moderated_spread, pooled_variance
from evenhand.evidence.measure import EvidencePolicy, MeasuredCandidate, MeasuredDifference, Measurement, measure
from evenhand.evidence.multiplicity import conclusion_of, detectable, holm
from evenhand.evidence.types import (
    Basis,
    ClassEvidence,
    Difference,
    EvaluationSet,
    EvaluationSetEvidence,
    Ground,
    MetricEvidence,
)


@dataclass(frozen=True, eq=False)
class EvaluatedCandidates:
    """Candidates by name, measured on the same rows."""

    rows: EvaluationRows
    candidates: Mapping[str, MeasuredCandidate]
    partial: tuple[EvaluatedCandidates, ...] = ()
    """Candidates that racing stopped, grouped by their folds, each group with its baselines on the same rows."""


@dataclass(frozen=True, eq=False)
class Comparisons:
    """All comparisons on one evaluation set, and the standard errors by metric and candidate."""

    ground: Ground
    found: dict[str, EvaluationSetEvidence]
    errors: dict[str, dict[str, float]]


@dataclass(frozen=True, eq=False)
class _Group:
    """Candidates on the same rows, with their baselines, measurements and classes by name."""

    evaluated: EvaluatedCandidates
    pairs: dict[str, str]
    measured: dict[str, dict[str, Measurement]]
    classes: dict[str, tuple[ClassEvidence, ...]]


@dataclass(frozen=True)
class _Level:
    """The error rate of a family, and how many comparisons share it."""

    alpha: float
    comparisons: int

    @property
    def first_step(self) -> float:
        """The level that Holm's correction gives the smallest p value."""
        return self.alpha / max(1, self.comparisons)


def compare_on(
    evaluation_set: EvaluationSet,
    evaluated: EvaluatedCandidates,
    baselines: Mapping[str, str],
    metrics: Sequence[str],
    policy: EvidencePolicy,
) -> Comparisons:
    """Compare all candidates on one evaluation set; all comparisons, on any number of folds, are one family.

    Parameters
    ----------
    evaluation_set : {"oof", "test"}
    evaluated : EvaluatedCandidates
    baselines : mapping of candidate name to the name of its baseline
        Without candidates that have none.
    metrics : sequence of str
    policy : EvidencePolicy
    """
    complete = _measure(evaluated, baselines, metrics, policy)
    groups, pooled = [complete], {metric: _pooled(complete, metric) for metric in metrics}
    for part in evaluated.partial:
        names = [name for name in part.candidates if name not in evaluated.candidates]
        found_on_few = _measure(part, baselines, metrics, policy, names)
        groups.append(replace(found_on_few, measured=_moderated(found_on_few, pooled, policy)))
    measured = {name: one for group in groups for name, one in group.measured.items()}
    pairs = {name: other for group in groups for name, other in group.pairs.items()}
    stopped = measured.keys() - complete.measured.keys()
    by_metric = {metric: _family(metric, measured, pairs, policy, stopped) for metric in metrics}
    found = {}
    for group in groups:
        folds = None if group is complete else len(group.evaluated.rows.ratios)
        for name in group.measured:
            values = {metric: by_metric[metric][name] for metric in metrics}
            found[name] = EvaluationSetEvidence(values, group.classes[name], folds)
    errors = {
        metric: {name: one[metric].standard_error for name, one in complete.measured.items()} for metric in metrics
    }
    return Comparisons(_ground(evaluation_set, complete, len(pairs), policy), found, errors)


def _measure(
    evaluated: EvaluatedCandidates,
    baselines: Mapping[str, str],
    metrics: Sequence[str],
    policy: EvidencePolicy,
    names: Sequence[str] | None = None,
) -> _Group:
    """Measure the candidates of one group, or those in ``names``."""
    rows, candidates = evaluated.rows, evaluated.candidates
    wanted = list(candidates) if names is None else list(names)
    pairs = {name: baselines[name] for name in wanted if baselines.get(name) in candidates}
    known, order = rows.support >= policy.min_positives, _order_of_classes(rows, candidates)
    # Classes are ordered by support and hits, so that draws depend on neither names nor codes.
    new_code_of = np.argsort(order)
    ordered = replace(rows, y=new_code_of[rows.y])
    recoded = {name: MeasuredCandidate(new_code_of[one.codes], one.metrics) for name, one in candidates.items()}
    measured, classes = {}, {}
    for name in wanted:
        other = pairs.get(name, "")
        measured[name] = measure(ordered, recoded[name], recoded.get(other), known[order], metrics, policy)
        codes = candidates[other].codes if other else None
        classes[name] = class_evidence(rows, candidates[name].codes, codes, policy.min_positives, policy.confidence)
    return _Group(evaluated, pairs, measured, classes)


def _moderated(
    part: _Group, pooled: Mapping[str, PooledVariance | None], policy: EvidencePolicy
) -> dict[str, dict[str, Measurement]]:
    """Give the comparisons of stopped candidates an interval by the pooled variance over folds, metric by metric."""
    found = {}
    for name, measured in part.measured.items():
        found[name] = {
            metric: _with_pooled(one, part.evaluated.rows.ratios, pooled[metric], policy)
            for metric, one in measured.items()
        }
    return found


def _with_pooled(
    one: Measurement, ratios: Sequence[float], pooled: PooledVariance | None, policy: EvidencePolicy
) -> Measurement:
    difference = one.difference
    if difference is None or pooled is None:
        return one
    variance = _variance_of_a_fold(difference)
    spread = moderated_spread(difference.fold_gains, ratios, variance, pooled, policy.confidence)
    return replace(one, difference=replace(difference, folds=spread or difference.folds))


def _pooled(complete: _Group, metric: str) -> PooledVariance | None:
    differences = [one[metric].difference for one in complete.measured.values()]
    known = [one for one in differences if one is not None and one.folds is not None]
    return pooled_variance([one.fold_gains for one in known], [_variance_of_a_fold(one) for one in known])


def _variance_of_a_fold(difference: MeasuredDifference) -> float:
    """Return the variance of one fold's difference from drawing its rows, as that of all its folds' rows shows it."""
    return len(difference.fold_gains) * difference.rows.standard_error**2


def _order_of_classes(rows: EvaluationRows, candidates: Mapping[str, MeasuredCandidate]) -> np.ndarray:
    hits = np.zeros(len(rows.classes), dtype=np.int64)
    for one in candidates.values():
        hits += np.bincount(rows.y[one.codes == rows.y], minlength=len(hits))
    return np.lexsort((hits, rows.support))


def _family(
    metric: str,
    measured: Mapping[str, Mapping[str, Measurement]],
    pairs: Mapping[str, str],
    policy: EvidencePolicy,
    stopped: Collection[str],
) -> dict[str, MetricEvidence]:
    differences = {name: one[metric].difference for name, one in measured.items() if name in pairs}
    adjusted = dict(zip(differences, holm([_p(one) for one in differences.values()]), strict=True))
    level, found = _Level(policy.alpha, len(differences)), {}
    for name, all_metrics in measured.items():
        one, difference = all_metrics[metric], None
        if name in pairs:
            difference = _difference(pairs[name], one.difference, adjusted[name], level, complete=name not in stopped)
        interval = one.rows.interval
        # The mean over folds differs from the score on all rows, which is the one that tables show.
        folds = one.folds.interval.around(interval.estimate) if one.folds else None
        found[name] = MetricEvidence(metric, interval.estimate, interval, folds, one.fold_values, difference)
    return found


def _p(difference: MeasuredDifference | None) -> float:
    if difference is None:
        return np.nan
    return difference.folds.p if difference.folds else difference.rows.p


def _difference(
    versus: str, found: MeasuredDifference | None, adjusted: float, level: _Level, complete: bool
) -> Difference | None:
    if found is None:
        return None
    rows, folds = found.rows, found.folds
    estimates = [rows.interval.estimate, *([folds.interval.estimate] if folds else [])]
    error, degrees = (folds.standard_error, folds.degrees) if folds else (rows.standard_error, None)
    estimate = rows.interval.estimate
    by_folds = folds.interval.around(estimate) if folds else None
    interval = by_folds or rows.interval
    return Difference(
        versus=versus,
        estimate=estimate,
        interval=interval,
        basis="folds" if folds else "rows",
        p=_p(found),
        p_adjusted=adjusted,
        detectable=detectable(error, level.first_step, degrees),
        at_most=max(abs(interval.low), abs(interval.high)),
        conclusion=conclusion_of(estimates, adjusted, level.alpha, complete),
        rows=rows.interval,
        folds=by_folds,
    )


def _ground(evaluation_set: EvaluationSet, group: _Group, comparisons: int, policy: EvidencePolicy) -> Ground:
    rows = group.evaluated.rows
    basis: Basis = "folds" if len(rows.ratios) >= FEWEST_FOLDS else "rows"
    codes = {name: one.codes for name, one in group.evaluated.candidates.items()}
    pairs = [(codes[name], codes[other]) for name, other in group.pairs.items()]
    support = class_support(rows, pairs, list(codes.values()), policy.min_positives, policy.confidence)
    ground = Ground(evaluation_set, len(rows.y), len(rows.ratios), basis, rows.n_blocks, comparisons, support, ())
    return replace(ground, notes=(*_notes(ground, policy), *_stopped_note(group.evaluated)))


def _stopped_note(evaluated: EvaluatedCandidates) -> list[str]:
    stopped = {name for part in evaluated.partial for name in part.candidates if name not in evaluated.candidates}
    if not stopped:
        return []
    many = "1 candidate was" if len(stopped) == 1 else f"{len(stopped)} candidates were"
    return [
        f"{many} stopped early: compared on the rows of the finished folds; the variance over folds is moderated by "
        "that of the comparisons on all folds"
    ]


def _notes(ground: Ground, policy: EvidencePolicy) -> list[str]:
    notes = []
    if ground.evaluation_set == "test":
        notes.append("one fit per candidate: intervals cover the sampling of rows, not refitting")
    elif ground.basis == "rows":
        many = "1 fold" if ground.folds == 1 else f"{ground.folds} folds"
        notes.append(
            f"{many}, three are needed to measure how much fits vary: intervals cover the sampling of rows only"
        )
    few = [support for support in ground.classes if 0 < support.positives < policy.min_positives]
    if few:
        named = ", ".join(f"{support.name} ({support.positives:,})" for support in few)
        notes.append(
            f"not enough data, so left out of means over classes: fewer than {policy.min_positives} rows of {named}"
        )
    if ground.blocks is not None and ground.blocks < FEWEST_BLOCKS:
        notes.append(f"{ground.blocks} blocks are too few for a block bootstrap: {FEWEST_BLOCKS} are needed")
    return notes
