"""What the steps of a training hand to its registration and its report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evenhand.data.references import Reference
from evenhand.evidence.types import Evidence
from evenhand.explain.explanation import Explanation
from evenhand.gate.verdict import Verdict
from evenhand.selection.choice import Choice
from evenhand.training.candidates import Candidate
from evenhand.training.combination import Combined
from evenhand.training.leak_checks import LeakReport
from tasks.data.balance import Balanced
from tasks.data.partition import Parts
from tasks.data.validate import Validated
from tasks.registry.model_versions import Registered
from tasks.training.results import Result


@dataclass(frozen=True)
class TrainingData:
    """The data sets of a training, by reference."""

    snapshot: Reference
    validated: Validated
    parts: Parts
    balanced: Sequence[Balanced]


@dataclass(frozen=True)
class Compared:
    """All candidates with their scores, what they show, and which one won."""

    results: Sequence[Result]
    evidence: Evidence
    winner: Candidate
    choice: Choice
    leaks: LeakReport
    explanation: Explanation | None = None
    bought: Combined | None = None
    """What the combination of models gains, where there is one."""

    @property
    def winning(self) -> Result:
        """The winner's scores."""
        return next(result for result in self.results if result.candidate == self.winner)


@dataclass(frozen=True)
class WinnerOutcome:
    """What became of the winner: its version, the gate's verdict, and what the review does with it."""

    registered: Registered
    verdict: Verdict
    status: str
