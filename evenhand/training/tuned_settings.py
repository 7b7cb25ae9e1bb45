"""The result of a study: the settings chosen for one fold, and all trials."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from evenhand.data.lineage import RowsSeen
from evenhand.problem import LOWER_IS_BETTER
from evenhand.problem.models import Params

State = Literal["complete", "pruned", "failed"]
DECLARED = 0  # number of the trial with the declared settings


@dataclass(frozen=True)
class TrialRecord:
    """One trial; ``value`` is the mean over the inner folds, None if it was not evaluated on all of them."""

    number: int
    state: State
    params: Params
    value: float | None
    fold_values: tuple[float, ...] = ()
    rounds: int = 0
    """Boosting rounds or trees of its fits."""
    seconds: float = 0.0
    """CPU seconds of its fits."""
    reason: str | None = None
    """Why it failed."""


@dataclass(frozen=True)
class Chosen:
    """The result of one study: the settings that a candidate is fitted with on one fold.

    Attributes
    ----------
    fold : int
        -1 is the study on all training rows.
    metric : str
        Metric of the trials.
    trials : tuple of TrialRecord
    seen : RowsSeen
        The rows of the study, which are the fold's training rows.
    reproducible : bool
        False if a time limit could end it.
    notes : tuple of str
        Deviations from what was asked.
    """

    fold: int
    metric: str
    trials: tuple[TrialRecord, ...]
    seen: RowsSeen
    reproducible: bool = True
    notes: tuple[str, ...] = ()

    @property
    def best(self) -> TrialRecord | None:
        """The best trial that was evaluated on every inner fold, the first of equal ones; None if there is none."""
        sign = -1.0 if self.metric in LOWER_IS_BETTER else 1.0
        complete = [(sign * trial.value, trial) for trial in self.trials if trial.value is not None]
        return max(complete, key=lambda pair: pair[0])[1] if complete else None

    @property
    def params(self) -> Params:
        """The settings that were chosen; empty if the declared ones are kept."""
        return self.best.params if self.best else {}

    @property
    def declared(self) -> float | None:
        """Value of the declared settings."""
        return next((trial.value for trial in self.trials if trial.number == DECLARED), None)

    @property
    def skipped(self) -> str | None:
        """Why nothing was chosen."""
        if self.best is not None:
            return None
        reasons = list(dict.fromkeys(trial.reason for trial in self.trials if trial.reason))
        return f"none of {len(self.trials)} trials could be evaluated: {'; '.join(reasons[:2])}"

    def count(self, state: State) -> int:
        """Count the trials in a state."""
        return sum(trial.state == state for trial in self.trials)

    def to_record(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        best = self.best
        summary = {"chosen": self.params, "value": best.value if best else None, "declared": self.declared}
        return {**summary, **asdict(self), "seen": self.seen._asdict()}
