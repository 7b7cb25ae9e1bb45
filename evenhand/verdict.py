"""What the gate is given, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

Outcome = Literal["promote", "promote (first)", "reject", "insufficient evidence", "error"]
Status = Literal["pass", "fail", "undecided"]
Review = Literal["required", "never"]


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


@dataclass(frozen=True, eq=False)
class Case:
    """Everything the gate looks at."""

    truth: np.ndarray
    """True class names, shape (n,)."""
    challenger: Scored
    champion: Scored | None
    metric: str
    review: Review = "required"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Condition(_Frozen):
    """One thing that must hold beside the primary metric."""

    name: str
    status: Status
    detail: str
    more_rows: int | None = Field(default=None, description="labelled rows that would decide it; None if not known")


class Verdict(_Frozen):
    """What the gate decided, and why."""

    outcome: Outcome
    reasons: tuple[str, ...] = Field(min_length=1)
    metric: str
    estimate: float | None = Field(default=None, description="challenger minus champion; positive is better")
    low: float | None = None
    high: float | None = None
    conditions: tuple[Condition, ...] = ()
    review: Review = "required"
    rows: int = Field(default=0, description="held-out rows both models were scored on")
    rows_sha256: str = ""
    more_rows: int | None = Field(default=None, description="labelled rows that would decide; None if not known")

    @property
    def passes(self) -> bool:
        """Whether a reviewer may approve it."""
        return self.outcome in ("promote", "promote (first)")


def error_verdict(reason: str, metric: str, review: Review = "required") -> Verdict:
    """Give the verdict on a case that could not be judged; it never passes."""
    return Verdict(outcome="error", reasons=(reason,), metric=metric, review=review)
