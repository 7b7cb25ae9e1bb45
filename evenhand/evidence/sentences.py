"""The conclusion of the evidence in a few sentences, computed from the comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evenhand.evidence.types import EVALUATION_SET_NAMES, Conclusion, Difference, EvaluationSet, Evidence

NAMED = 4  # methods named in a sentence; the others are counted
FOLDS_KINDS = {"stratified": "random folds", "group": "folds by group", "forward": "forward folds"}


@dataclass(frozen=True)
class _Method:
    """One method of handling imbalance with the same conclusion for one or more models."""

    name: str
    differences: tuple[Difference, ...]
    folds: tuple[int | None, ...]
    """Finished folds of each candidate that racing stopped; None for the others."""
    tried: int

    @property
    def text(self) -> str:
        values = [difference.estimate for difference in self.differences]
        low, high = signed(min(values)), signed(max(values))
        size = low if low == high else f"{low} to {high}"
        count = f", {len(values)} of {self.tried} candidates" if self.tried > 1 else ""
        return f"{self.name} ({size}{count})"


def conclusion(evidence: Evidence, warnings: Sequence[str]) -> str:
    """Summarise what helps and by how much, what hurts average precision, what is not settled, and the warnings."""
    where: EvaluationSet = "oof" if "oof" in evidence.grounds else "test"
    sentences = [_helping(evidence, where)]
    if evidence.metric != "average_precision":
        sentences.append(_hurting(evidence, where))
    return " ".join([*sentences, *_unsettled(evidence, where), *warnings])


def disagreements(evidence: Evidence, folds_kind: str) -> tuple[str, ...]:
    """Warn when the best candidate's intervals out of fold and on the held-out period do not overlap.

    Means over different classes can't be compared: where the classes with enough rows differ, the warning says so.
    """
    if evidence.simplest is None:
        return ()
    best = evidence.candidate(evidence.simplest.best)
    if best.oof is None or best.test is None:
        return ()
    scarce = [set(evidence.grounds[where].left_out) for where in ("oof", "test")]
    if scarce[0] != scarce[1]:
        names = ", ".join(sorted(scarce[0] ^ scarce[1]))
        return (
            "Warning: whether folds and held-out period agree is not known: "
            f"{names} has enough rows in one of them only.",
        )
    oof, test = best.oof.metrics[evidence.metric], best.test.metrics[evidence.metric]
    a, b = oof.interval, test.interval
    if not np.isfinite([a.low, a.high, b.low, b.high]).all() or (a.low <= b.high and b.low <= a.high):
        return ()
    advice = (
        "the data change from period to period: expect the next one to differ as much"
        if folds_kind == "forward"
        else "prefer forward folds (`split.folds: {kind: forward, ...}`)"
    )
    return (
        f"Warning: folds and held-out period disagree: expect {evidence.metric} {test.estimate:.3f} as on the held-out "
        f"period, not {oof.estimate:.3f} as on {FOLDS_KINDS[folds_kind]}, for {best.name}; {advice}.",
    )


def _methods(evidence: Evidence, where: EvaluationSet, metric: str, wanted: Conclusion) -> list[_Method]:
    """Group the comparisons with one conclusion by method, those with the largest difference first."""
    tried: dict[str, int] = {}
    found: dict[str, list[tuple[Difference, int | None]]] = {}
    for candidate in evidence.candidates:
        difference, on = candidate.difference(where, metric), candidate.on(where)
        if difference is None or on is None:
            continue
        tried[candidate.method] = tried.get(candidate.method, 0) + 1
        if difference.conclusion == wanted:
            found.setdefault(candidate.method, []).append((difference, on.folds))
    methods = [
        _Method(name, tuple(one for one, _ in pairs), tuple(folds for _, folds in pairs), tried[name])
        for name, pairs in found.items()
    ]
    return sorted(methods, key=lambda method: (-max(abs(one.estimate) for one in method.differences), method.name))


def _list(methods: Sequence[_Method]) -> str:
    named = [method.text for method in methods[:NAMED]]
    named += [f"{len(methods) - NAMED} more"] if len(methods) > NAMED else []
    return named[0] if len(named) == 1 else ", ".join(named[:-1]) + " and " + named[-1]


def _helping(evidence: Evidence, where: EvaluationSet) -> str:
    metric, ground = evidence.metric, evidence.grounds[where]
    start = EVALUATION_SET_NAMES[where].capitalize()
    if not ground.comparisons:
        return f"{start}, there is nothing to compare: no candidate has a baseline, the same model without its method."
    better, worse = (_methods(evidence, where, metric, wanted) for wanted in ("helps", "hurts"))
    if better:
        end = f", and worse with {_list(worse)}" if worse else ""
        return f"{start}, {metric} is better with {_list(better)}{_confirmed(evidence, where)}{end}."
    end = f", and it is worse with {_list(worse)}" if worse else ""
    return f"{start}, no method of handling imbalance is shown to help {metric}{end}{_held_out(evidence, where)}."


def _held_out(evidence: Evidence, where: EvaluationSet) -> str:
    """Add what the held-out period shows where the folds show nothing."""
    if where == "test" or "test" not in evidence.grounds:
        return ""
    methods = _methods(evidence, "test", evidence.metric, "helps")
    return f"; on the held-out period these fits are better with {_list(methods)}" if methods else ""


def _confirmed(evidence: Evidence, where: EvaluationSet) -> str:
    if where == "test" or "test" not in evidence.grounds:
        return ""
    helps = [c for c in evidence.candidates if _concluded(evidence, c.name, "oof") == "helps"]
    too = sum(_concluded(evidence, c.name, "test") == "helps" for c in helps)
    if too == len(helps):
        return " (on the held-out period, too)"
    return f" (on the held-out period {too} of these {len(helps)} candidates are)"


def _concluded(evidence: Evidence, name: str, where: EvaluationSet) -> Conclusion | None:
    found = evidence.candidate(name).difference(where, evidence.metric)
    return found.conclusion if found else None


def _hurting(evidence: Evidence, where: EvaluationSet) -> str:
    methods = _methods(evidence, where, "average_precision", "hurts")
    if not methods:
        return "No method is shown to hurt average precision."
    return f"Average precision is worse with {_list(methods)}."


def _unsettled(evidence: Evidence, where: EvaluationSet) -> list[str]:
    sentences = []
    unsure = _methods(evidence, where, evidence.metric, "no difference shown")
    if unsure:
        why = _why_unsettled(evidence, where, unsure)
        sentences.append(f"Not settled for {evidence.metric}: {_list(unsure)}. {why}")
    blank = _methods(evidence, where, evidence.metric, "not enough data")
    if blank:
        more = f" and {len(blank) - NAMED} more" if len(blank) > NAMED else ""
        sentences.append(f"Not enough data for {', '.join(method.name for method in blank[:NAMED])}{more}.")
    few = [support for support in evidence.grounds[where].classes if not support.enough]
    if few:
        sentences.append("Not enough data on " + ", ".join(f"{one.name} ({one.positives:,} rows)" for one in few) + ".")
    return sentences


def _why_unsettled(evidence: Evidence, where: EvaluationSet, unsure: Sequence[_Method]) -> str:
    ground = evidence.grounds[where]
    smallest = max(one.detectable for method in unsure for one in method.differences)
    stopped = [folds for method in unsure for folds in method.folds if folds is not None]
    n = sum(len(method.folds) for method in unsure)
    if stopped and len(stopped) == n:
        low, high = min(stopped), max(stopped)
        many = f"{low} to {high} folds" if low < high else "one fold" if high == 1 else f"{high} folds"
        return (
            f"They were stopped after {many}, too early to distinguish a difference below {smallest:.3f} from chance: "
            "set `racing: false` to settle it."
        )
    by = f" with {ground.folds} folds" if ground.basis == "folds" else ""
    some = f" {len(stopped)} of these {n} candidates were stopped early: set `racing: false` to run them to the end."
    return f"A difference below {smallest:.3f} can't be distinguished from chance{by}.{some if stopped else ''}"


def signed(value: float) -> str:
    """Write a difference; one of 0 has no sign.

    Examples
    --------
    >>> signed(0.01234), signed(-0.00001)
    ('+0.012', '0.000')
    """
    return f"{value:+.3f}" if abs(value) >= 0.0005 else "0.000"
