"""Examine a period, first its rows, later its labels: from the state before to the state after, with new alarms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from evenhand.monitoring.alarms import (
    broken_alarms,
    drift_alarm,
    performance_alarm,
    raised,
    share_alarms,
    volume_alarms,
)
from evenhand.monitoring.broken_columns import broken_columns, unusual_rows
from evenhand.monitoring.class_shares import ClassShare, class_shares
from evenhand.monitoring.columns import ColumnBins
from evenhand.monitoring.detector import Detector, walk
from evenhand.monitoring.drift import (
    MOST_PERIODS,
    DriftTest,
    PeriodPool,
    compare_last_period,
    e_value,
)
from evenhand.monitoring.expected_scores import expected_scores, macro_f1_of
from evenhand.monitoring.limits import detectors, periods_between
from evenhand.monitoring.periods import season_of
from evenhand.monitoring.rows import FULL
from evenhand.monitoring.state import (
    ColumnFinding,
    EstimateFinding,
    InputFinding,
    LabelFinding,
    MonitorAlarm,
    MonitorState,
    ShareFinding,
)
from evenhand.monitoring.summaries import MonitorReference, PeriodSummary
from evenhand.problem import MonitorPolicy

SHOWN = 6  # columns of a period that are kept with their effects
PREDICTED = "predicted class"
FEWEST = 3  # periods of a pool
HALF = 2  # the warnings of drift and of class shares share the declared rate


@dataclass(frozen=True, eq=False)
class Cohort:
    """The labelled rows of a period, in the order of time.

    Attributes
    ----------
    period : str
    rows : int
        With and without a label.
    y : ndarray of int, shape (n,)
        Negative for a class that the model does not know.
    predicted : ndarray of int, shape (n,)
    """

    period: str
    rows: int
    y: np.ndarray
    predicted: np.ndarray


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

    def examine_rows(self, state: MonitorState, period: PeriodSummary) -> MonitorState:
        """Test the inputs and predictions of a complete period, and estimate its scores.

        Returns
        -------
        MonitorState
            With the findings, and with alarms that were not there before.
        """
        fewest = FULL * self.reference.rows_per_period
        if period.rows < fewest:
            note = f"{period.rows:,} rows are too few to compare; {math.ceil(fewest):,} are needed"
            return _with(state, InputFinding(period=period.name, rows=period.rows, note=note), period)
        broken = broken_columns(self.reference.bins, self._counts, period.inputs)
        volume = unusual_rows(period.rows, np.array([one.rows for one in self.reference.held_out]))
        tests = self._tests(state.closed, period, broken)
        gains = [e_value(test.p) for test in tests.values()]
        level = (1 + state.drift_level) * float(np.mean(gains)) if gains else state.drift_level
        changes = sorted((c for test in tests.values() for c in test.changes), key=lambda c: -c.deviations)
        estimates = expected_scores(self._gaps, period) if period.expected.size else {}
        expected = {
            name: EstimateFinding(estimate=one.estimate, low=_known(one.low), high=_known(one.high))
            for name, one in estimates.items()
        }
        finding = InputFinding(
            period=period.name,
            rows=period.rows,
            p_inputs=tests["inputs"].p if "inputs" in tests else None,
            p_predictions=tests["predictions"].p if "predictions" in tests else None,
            level=level,
            columns=tuple(
                ColumnFinding(column=c.column, what=c.what, effect=c.effect, deviations=c.deviations)
                for c in changes[:SHOWN]
            ),
            broken=broken,
            expected=expected,
        )
        alarms = [*broken_alarms(state, finding), *volume_alarms(state, period.name, volume)]
        drifted = [c for c in finding.columns if c.effect >= self.policy.min_effect and c.deviations > 0]
        if level >= self.drift_threshold and drifted:
            alarms += drift_alarm(state, period.name, drifted)
            level = 0.0
        alarms += self._expected_alarm(state, finding, tests, alarms)
        after = _with(state, finding, None if broken else period)
        return after.model_copy(update={"drift_level": level, "alarms": (*state.alarms, *alarms)})

    def examine_labels(self, state: MonitorState, cohort: Cohort) -> MonitorState:
        """Continue the detectors over the labelled rows of a mature period, and test its class shares.

        Returns
        -------
        MonitorState
            As :meth:`examine_rows`; unchanged for a cohort without a labelled row.
        """
        if not len(cohort.y):
            return state
        levels, highest, alarms = dict(state.levels), {}, []
        for name, detector in self.detectors.items():
            losses = self._losses(name, cohort)
            before = levels.get(name, (0.0,) * len(detector.bets))
            walked = walk(detector, before, losses)
            levels[name], highest[name] = walked.levels, detector.threshold if walked.alarms else walked.highest
            if walked.alarms and not raised(state, "performance", name):
                rate = float(losses.mean())
                alarms.append(performance_alarm(cohort.period, name, rate, detector))
        k = len(self.reference.classes)
        known = cohort.y >= 0
        joint = np.bincount(cohort.y[known] * k + cohort.predicted[known], minlength=k * k)
        confusion = joint.reshape(k, k).astype(float)
        found = self._shares(confusion) if known.sum() >= FULL * self.reference.rows_per_period else []
        alarms += share_alarms(state, cohort.period, found, self.share_alpha)
        finding = LabelFinding(
            period=cohort.period,
            rows=cohort.rows,
            labelled=len(cohort.y),
            error=float((cohort.y != cohort.predicted).mean()),
            macro_f1=macro_f1_of(confusion) if known.any() else 0.0,
            recall=self._recall(confusion),
            shares={s.name: ShareFinding(share=s.share, before=s.before, low=s.low, high=s.high, p=s.p) for s in found},
            levels=highest,
        )
        return state.model_copy(
            update={
                "levels": levels,
                "labels": (*state.labels, finding),
                "alarms": (*state.alarms, *alarms),
            }
        )

    @cached_property
    def _known(self) -> tuple[PeriodSummary, ...]:
        return (*self.reference.earlier, *self.reference.held_out)

    @cached_property
    def _gaps(self) -> dict[str, np.ndarray]:
        return estimate_gaps(self.reference.held_out)

    @cached_property
    def _counts(self) -> dict[str, np.ndarray]:
        return {name: np.stack([one.inputs[name] for one in self._known]) for name in self.reference.bins}

    def _tests(
        self, past: Sequence[PeriodSummary], period: PeriodSummary, broken: Mapping[str, str]
    ) -> dict[str, DriftTest]:
        """Test inputs against all reference periods, and predictions against the held-out ones."""
        whole = {name: one for name, one in self.reference.bins.items() if name not in broken}
        parts: dict[str, tuple[Mapping[str, ColumnBins], list[PeriodSummary]]] = {
            "inputs": (whole, [*self._known, *past, period])
        }
        if period.predicted.size and not broken:
            bins = ColumnBins(name=PREDICTED, values=self.reference.classes)
            parts["predictions"] = (
                {PREDICTED: bins},
                [_of_predictions(one) for one in (*self.reference.held_out, *past, period) if one.predicted.size],
            )
        return {
            name: compare_last_period(self._pool(periods, bins), bins)
            for name, (bins, periods) in parts.items()
            if bins and len(periods) > FEWEST
        }

    def _pool(self, periods: Sequence[PeriodSummary], bins: Mapping[str, ColumnBins]) -> PeriodPool:
        newest = periods[-MOST_PERIODS:]
        counts = {name: np.stack([one.inputs[name] for one in newest]) for name in bins}
        return PeriodPool(counts, np.array([season_of(one.name, self.reference.period) for one in newest]))

    def _expected_alarm(
        self,
        state: MonitorState,
        finding: InputFinding,
        tests: Mapping[str, DriftTest],
        now: Sequence[MonitorAlarm],
    ) -> list[MonitorAlarm]:
        """Ask for a training where drift was found and the expected error is surely above the limit."""
        error = finding.expected.get("error")
        drift = any(one.kind == "drift" for one in (*state.alarms, *now))
        limit = self.detectors[""].limit
        if error is None or error.low is None or error.low <= limit or not drift or finding.broken:
            return []
        if min((test.p for test in tests.values()), default=1.0) > 0.05 or raised(state, "expected performance", ""):
            return []
        text = (
            f"the error that the probabilities let expect is {error.estimate:.1%} (95 % interval {error.low:.1%} to "
            f"{error.high:.1%}), above the limit of {limit:.1%}, and the inputs have drifted"
        )
        return [MonitorAlarm(kind="expected performance", subject="", period=finding.period, text=text)]

    def _losses(self, name: str, cohort: Cohort) -> np.ndarray:
        wrong = (cohort.y != cohort.predicted).astype(float)
        return wrong if name == "" else wrong[cohort.y == self.reference.classes.index(name)]

    def _shares(self, confusion: np.ndarray) -> list[ClassShare]:
        before = np.stack([one.confusion.sum(1) for one in self.reference.held_out])
        return class_shares(self.reference.classes, before, confusion.sum(1), self.share_alpha)

    def _recall(self, confusion: np.ndarray) -> dict[str, float | None]:
        rows = confusion.sum(1)
        return {
            name: float(confusion[at, at] / rows[at]) if rows[at] else None
            for at, name in enumerate(self.reference.classes)
        }


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


def _of_predictions(period: PeriodSummary) -> PeriodSummary:
    """Give the predicted classes as a column: none is missing, none unknown."""
    return replace(period, inputs={PREDICTED: np.concatenate([[0.0], period.predicted, [0.0]])})


def _with(state: MonitorState, finding: InputFinding, period: PeriodSummary | None) -> MonitorState:
    update: dict[str, object] = {"inputs": (*state.inputs, finding)}
    if period is not None and not finding.note:
        update["closed"] = (*state.closed, period)[-MOST_PERIODS:]
    return state.model_copy(update=update)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
