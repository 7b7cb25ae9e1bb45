"""What the evidence of a training says, as plain data."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from evenhand.evidence.bootstrap import Interval

EvaluationSet = Literal["oof", "test"]
Basis = Literal["folds", "rows"]
Conclusion = Literal["helps", "hurts", "no difference shown", "not enough data"]

EVALUATION_SETS: tuple[EvaluationSet, ...] = ("oof", "test")
EVALUATION_SET_NAMES: dict[EvaluationSet, str] = {"oof": "out of fold", "test": "held-out period"}


@dataclass(frozen=True)
class Difference:
    """How much better a candidate is than its reference; positive is better, whatever the metric."""

    versus: str
    """Name of the reference: as a rule the same model and features with nothing done about imbalance."""
    estimate: float
    """On all rows together, as the tables show it."""
    interval: Interval
    """The interval that goes with ``p``."""
    basis: Basis
    """Whether interval and p value come from the spread of the folds or from drawing rows."""
    p: float
    """Two-sided, of this comparison alone."""
    p_adjusted: float
    """Holm's, over all comparisons of this training on this metric in this place."""
    detectable: float
    """The least true difference that would be found four times in five, at the level of this family."""
    conclusion: Conclusion
    rows: Interval
    """From drawing rows: how sure the difference between these very fits is."""
    folds: Interval | None
    """From the spread of the folds: what it would be for other fits, too. None with fewer than three folds."""


@dataclass(frozen=True)
class MetricEvidence:
    """One metric of one candidate in one place; nan and no difference where there is not enough data."""

    metric: str
    estimate: float
    rows: Interval
    """From drawing rows."""
    folds: Interval | None
    """From the spread of the folds, Nadeau-Bengio corrected; None with fewer than three folds."""
    fold_values: tuple[float, ...]
    difference: Difference | None
    """None for a candidate that is its own reference or has none."""

    @property
    def interval(self) -> Interval:
        """The one that allows for other fits where there is one."""
        return self.folds or self.rows


@dataclass(frozen=True)
class ClassEvidence:
    """Recall of one class; None where the class has too few rows to say."""

    name: str
    positives: int
    recall: Interval | None
    recall_difference: Interval | None
    """Against the reference, on the same rows; None for a reference, too."""

    @property
    def said(self) -> str:
        """The recall in words."""
        if self.recall is None:
            return "not enough data"
        return f"{self.recall.estimate:.3f} ({self.recall.low:.3f} to {self.recall.high:.3f})"


@dataclass(frozen=True)
class EvaluationSetEvidence:
    """One candidate in one place: every headline metric, and every class."""

    metrics: dict[str, MetricEvidence]
    classes: tuple[ClassEvidence, ...]
    folds: int | None = None
    """Folds done where the race stopped it; None for a candidate that has them all."""


@dataclass(frozen=True)
class CandidateEvidence:
    """One candidate, out of fold and on the held-out period; None where it has no predictions."""

    name: str
    model: str
    strategy: str
    features: str
    decision: str
    oof: EvaluationSetEvidence | None
    test: EvaluationSetEvidence | None
    way: str = ""
    """What it does that its reference does not; empty where it has none."""

    def at(self, place: EvaluationSet) -> EvaluationSetEvidence | None:
        """Return the evidence of one place."""
        return self.oof if place == "oof" else self.test

    def difference(self, place: EvaluationSet, metric: str) -> Difference | None:
        """Return the comparison with the reference, if there is one."""
        found = self.at(place)
        return found.metrics[metric].difference if found else None


@dataclass(frozen=True)
class ClassSupport:
    """How much the rows of one class can show."""

    name: str
    positives: int
    enough: bool
    """Whether there are ``gate.min_positives`` rows."""
    detectable: float
    """The least change in recall that would be found four times in five; nan where the class has no rows."""

    @property
    def said(self) -> str:
        """What can't be seen, in words."""
        if not self.positives:
            return f"{self.name}: no rows"
        many = "1 positive" if self.positives == 1 else f"{self.positives:,} positives"
        end = "" if self.enough else ": not enough data"
        return f"{self.name}: with {many} a recall change under {self.detectable:.3f} can't be seen{end}"


@dataclass(frozen=True)
class Ground:
    """What all comparisons of one place stand on."""

    place: EvaluationSet
    rows: int
    folds: int
    """Folds that tell how much refits vary; 0 on the held-out period."""
    basis: Basis
    blocks: int | None
    """Days or places drawn in the place of rows, where the problem declares them."""
    comparisons: int
    """Size of each family, over which Holm's correction runs."""
    classes: tuple[ClassSupport, ...]
    notes: tuple[str, ...]

    @property
    def left_out(self) -> tuple[str, ...]:
        """Classes with too few rows: metrics that count every class alike are judged without them."""
        return tuple(support.name for support in self.classes if not support.enough)


@dataclass(frozen=True)
class Simplest:
    """The one-standard-error rule beside the winner (Breiman et al. 1984); it replaces nothing."""

    name: str
    best: str
    standard_error: float
    """Of the best candidate's primary metric out of fold."""
    bound: float
    """Metric that a candidate must reach to be within one standard error."""
    within: tuple[str, ...]
    """All candidates that reach it, the simplest first."""


@dataclass(frozen=True)
class Evidence:
    """Which way of handling imbalance helps, and how sure that is."""

    metric: str
    """The primary one."""
    metrics: tuple[str, ...]
    """Headline metrics: the primary one and average precision."""
    confidence: float
    min_positives: int
    grounds: dict[EvaluationSet, Ground]
    candidates: tuple[CandidateEvidence, ...]
    simplest: Simplest | None
    conclusion: str
    warnings: tuple[str, ...]

    def candidate(self, name: str) -> CandidateEvidence:
        """Return the candidate of that name.

        Raises
        ------
        KeyError
        """
        return {found.name: found for found in self.candidates}[name]

    def to_record(self) -> dict[str, Any]:
        """Return plain data for JSON; nan becomes None."""
        record: dict[str, Any] = _plain(asdict(self))
        return record


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
