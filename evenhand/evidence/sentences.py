"""The evidence in a few sentences, computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evenhand.evidence.types import EVALUATION_SET_NAMES, Conclusion, Difference, EvaluationSet, Evidence

NAMED = 4  # methods named in a sentence; the rest are counted


@dataclass(frozen=True)
class _Method:
    """A method of handling imbalance, over the candidates that use it."""

    name: str
    differences: tuple[Difference, ...]
    tried: int

    @property
    def bounded(self) -> str:
        """The method with how large its difference may be."""
        return f"{self.name} ({max(difference.at_most for difference in self.differences):.3f}{self._where})"

    @property
    def _where(self) -> str:
        return f", {len(self.differences)} of {self.tried} candidates" if self.tried > 1 else ""

    @property
    def text(self) -> str:
        """The method with its differences."""
        values = [difference.estimate for difference in self.differences]
        low, high = signed(min(values)), signed(max(values))
        size = low if low == high else f"{low} to {high}"
        return f"{self.name} ({size}{self._where})"


def conclusion(evidence: Evidence, warnings: Sequence[str]) -> str:
    """Say what helps and by how much, what hurts average precision, and what is not settled."""
    on: EvaluationSet = "oof" if "oof" in evidence.grounds else "test"
    sentences = [_helping(evidence, on)]
    if evidence.metric != "average_precision":
        sentences.append(_hurting(evidence, on))
    sentences += [*_bounded(evidence, on), *_stopped_early(evidence, on), *_not_enough_data(evidence, on)]
    return " ".join([*sentences, *warnings])


def _methods(evidence: Evidence, on: EvaluationSet, metric: str, wanted: Conclusion) -> list[_Method]:
    """Group the comparisons with one conclusion by method, the largest difference first."""
    tried: dict[str, int] = {}
    names: dict[str, list[Difference]] = {}
    for candidate in evidence.candidates:
        found = candidate.difference(on, metric)
        if found is None:
            continue
        tried[candidate.method] = tried.get(candidate.method, 0) + 1
        if found.conclusion == wanted:
            names.setdefault(candidate.method, []).append(found)
    methods = [_Method(name, tuple(found), tried[name]) for name, found in names.items()]
    return sorted(methods, key=lambda one: (-max(abs(d.estimate) for d in one.differences), one.name))


def _list(methods: Sequence[_Method]) -> str:
    return _listed([method.text for method in methods])


def _listed(texts: Sequence[str]) -> str:
    named = list(texts[:NAMED])
    named += [f"{len(texts) - NAMED} more"] if len(texts) > NAMED else []
    return named[0] if len(named) == 1 else ", ".join(named[:-1]) + " and " + named[-1]


def _helping(evidence: Evidence, on: EvaluationSet) -> str:
    metric, ground = evidence.metric, evidence.grounds[on]
    where = EVALUATION_SET_NAMES[on].capitalize()
    if not ground.comparisons:
        return f"{where}, there is nothing to compare: no candidate has a baseline in this training."
    better, worse = (_methods(evidence, on, metric, wanted) for wanted in ("helps", "hurts"))
    if better:
        end = f", and worse with {_list(worse)}" if worse else ""
        return f"{where}, {metric} is better with {_list(better)}{_confirmed(evidence, on)}{end}."
    end = f", and it is worse with {_list(worse)}" if worse else ""
    return f"{where}, no method of handling imbalance is shown to help {metric}{end}{_held_out(evidence, on)}."


def _held_out(evidence: Evidence, on: EvaluationSet) -> str:
    """Say what the held-out period shows if the folds show nothing."""
    if on == "test" or "test" not in evidence.grounds:
        return ""
    better = _methods(evidence, "test", evidence.metric, "helps")
    return f"; on the held-out period these fits are better with {_list(better)}" if better else ""


def _confirmed(evidence: Evidence, on: EvaluationSet) -> str:
    """Say for how many of the candidates that help the held-out period shows it, too; some are not scored there."""
    if on == "test" or "test" not in evidence.grounds:
        return ""
    helps = [c for c in evidence.candidates if _concluded(evidence, c.name, "oof") == "helps"]
    held_out = [_concluded(evidence, c.name, "test") for c in helps if c.test is not None]
    too = held_out.count("helps")
    if too == len(helps):
        return " (on the held-out period, too)"
    if len(held_out) == len(helps):
        return f" (on the held-out period {too} of these {len(helps)} candidates are)"
    if not held_out:
        return " (not scored on the held-out period)"
    return f" (on the held-out period {too} of the {len(held_out)} that were scored there are)"


def _concluded(evidence: Evidence, name: str, on: EvaluationSet) -> Conclusion | None:
    found = evidence.candidate(name).difference(on, evidence.metric)
    return found.conclusion if found else None


def _hurting(evidence: Evidence, on: EvaluationSet) -> str:
    worse = _methods(evidence, on, "average_precision", "hurts")
    if not worse:
        return "No method is shown to hurt average precision."
    return f"Average precision is worse with {_list(worse)}."


def _bounded(evidence: Evidence, on: EvaluationSet) -> list[str]:
    """Name the methods without a clear difference on all rows, and how large one may be."""
    methods = _methods(evidence, on, evidence.metric, "no difference larger than")
    if not methods:
        return []
    return [f"No difference larger than the number given with {_listed([method.bounded for method in methods])}."]


def _stopped_early(evidence: Evidence, on: EvaluationSet) -> list[str]:
    """Name the methods whose candidates were stopped too soon, and the gain that would go unnoticed."""
    methods = _methods(evidence, on, evidence.metric, "stopped early")
    if not methods:
        return []
    least = max(one.detectable for method in methods for one in method.differences)
    return [
        "Stopped early, since they could not win the race, too soon to distinguish a gain over their own baselines "
        f"below {least:.3f} from chance: {_list(methods)}. "
        "Set `racing: false` to complete them."
    ]


def _not_enough_data(evidence: Evidence, on: EvaluationSet) -> list[str]:
    """Name the methods and the classes with too few rows."""
    names = [method.name for method in _methods(evidence, on, evidence.metric, "not enough data")]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    few = [f"{one.name} ({one.positives:,} rows)" for one in evidence.grounds[on].classes if not one.enough]
    sentences = [f"Not enough data for {', '.join(names[:NAMED])}{more}."] if names else []
    return sentences + ([f"Not enough data on {', '.join(few)}."] if few else [])


def signed(value: float) -> str:
    """Write a difference; one of 0 has no sign.

    Examples
    --------
    >>> signed(0.01234), signed(-0.00001)
    ('+0.012', '0.000')
    """
    return f"{value:+.3f}" if abs(value) >= 0.0005 else "0.000"
