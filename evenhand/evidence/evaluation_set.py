"""The evidence of one place: every candidate against its reference, on the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evenhand.evidence.class_recall import class_evidence, class_support
from evenhand.evidence.evaluation_rows import FEWEST_BLOCKS, EvaluationRows
from evenhand.evidence.fold_variance import FEWEST_FOLDS, borrowed_spread, fold_variance
from evenhand.evidence.measure import Compared, EvidencePolicy, MeasuredCandidate, Measurement, measure
from evenhand.evidence.multiplicity import concluded, detectable, holm
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
class Judged:
    """All of one place: what it stands on, each candidate's evidence, and standard errors by metric and candidate."""

    ground: Ground
    found: dict[str, EvaluationSetEvidence]
    errors: dict[str, dict[str, float]]


@dataclass(frozen=True, eq=False)
class EvaluatedCandidates:
    """Rows of one place, and what each candidate said of them, by candidate name."""

    rows: EvaluationRows
    answers: Mapping[str, MeasuredCandidate]
    partial: tuple[EvaluatedCandidates, ...] = ()
    """Candidates that were stopped after fewer folds, each group with its references, on the rows that both have."""


@dataclass(frozen=True, eq=False)
class _Measured:
    """Candidates on the same rows."""

    heard: EvaluatedCandidates
    pairs: dict[str, str]
    measured: dict[str, dict[str, Measurement]]
    classes: dict[str, tuple[ClassEvidence, ...]]


def compare_on(
    place: EvaluationSet,
    heard: EvaluatedCandidates,
    references: Mapping[str, str],
    metrics: Sequence[str],
    rules: EvidencePolicy,
) -> Judged:
    """Judge all candidates of one place. Their comparisons are one family, on however many folds.

    Parameters
    ----------
    place : {"oof", "test"}
    heard : EvaluatedCandidates
    references : mapping of candidate name to the name of its reference
        Without those that have none.
    metrics : sequence of str
    rules : EvidencePolicy
    """
    whole = _measure(heard, references, metrics, rules)
    groups = [whole]
    for part in heard.partial:
        stopped = [name for name in part.answers if name not in heard.answers]
        groups.append(_borrowing(_measure(part, references, metrics, rules, stopped), whole, rules))
    measured = {name: one for group in groups for name, one in group.measured.items()}
    pairs = {name: other for group in groups for name, other in group.pairs.items()}
    by_metric = {metric: _family(metric, measured, pairs, rules) for metric in metrics}
    found = {
        name: EvaluationSetEvidence({metric: by_metric[metric][name] for metric in metrics}, group.classes[name], folds)
        for group, folds in ((group, None if group is whole else len(group.heard.rows.ratios)) for group in groups)
        for name in group.measured
    }
    errors = {metric: {name: one[metric].standard_error for name, one in whole.measured.items()} for metric in metrics}
    return Judged(_ground(place, heard, whole.pairs, len(pairs), rules), found, errors)


def _measure(
    heard: EvaluatedCandidates,
    references: Mapping[str, str],
    metrics: Sequence[str],
    rules: EvidencePolicy,
    names: Sequence[str] | None = None,
) -> _Measured:
    """Measure the candidates of one group, or those that are named."""
    rows, answers = heard.rows, heard.answers
    wanted = list(answers) if names is None else list(names)
    pairs = {name: references[name] for name in wanted if references.get(name) in answers}
    known, order = rows.support >= rules.min_positives, _order_of_classes(rows, answers)
    # Classes in an order of their own: neither their names nor their codes then make a difference to a draw.
    to = np.argsort(order)
    ordered = replace(rows, y=to[rows.y])
    recoded = {name: MeasuredCandidate(to[said.codes], said.judged) for name, said in answers.items()}
    measured, classes = {}, {}
    for name in wanted:
        other = pairs.get(name, "")
        measured[name] = measure(ordered, recoded[name], recoded.get(other), known[order], metrics, rules)
        codes = answers[other].codes if other else None
        classes[name] = class_evidence(rows, answers[name].codes, codes, rules.min_positives, rules.confidence)
    return _Measured(heard, pairs, measured, classes)


def _borrowing(part: _Measured, whole: _Measured, rules: EvidencePolicy) -> _Measured:
    """Give comparisons on too few folds the largest fold variance that one on all folds has."""
    return replace(part, measured={name: _widened(one, part, whole, rules) for name, one in part.measured.items()})


