"""A reference and a policy with everything that follows from them, and what is known of two periods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evenhand.monitoring.detector import Detector
from evenhand.monitoring.expected_scores import estimate_gaps
from evenhand.monitoring.limits import detectors, periods_between
from evenhand.monitoring.rows import FULL
from evenhand.monitoring.state import MonitorState
from evenhand.monitoring.summaries import MonitorReference, PeriodSummary
from evenhand.problem import MonitorPolicy

HALF = 2  # the warnings of drift and of class shares share the declared rate


@dataclass(frozen=True, eq=False)
class Monitor:
    """A reference and a policy, with the detectors that follow from them."""

    reference: MonitorReference
    policy: MonitorPolicy
    detectors: Mapping[str, Detector]

    @classmethod
    def of(cls, reference: MonitorReference, policy: MonitorPolicy) -> Monitor:
        """Set limits and thresholds."""
        return cls(reference, policy, detectors(reference, policy))

    @property
    def drift_threshold(self) -> float:
        """Level at which drift is found, in periods."""
        return HALF * periods_between(self.reference, self.policy)

    @property
    def share_alpha(self) -> float:
        """Error rate of the class shares of one period."""
        return min(0.5, 1 / (HALF * periods_between(self.reference, self.policy)))

    @property
    def fewest_rows(self) -> float:
        """Rows below which a period is not compared."""
        return FULL * self.reference.rows_per_period

    @cached_property
    def known(self) -> tuple[PeriodSummary, ...]:
        """All periods of the reference, oldest first."""
        return (*self.reference.earlier, *self.reference.held_out)

    @cached_property
    def counts(self) -> dict[str, np.ndarray]:
        """Their counts, by column, shape (n_periods, slots)."""
        return {name: np.stack([one.inputs[name] for one in self.known]) for name in self.reference.bins}

    @cached_property
    def gaps(self) -> dict[str, np.ndarray]:
        """How far estimates without labels were from the truth in the held-out periods."""
        return estimate_gaps(self.reference.held_out)


def track_record(state: MonitorState) -> tuple[int, int]:
    """Count the periods whose true error was inside the interval of its estimate, and those with both."""
    truth = {one.period: one.error for one in state.labels}
    pairs = [
        (one.expected["error"], truth[one.period])
        for one in state.inputs
        if one.period in truth and "error" in one.expected
    ]
    known = [(e.low, e.high, error) for e, error in pairs if e.low is not None and e.high is not None]
    return sum(low <= error <= high for low, high, error in known), len(known)
