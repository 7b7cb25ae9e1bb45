"""All the evidence of a training, from what its candidates said out of fold and on the held-out period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from evenhand.evidence.baselines import ComparedCandidate, baseline_of, method_of, simplest
from evenhand.evidence.evaluation_set import EvaluatedCandidates, Judged, compare_on
from evenhand.evidence.measure import EvidencePolicy
from evenhand.evidence.sentences import conclusion, disagreements
from evenhand.evidence.types import CandidateEvidence, EvaluationSet, Evidence


def headline(metric: str) -> tuple[str, ...]:
    """Return the metrics that evidence is given for: the primary one and average precision."""
    return tuple(dict.fromkeys((metric, "average_precision")))


def compare_candidates(
    entries: Sequence[ComparedCandidate],
    heard: Mapping[EvaluationSet, EvaluatedCandidates],
    metric: str,
    rules: EvidencePolicy | None = None,
    folds_kind: str = "stratified",
) -> Evidence:
    """Find which way of handling imbalance helps, and how sure that is.

    Parameters
    ----------
    entries : sequence of ComparedCandidate
        The grid; those without answers in a place have no evidence there.
    heard : mapping of {"oof", "test"} to EvaluatedCandidates
    metric : str
        The problem's primary metric.
    rules : EvidencePolicy, optional
    folds_kind : {"stratified", "group", "forward"}
        For the advice when folds and held-out period disagree.

    Returns
    -------
    Evidence
    """
    rules, metrics = rules or EvidencePolicy(), headline(metric)
    found = {entry.name: baseline_of(entry, entries) for entry in entries}
    references = {name: reference.name for name, reference in found.items() if reference}
    judged: dict[EvaluationSet, Judged] = {
        place: compare_on(place, said, references, metrics, rules) for place, said in heard.items()
    }
    candidates = tuple(_candidate(entry, found[entry.name], judged) for entry in entries)
    chosen = None
    if "oof" in judged:
        all_folds = judged["oof"].errors[metric]
        known = {name: judged["oof"].found[name].metrics[metric] for name in all_folds}
        chosen = simplest(entries, known, all_folds, metric)
    grounds = {place: one.ground for place, one in judged.items()}
    bare = Evidence(metric, metrics, rules.confidence, rules.min_positives, grounds, candidates, chosen, "", ())
    warnings = disagreements(bare, folds_kind)
    return replace(bare, conclusion=conclusion(bare, warnings), warnings=warnings)


def _candidate(
    entry: ComparedCandidate, reference: ComparedCandidate | None, judged: Mapping[EvaluationSet, Judged]
) -> CandidateEvidence:
    oof, test = (judged[place].found.get(entry.name) if place in judged else None for place in ("oof", "test"))
    way = method_of(entry, reference) if reference else ""
    return CandidateEvidence(entry.name, entry.model, entry.strategy, entry.features, entry.decision, oof, test, way)
