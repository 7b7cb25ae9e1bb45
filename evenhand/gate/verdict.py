"""What the gate is given, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

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
    "signature",
    "validation",
    "leaks",
    "age",
    "speed",
    "size",
]


@dataclass(frozen=True, eq=False)
class Scored:
    """One model's answer to the held-out rows."""

    name: str
    classes: tuple[str, ...]
    """Names of the columns of ``proba``."""
    proba: np.ndarray
    """Shape (n, K)."""
    predicted: np.ndarray
    """Class names, shape (n,)."""
    rows_sha256: str
    """Hash of the rows that were scored."""


@dataclass(frozen=True)
class Facts:
    """What is known of the challenger beside its answers; None is not known."""

    columns: tuple[str, ...] | None = None
    """Raw columns it takes."""
    available: tuple[str, ...] | None = None
    """Raw columns that the data has."""
    validated: bool | None = None
    """Whether its training data passed validation; None where nobody says so, and then it is undecided."""
    leak_free: bool | None = None
    """Whether the leak sentinel found nothing; None where nobody says so, and then it is undecided."""
    newest: date | None = None
    """Of its training rows."""
    rows_per_second: float | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, eq=False)
class Case:
    """Everything the gate looks at."""

    truth: np.ndarray
    """True class names, shape (n,)."""
    challenger: Scored
    champion: Scored | None
    metric: str
    review: Review = "required"
    look: int = 1
    """Which look at these rows it is, from 1."""
    groups: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Column -> group of every row, each of shape (n,)."""
    facts: Facts = Facts()


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Condition(_Frozen):
    """One thing that must hold beside the primary metric."""

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
    """What the gate decided, and why."""

    outcome: Outcome
    reasons: tuple[str, ...] = Field(min_length=1)
    metric: str
    estimate: float | None = Field(default=None, description="challenger minus champion; positive is better")
    low: float | None = None
    high: float | None = None
    margin: float | None = None
    confidence: float | None = Field(default=None, description="of every interval in it: the part that this look has")
    conditions: tuple[Condition, ...] = ()
    review: Review = "required"
    rows: int = Field(default=0, description="held-out rows both models were scored on")
    rows_sha256: str = ""
    look: int = Field(default=0, description="which look at these rows it was, from 1; 0 if none was taken")
    evaluations_left: int | None = None
    more_rows: int | None = Field(default=None, description="labelled rows that would decide; None if not known")

    @property
    def passes(self) -> bool:
        """Whether a reviewer may approve it."""
        return self.outcome in ("promote", "promote (first)")


def error_verdict(reason: str, metric: str, review: Review = "required") -> Verdict:
    """Give the verdict on a case that could not be judged; it never passes."""
    return Verdict(outcome="error", reasons=(reason,), metric=metric, review=review)
