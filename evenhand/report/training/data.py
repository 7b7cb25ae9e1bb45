"""What the page of a training is made of, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from matplotlib.figure import Figure

from evenhand.evidence.bootstrap import Interval
from evenhand.evidence.types import Evidence
from evenhand.explain.errors import Errors
from evenhand.explain.explanation import Explanation
from evenhand.gate.verdict import Verdict
from evenhand.metrics.cost_curves import CostCurve
from evenhand.metrics.scores import Scores
from evenhand.problem import Problem
from evenhand.report.candidate_row import Row
from evenhand.report.summary import Summary
from evenhand.strategies import ResamplingRecord

STRATEGY_CURVES = "strategies_precision_recall"  # of every strategy of the evidence family, held-out period
BASELINE_CURVES = "baseline_precision_recall"  # the figure of the baseline, shown with that of the winner


@dataclass(frozen=True)
class ClassLine:
    """One class on the held-out rows."""

    name: str
    rows: int
    share: float
    """Of the held-out rows: the precision of guessing."""
    measures: Mapping[str, Interval] | None
    """By ``CLASS_METRICS``; None where the class has too few rows."""


@dataclass(frozen=True)
class GroupLine:
    """One group of a declared column; ``values`` by ``evenhand.evidence.slices.SLICE_METRICS``."""

    name: str
    rows: int
    values: Mapping[str, Interval]


@dataclass(frozen=True)
class GroupTable:
    """All groups of a declared column that have enough rows."""

    column: str
    groups: tuple[GroupLine, ...]
    gaps: Mapping[str, Interval]
    """Best group minus worst; empty where there is nothing to compare."""
    classes: tuple[str, ...]
    """Classes with enough rows in every group, which the values are means over."""
    left_out: Mapping[str, int]
    """Group -> rows, too few."""


@dataclass(frozen=True)
class ClassCosts:
    """Cost curves of one class on the held-out rows: the chosen model's, and the baseline's where there is one."""

    name: str
    model: CostCurve
    baseline: CostCurve | None


@dataclass(frozen=True)
class Measured:
    """Intervals of the chosen model's scores on the held-out rows."""

    primary: Interval
    """Of the problem's metric."""
    difference: Interval | None
    """Against the baseline, on the same rows; positive is better."""
    classes: tuple[ClassLine, ...]
    """The rarest first."""
    groups: tuple[GroupTable, ...] = ()
    costs: tuple[ClassCosts, ...] = ()
    """Of the classes with enough rows, the rarest first."""


@dataclass(frozen=True, eq=False)
class CalibratedScores:
    """Scores of a candidate with calibrated probabilities."""

    method: str
    oof: Scores | None
    test: Scores | None


@dataclass(frozen=True)
class Made:
    """How a training was made, in addition to its problem and summary."""

    train_sha256: str
    holdout_sha256: str
    train_period: tuple[str, str] | None
    """First and last value of the column that the split goes by."""
    holdout_period: tuple[str, str] | None
    suite: str
    checked: int
    """Expectations."""
    dropped_duplicates: int
    folds: int
    identity: str = ""
    """Hash of the source code that made it."""


@dataclass(frozen=True, eq=False)
class Report:
    """Everything that the page and the model card show."""

    problem: Problem
    summary: Summary
    verdict: Verdict
    rows: tuple[Row, ...]
    winner: Row
    baseline: Row | None
    """The winner's model with strategy ``none``; None where that is the winner, or was not tried."""
    made: Made
    measured: Measured | None = None
    evidence: Evidence | None = None
    calibrated: Mapping[str, CalibratedScores] = field(default_factory=dict)
    """By the name of the candidate."""
    records: tuple[ResamplingRecord, ...] = ()
    """One entry per strategy, on all training rows."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Other pages of the training: what they are -> path, beside this one."""
    explanation: Explanation | None = None
    errors: Errors | None = None
    figures: Mapping[str, Figure] = field(default_factory=dict)
    """Of the chosen model and of all candidates, by the names of their files; ``BASELINE_CURVES``, too."""
