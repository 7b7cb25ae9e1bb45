"""The evidence of a training as plain data: comparisons, intervals and conclusions."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from evenhand.evidence.bootstrap import Interval

EvaluationSet = Literal["oof", "test"]
Basis = Literal["folds", "rows"]
Conclusion = Literal["helps", "hurts", "no difference larger than", "stopped early", "not enough data"]

EVALUATION_SETS: tuple[EvaluationSet, ...] = ("oof", "test")
EVALUATION_SET_NAMES: dict[EvaluationSet, str] = {"oof": "out of fold", "test": "held-out period"}


@dataclass(frozen=True)
class Difference:
    """How much better a candidate is than its baseline; positive is better, whatever the metric."""

    versus: str
    """Name of the baseline: usually the same model and features without a method of handling imbalance."""
    estimate: float
    """On all rows together, as in the tables."""
    interval: Interval
    """The interval that belongs to ``p``."""
    basis: Basis
    """Whether interval and p value come from the spread of the folds or from drawing rows."""
    p: float
    """Two-sided, of this comparison only."""
    p_adjusted: float
    """By Holm, over all comparisons of this training on this metric and evaluation set."""
    detectable: float
    """The smallest true difference found with a power of 80 %, at the level of this family."""
    at_most: float
    """How large the difference may be, in either direction: the bound of the interval that is further from 0."""
    conclusion: Conclusion
    rows: Interval
    """From drawing rows: uncertainty of the difference between these fits."""
    folds: Interval | None
    """From the variance over folds: covers the variation from refitting, too. None if that variance is unknown."""

    @property
    def text(self) -> str:
        """The conclusion for people."""
        known = f" {self.at_most:.3f}" if self.conclusion == "no difference larger than" else ""
        return f"{self.conclusion}{known}"


@dataclass(frozen=True)
class MetricEvidence:
    """One metric of one candidate on one evaluation set; nan and no difference where there is not enough data."""

    metric: str
    estimate: float
    rows: Interval
    """From drawing rows."""
    folds: Interval | None
    """From the spread of the folds, Nadeau-Bengio corrected; None with fewer than three folds."""
    fold_values: tuple[float, ...]
    difference: Difference | None
    """None for a candidate without a baseline."""

    @property
    def interval(self) -> Interval:
        """The one that covers the variation from refitting where there is one."""
        return self.folds or self.rows


@dataclass(frozen=True)
class ClassEvidence:
    """Recall of one class; None where the class has too few rows."""

    name: str
    positives: int
    recall: Interval | None
    recall_difference: Interval | None
    """Against the baseline, on the same rows; None without a baseline, too."""

    @property
    def text(self) -> str:
        """The recall for people."""
        if self.recall is None:
            return "not enough data"
        return f"{self.recall.estimate:.3f} ({self.recall.low:.3f} to {self.recall.high:.3f})"


@dataclass(frozen=True)
class EvaluationSetEvidence:
    """One candidate on one evaluation set: every headline metric, and every class."""

    metrics: dict[str, MetricEvidence]
    classes: tuple[ClassEvidence, ...]
    folds: int | None = None
    """Folds done where racing stopped it; None for a candidate with all folds."""


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
    method: str = ""
    """What it does that its baseline does not; empty where it has none."""

    def on(self, evaluation_set: EvaluationSet) -> EvaluationSetEvidence | None:
        """Return the evidence on one evaluation set."""
        return self.oof if evaluation_set == "oof" else self.test

    def difference(self, evaluation_set: EvaluationSet, metric: str) -> Difference | None:
        """Return the comparison with the baseline, if there is one."""
        found = self.on(evaluation_set)
        return found.metrics[metric].difference if found else None


@dataclass(frozen=True)
class ClassSupport:
    """How much the rows of one class can show."""

    name: str
    positives: int
    enough: bool
    """Whether there are ``gate.min_positives`` rows."""
    detectable: float
    """The smallest change in recall found with a power of 80 %; nan where the class has no rows."""

    @property
    def text(self) -> str:
        """The smallest change that can be detected, for people."""
        if not self.positives:
            return f"{self.name}: no rows"
        many = "1 positive" if self.positives == 1 else f"{self.positives:,} positives"
        end = "" if self.enough else ": not enough data"
        return f"{self.name}: with {many}, a change in recall below {self.detectable:.3f} can't be detected{end}"


@dataclass(frozen=True)
class Ground:
    """The data that all comparisons on one evaluation set rest on."""

    evaluation_set: EvaluationSet
    rows: int
    folds: int
    """Folds that the variation from refitting is measured by; 0 on the held-out period."""
    basis: Basis
    blocks: int | None
    """Days or places drawn instead of rows, where the problem declares them."""
    comparisons: int
    """Size of each family that Holm's correction is over."""
    classes: tuple[ClassSupport, ...]
    notes: tuple[str, ...]

    @property
    def left_out(self) -> tuple[str, ...]:
        """Classes with too few rows: means over classes leave them out."""
        return tuple(support.name for support in self.classes if not support.enough)


@dataclass(frozen=True)
class Simplest:
    """The one-standard-error rule (Breiman et al. 1984): reported with the winner, which it does not change."""

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
    """Which method of handling imbalance helps, with its uncertainty."""

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
