"""All the evidence of a training, from what its candidates said out of fold and on the held-out period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from evenhand.evidence.judge_rows import Heard, Judged, judge_place
from evenhand.evidence.measure import Rules
from evenhand.evidence.references import Entry, reference_of, simplest, way_of
from evenhand.evidence.sentences import conclusion, disagreements
from evenhand.evidence.types import CandidateEvidence, Evidence, Place


def headline(metric: str) -> tuple[str, ...]:
    """Return the metrics that evidence is given for: the primary one and average precision."""
    return tuple(dict.fromkeys((metric, "average_precision")))


def compare(
    entries: Sequence[Entry],
    heard: Mapping[Place, Heard],
    metric: str,
    rules: Rules | None = None,
    folds_kind: str = "stratified",
) -> Evidence:
    """Find which way of handling imbalance helps, and how sure that is.

    Parameters
    ----------
    entries : sequence of Entry
        The grid; those without answers in a place have no evidence there.
    heard : mapping of {"oof", "test"} to Heard
    metric : str
        The problem's primary metric.
    rules : Rules, optional
    folds_kind : {"stratified", "group", "forward"}
        For the advice when folds and held-out period disagree.

    Returns
    -------
    Evidence
    """
    rules, metrics = rules or Rules(), headline(metric)
    found = {entry.name: reference_of(entry, entries) for entry in entries}
    references = {name: reference.name for name, reference in found.items() if reference}
    judged: dict[Place, Judged] = {
        place: judge_place(place, said, references, metrics, rules) for place, said in heard.items()
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


def _candidate(entry: Entry, reference: Entry | None, judged: Mapping[Place, Judged]) -> CandidateEvidence:
    oof, test = (judged[place].found.get(entry.name) if place in judged else None for place in ("oof", "test"))
    way = way_of(entry, reference) if reference else ""
    return CandidateEvidence(entry.name, entry.model, entry.strategy, entry.features, entry.decision, oof, test, way)