def _widened(
    one: Mapping[str, Measurement], part: _Measured, whole: _Measured, rules: EvidencePolicy
) -> dict[str, Measurement]:
    ratios, found = whole.heard.rows.ratios, dict(one)
    for metric, measured in one.items():
        compared = measured.compared
        spreads = [other[metric].compared for other in whole.measured.values()]
        known = [spread.folds for spread in spreads if spread is not None and spread.folds is not None]
        if compared is None or compared.folds is not None or not known:
            continue
        variance = max(fold_variance(spread, ratios) for spread in known)
        borrowed = borrowed_spread(
            compared.fold_gains, part.heard.rows.ratios, variance, known[0].degrees, rules.confidence
        )
        found[metric] = replace(measured, compared=replace(compared, folds=borrowed))
    return found


def _order_of_classes(rows: EvaluationRows, answers: Mapping[str, MeasuredCandidate]) -> np.ndarray:
    hits = np.zeros(len(rows.classes), dtype=np.int64)
    for said in answers.values():
        hits += np.bincount(rows.y[said.codes == rows.y], minlength=len(hits))
    return np.lexsort((hits, rows.support))


def _family(
    metric: str, measured: Mapping[str, Mapping[str, Measurement]], pairs: Mapping[str, str], rules: EvidencePolicy
) -> dict[str, MetricEvidence]:
    compared = {name: one[metric].compared for name, one in measured.items() if name in pairs}
    adjusted = dict(zip(compared, holm([_p(one) for one in compared.values()]), strict=True))
    found = {}
    for name, one in measured.items():
        difference = None
        if name in pairs:
            level = rules.alpha / max(1, len(compared))
            difference = _difference(pairs[name], one[metric].compared, adjusted[name], level, rules.alpha)
        metric_of = one[metric]
        found[name] = MetricEvidence(
            metric,
            metric_of.rows.interval.estimate,
            metric_of.rows.interval,
            metric_of.folds.interval if metric_of.folds else None,
            metric_of.fold_values,
            difference,
        )
    return found


def _p(compared: Compared | None) -> float:
    if compared is None:
        return np.nan
    return compared.folds.p if compared.folds else compared.rows.p


def _difference(
    versus: str, compared: Compared | None, adjusted: float, level: float, alpha: float
) -> Difference | None:
    if compared is None:
        return None
    rows, folds = compared.rows, compared.folds
    estimates = [rows.interval.estimate, *([folds.interval.estimate] if folds else [])]
    seen = detectable(folds.standard_error, level, folds.degrees) if folds else detectable(rows.standard_error, level)
    return Difference(
        versus=versus,
        estimate=rows.interval.estimate,
        interval=folds.interval if folds else rows.interval,
        basis="folds" if folds else "rows",
        p=_p(compared),
        p_adjusted=adjusted,
        detectable=seen,
        conclusion=concluded(estimates, adjusted, alpha),
        rows=rows.interval,
        folds=folds.interval if folds else None,
    )


def _ground(
    place: EvaluationSet, heard: EvaluatedCandidates, pairs: Mapping[str, str], comparisons: int, rules: EvidencePolicy
) -> Ground:
    rows, answers = heard.rows, heard.answers
    basis: Basis = "folds" if len(rows.ratios) >= FEWEST_FOLDS else "rows"
    codes = {name: said.codes for name, said in answers.items()}
    compared = [(codes[name], codes[other]) for name, other in pairs.items()]
    support = class_support(rows, compared, list(codes.values()), rules.min_positives, rules.confidence)
    ground = Ground(place, len(rows.y), len(rows.ratios), basis, rows.n_blocks, comparisons, support, ())
    return replace(ground, notes=(*_notes(ground, rules), *_of_stopped(heard)))


def _of_stopped(heard: EvaluatedCandidates) -> list[str]:
    stopped = {name for part in heard.partial for name in part.answers if name not in heard.answers}
    if not stopped:
        return []
    many = "1 candidate was" if len(stopped) == 1 else f"{len(stopped)} candidates were"
    return [
        f"{many} stopped after some folds: compared on the rows of those alone; with fewer than three folds, folds are "
        "taken to vary as much as those of the comparison on all folds that varies most"
    ]


def _notes(ground: Ground, rules: EvidencePolicy) -> list[str]:
    said = []
    if ground.place == "test":
        said.append("one fit a candidate: intervals say how sure the difference between these fits is on this period")
    elif ground.basis == "rows":
        many = "1 fold" if ground.folds == 1 else f"{ground.folds} folds"
        said.append(f"{many}, three are needed to tell how much fits vary: intervals hold for these fits alone")
    few = [support for support in ground.classes if 0 < support.positives < rules.min_positives]
    if few:
        named = ", ".join(f"{support.name} ({support.positives:,})" for support in few)
        said.append(
            f"not enough data, so left out of means over classes: fewer than {rules.min_positives} rows of {named}"
        )
    if ground.blocks is not None and ground.blocks < FEWEST_BLOCKS:
        said.append(f"{ground.blocks} blocks are too few to draw from: {FEWEST_BLOCKS} are needed")
    return said
