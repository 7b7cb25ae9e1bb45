"""What a study chose: the settings for one fold, and every trial that led there."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from evenhand.data.lineage import RowsSeen
from evenhand.problem import LOWER_IS_BETTER
from evenhand.problem.models import Params

State = Literal["complete", "pruned", "failed"]
DECLARED = 0  # number of the trial that takes the model as it is declared


@dataclass(frozen=True)
class TrialRecord:
    """One trial; ``value`` is the mean over its inner folds, None where it was not judged on all of them."""

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
    """The outcome of one study: what a candidate is fitted with on one fold.

    Attributes
    ----------
    fold : int
        -1 is the study on all training rows.
    metric : str
        What trials were judged by.
    trials : tuple of TrialRecord
    seen : RowsSeen
        The rows that the study had; the fold's judged rows are not among them.
    reproducible : bool
        False where a wall clock could end it.
    notes : tuple of str
        What had to be done otherwise than asked.
    """

    fold: int
    metric: str
    trials: tuple[TrialRecord, ...]
    seen: RowsSeen
    reproducible: bool = True
    notes: tuple[str, ...] = ()

    @property
    def best(self) -> TrialRecord | None:
        """The best trial that was judged on every inner fold, the first of equal ones; None where there is none."""
        sign = -1.0 if self.metric in LOWER_IS_BETTER else 1.0
        judged = [(sign * trial.value, trial) for trial in self.trials if trial.value is not None]
        return max(judged, key=lambda pair: pair[0])[1] if judged else None

    @property
    def params(self) -> Params:
        """The settings that were chosen; empty where the model stays as it is declared."""
        return self.best.params if self.best else {}

    @property
    def declared(self) -> float | None:
        """Value of the model as it is declared."""
        return next((trial.value for trial in self.trials if trial.number == DECLARED), None)

    @property
    def skipped(self) -> str | None:
        """Why nothing was chosen."""
        if self.best is not None:
            return None
        reasons = list(dict.fromkeys(trial.reason for trial in self.trials if trial.reason))
        return f"none of {len(self.trials)} trials could be judged: {'; '.join(reasons[:2])}"

    def count(self, state: State) -> int:
        """Return how many trials ended so."""
        return sum(trial.state == state for trial in self.trials)

    def to_record(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        best = self.best
        told = {"chosen": self.params, "value": best.value if best else None, "declared": self.declared}
        return {**told, **asdict(self), "seen": self.seen._asdict()}
