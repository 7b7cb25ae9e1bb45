"""All the evidence of a training, from the predictions of its candidates out of fold and on the held-out period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from evenhand.evidence.baselines import ComparedCandidate, baseline_of, method_of, simplest
from evenhand.evidence.evaluation_set import Comparisons, EvaluatedCandidates, compare_on
from evenhand.evidence.measure import EvidencePolicy
from evenhand.evidence.sentences import conclusion
from evenhand.evidence.types import CandidateEvidence, EvaluationSet, Evidence


def headline(metric: str) -> tuple[str, ...]:
    """Return the metrics that evidence is given for: the primary one and average precision."""
    return tuple(dict.fromkeys((metric, "average_precision")))


def compare_candidates(
    candidates: Sequence[ComparedCandidate],
    evaluated: Mapping[EvaluationSet, EvaluatedCandidates],
    metric: str,
    policy: EvidencePolicy | None = None,
    warnings: Sequence[str] = (),
) -> Evidence:
    """Find which method of handling imbalance helps, with its uncertainty.

    Parameters
    ----------
    candidates : sequence of ComparedCandidate
        The grid; those without predictions on an evaluation set have no evidence there.
    evaluated : mapping of {"oof", "test"} to EvaluatedCandidates
    metric : str
        The problem's primary metric.
    policy : EvidencePolicy, optional
    warnings : sequence of str
        What readers must know beside the comparisons, such as that folds and held-out rows disagree.

    Returns
    -------
    Evidence
    """
    policy, metrics = policy or EvidencePolicy(), headline(metric)
    found = {one.name: baseline_of(one, candidates) for one in candidates}
    baselines = {name: baseline.name for name, baseline in found.items() if baseline}
    compared: dict[EvaluationSet, Comparisons] = {
        where: compare_on(where, given, baselines, metrics, policy) for where, given in evaluated.items()
    }
    chosen = None
    if "oof" in compared:
        errors = compared["oof"].errors[metric]
        known = {name: compared["oof"].found[name].metrics[metric] for name in errors}
        chosen = simplest(candidates, known, errors, metric)
    bare = Evidence(
        metric,
        metrics,
        policy.confidence,
        policy.min_positives,
        {where: one.ground for where, one in compared.items()},
        tuple(_candidate(one, found[one.name], compared) for one in candidates),
        chosen,
        "",
        tuple(warnings),
    )
    return replace(bare, conclusion=conclusion(bare, warnings))


def _candidate(
    c: ComparedCandidate, baseline: ComparedCandidate | None, compared: Mapping[EvaluationSet, Comparisons]
) -> CandidateEvidence:
    oof, test = (compared[where].found.get(c.name) if where in compared else None for where in ("oof", "test"))
    method = method_of(c, baseline) if baseline else ""
    return CandidateEvidence(c.name, c.model, c.strategy, c.features, c.decision, oof, test, method)
