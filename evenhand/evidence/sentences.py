"""The evidence in a few sentences, computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evenhand.evidence.types import EVALUATION_SET_NAMES, Conclusion, Difference, EvaluationSet, Evidence

NAMED = 4  # ways named in a sentence; the rest are counted


@dataclass(frozen=True)
class _Way:
    """One way of handling imbalance, over the models that it was tried with."""

    name: str
    differences: tuple[Difference, ...]
    tried: int

    @property
    def said(self) -> str:
        values = [difference.estimate for difference in self.differences]
        low, high = signed(min(values)), signed(max(values))
        size = low if low == high else f"{low} to {high}"
        where = f", {len(values)} of {self.tried} candidates" if self.tried > 1 else ""
        return f"{self.name} ({size}{where})"


def conclusion(evidence: Evidence, warnings: Sequence[str]) -> str:
    """Say what helps and by how much, what hurts average precision, what can't be told, and what to beware of."""
    place: EvaluationSet = "oof" if "oof" in evidence.grounds else "test"
    sentences = [_helping(evidence, place)]
    if evidence.metric != "average_precision":
        sentences.append(_hurting(evidence, place))
    sentences += [said for said in (_untold(evidence, place),) if said]
    return " ".join([*sentences, *warnings])


def disagreements(evidence: Evidence, folds_kind: str) -> tuple[str, ...]:
    """Warn when the best candidate's interval out of fold and that on the held-out period do not overlap.

    Means over other classes are no measure of each other: where not the same ones have enough rows, that is said.
    """
    if evidence.simplest is None:
        return ()
    best = evidence.candidate(evidence.simplest.best)
    if best.oof is None or best.test is None:
        return ()
    scarce = [set(evidence.grounds[place].left_out) for place in ("oof", "test")]
    if scarce[0] != scarce[1]:
        names = ", ".join(sorted(scarce[0] ^ scarce[1]))
        return (
            "Warning: whether folds and held-out period agree can't be told: "
            f"{names} has enough rows in one of them only.",
        )
    promised, given = best.oof.metrics[evidence.metric], best.test.metrics[evidence.metric]
    a, b = promised.interval, given.interval
    if not np.isfinite([a.low, a.high, b.low, b.high]).all() or (a.low <= b.high and b.low <= a.high):
        return ()
    kind = {"stratified": "random folds", "group": "folds by group", "forward": "folds forward in time"}[folds_kind]
    advice = (
        "the data change from period to period: expect the next one to differ as much"
        if folds_kind == "forward"
        else "prefer forward folds"
    )
    return (
        f"Warning: folds and held-out period disagree: {kind} promised {evidence.metric} {promised.estimate:.3f} for "
        f"{best.name}, the held-out period gave {given.estimate:.3f}: {advice}.",
    )


def _ways(evidence: Evidence, place: EvaluationSet, metric: str, wanted: Conclusion) -> list[_Way]:
    """Group the comparisons of one conclusion by what was done, those with the largest difference first."""
    tried: dict[str, int] = {}
    names: dict[str, list[Difference]] = {}
    for candidate in evidence.candidates:
        found = candidate.difference(place, metric)
        if found is None:
            continue
        tried[candidate.way] = tried.get(candidate.way, 0) + 1
        if found.conclusion == wanted:
            names.setdefault(candidate.way, []).append(found)
    ways = [_Way(name, tuple(found), tried[name]) for name, found in names.items()]
    return sorted(ways, key=lambda way: (-max(abs(one.estimate) for one in way.differences), way.name))


def _list(ways: Sequence[_Way]) -> str:
    named = [way.said for way in ways[:NAMED]]
    named += [f"{len(ways) - NAMED} more"] if len(ways) > NAMED else []
    return named[0] if len(named) == 1 else ", ".join(named[:-1]) + " and " + named[-1]


def _helping(evidence: Evidence, place: EvaluationSet) -> str:
    metric, ground = evidence.metric, evidence.grounds[place]
    where = EVALUATION_SET_NAMES[place].capitalize()
    if not ground.comparisons:
        return f"{where}, there is nothing to compare: no candidate stands beside the same model without its strategy."
    ways, worse = (_ways(evidence, place, metric, wanted) for wanted in ("helps", "hurts"))
    if ways:
        end = f", and worse with {_list(worse)}" if worse else ""
        return f"{where}, {metric} is better with {_list(ways)}{_confirmed(evidence, place)}{end}."
    end = f", and it is worse with {_list(worse)}" if worse else ""
    return f"{where}, no way of handling imbalance is shown to help {metric}{end}{_held_out(evidence, place)}."


def _held_out(evidence: Evidence, place: EvaluationSet) -> str:
    """Tell what the held-out period shows where the folds show nothing."""
    ways = (
        [] if place == "test" or "test" not in evidence.grounds else _ways(evidence, "test", evidence.metric, "helps")
    )
    return f"; on the held-out period these fits are better with {_list(ways)}" if ways else ""


def _confirmed(evidence: Evidence, place: EvaluationSet) -> str:
    if place == "test" or "test" not in evidence.grounds:
        return ""
    helps = [c for c in evidence.candidates if _concluded(evidence, c.name, "oof") == "helps"]
    too = sum(_concluded(evidence, c.name, "test") == "helps" for c in helps)
    if too == len(helps):
        return " (on the held-out period, too)"
    return f" (on the held-out period {too} of these {len(helps)} candidates are)"


def _concluded(evidence: Evidence, name: str, place: EvaluationSet) -> Conclusion | None:
    found = evidence.candidate(name).difference(place, evidence.metric)
    return found.conclusion if found else None


def _hurting(evidence: Evidence, place: EvaluationSet) -> str:
    ways = _ways(evidence, place, "average_precision", "hurts")
    if not ways:
        return "No way is shown to hurt average precision."
    return f"Average precision is worse with {_list(ways)}."


def _untold(evidence: Evidence, place: EvaluationSet) -> str:
    said = []
    unsure = _ways(evidence, place, evidence.metric, "no difference shown")
    if unsure:
        seen = max(one.detectable for way in unsure for one in way.differences)
        folds = evidence.grounds[place].folds
        by = f" with {folds} folds" if evidence.grounds[place].basis == "folds" else ""
        shown = f"no {evidence.metric} difference shown for {_list(unsure)}"
        said.append(f"{shown}: one under {seen:.3f} can't be seen{by}")
    blank = _ways(evidence, place, evidence.metric, "not enough data")
    if blank:
        said.append(f"not enough data for {_list_names(blank)}")
    few = [support for support in evidence.grounds[place].classes if not support.enough]
    if few:
        said.append("not enough data on " + ", ".join(f"{one.name} ({one.positives:,} rows)" for one in few))
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _list_names(ways: Sequence[_Way]) -> str:
    more = f" and {len(ways) - NAMED} more" if len(ways) > NAMED else ""
    return ", ".join(way.name for way in ways[:NAMED]) + more


def signed(value: float) -> str:
    """Write a difference; one of 0 has no sign.

    Examples
    --------
    >>> signed(0.01234), signed(-0.00001)
    ('+0.012', '0.000')
    """
    return f"{value:+.3f}" if abs(value) >= 0.0005 else "0.000"
