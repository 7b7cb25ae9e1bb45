"""Input and output of the gate: the case, its conditions and the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from evenhand.data.holdout import UntrainedRows
from evenhand.data.row_blocks import RowBlocks

Outcome = Literal["promote", "promote (first)", "reject", "insufficient evidence", "error"]
Status = Literal["pass", "fail", "undecided"]
Review = Literal["required", "never"]
Kind = Literal[
    "recall",
    "average precision",
    "chance",
    "floor",
    "calibration",
    "slices",
    "blocks",
    "rows",
    "unknown cells",
    "promise",
    "signature",
    "validation",
    "leaks",
    "age",
    "speed",
    "size",
]

# What a reviewer can judge and rows can't: a condition of this kind may be acknowledged by name.
ACKNOWLEDGEABLE: tuple[Kind, ...] = ("promise",)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Promise(_Frozen):
    """How a version did on the held-out rows of its own verdict: what it promises as champion."""

    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...] = Field(description="rows by true class, then by predicted class")
    effect: float = Field(default=1.0, ge=1, description="design effect of its score: 1 where rows were drawn singly")


@dataclass(frozen=True, eq=False)
class VersionPredictions:
    """Predictions of one registered version for the held-out rows, before they are checked.

    It is not :class:`evenhand.metrics.predictions.Predictions`: classes are names, since two versions may order them
    differently, and the hash of the rows shows whether both were scored on the same ones.
    """

    name: str
    classes: tuple[str, ...]
    """Names of the columns of ``proba``."""
    proba: np.ndarray
    """Shape (n, K)."""
    predicted: np.ndarray
    """Class names, shape (n,)."""
    rows_sha256: str
    """Hash of the rows that were scored."""
    unknown_cells: Mapping[str, float] | None = None
    """Raw column -> share of its cells that the version does not know; None if it was not measured."""


@dataclass(frozen=True)
class Facts:
    """What is known of the challenger apart from its predictions; None where it is not known."""

    columns: tuple[str, ...] | None = None
    """Raw columns that it needs."""
    available: tuple[str, ...] | None = None
    """Raw columns that the data has."""
    validated: bool | None = None
    """Whether its training data passed validation; None (undecided) where it is not recorded."""
    leak_free: bool | None = None
    """Whether the leak sentinel found nothing; None (undecided) where it is not recorded."""
    newest: date | None = None
    """Of its training rows."""
    rows_per_second: float | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, eq=False)
class Case:
    """Everything the gate decides by."""

    truth: np.ndarray
    """True class names, shape (n,)."""
    challenger: VersionPredictions
    champion: VersionPredictions | None
    metric: str
    review: Review = "required"
    evaluation: int = 1
    """Number of the evaluation on these rows, from 1."""
    groups: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Column -> group of every row, each of shape (n,)."""
    facts: Facts = Facts()
    blocks: RowBlocks | None = None
    """What intervals draw; None: single rows, class by class."""
    untrained: UntrainedRows | None = None
    """Which held-out rows the case is made of; None without a champion."""
    promise: Promise | str | None = None
    """Of the champion, or why it is not known; None for a champion that no verdict was ever given on."""
    source: str = ""
    """Where the rows come from, for people."""


class Condition(_Frozen):
    """One thing that must hold in addition to the primary metric."""

    name: str
    status: Status
    detail: str
    more_rows: int | None = Field(default=None, description="labelled rows that would decide it; None if not known")
    kind: Kind
    subject: str = Field(default="", description="the class or column it is about")
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    bound: float | None = None


class Verdict(_Frozen):
    """The gate's decision, and its reasons."""

    outcome: Outcome
    reasons: tuple[str, ...] = Field(min_length=1)
    metric: str
    estimate: float | None = Field(default=None, description="challenger minus champion; positive is better")
    low: float | None = None
    high: float | None = None
    margin: float | None = None
    confidence: float | None = Field(default=None, description="of every interval in it, as this evaluation requires")
    conditions: tuple[Condition, ...] = ()
    review: Review = "required"
    rows: int = Field(default=0, description="held-out rows both models were scored on")
    rows_sha256: str = ""
    evaluation: int = Field(
        default=0, description="number of the evaluation on these rows, from 1; 0 if there was none"
    )
    evaluations_left: int | None = None
    drawn: str = Field(default="", description="what its intervals draw; empty if it has none")
    more_rows: int | None = Field(default=None, description="labelled rows that would decide; None if not known")
    source: str = Field(default="", description="where the held-out rows come from")
    promise: Promise | None = Field(default=None, description="what the challenger promises as champion")

    @property
    def acknowledgeable(self) -> bool:
        """Whether it would pass if a reviewer acknowledged its undecided conditions, by name."""
        open_ = [condition for condition in self.conditions if condition.status == "undecided"]
        if self.outcome != "insufficient evidence" or not open_:
            return False
        decided = self.low is None or (self.margin is not None and self.low > self.margin)
        return decided and all(condition.kind in ACKNOWLEDGEABLE for condition in open_)

    @property
    def passes(self) -> bool:
        """Whether a reviewer may approve it."""
        return self.outcome in ("promote", "promote (first)")


def error_verdict(reason: str, metric: str, review: Review = "required") -> Verdict:
    """Return the verdict on a case that could not be decided; it never passes."""
    return Verdict(outcome="error", reasons=(reason,), metric=metric, review=review)
