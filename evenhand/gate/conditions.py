"""Conditions of the gate in addition to the primary metric: classes, calibration, groups.

Those that need no held-out rows (columns, validation, age, speed) are in :mod:`evenhand.gate.facts`.

A condition passes when its entire interval is on the allowed side, fails when all of it is on the other side, and is
undecided in between.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

from evenhand.errors import GateError
from evenhand.evidence.bootstrap import (
    BootstrapSettings,
    ClassMetric,
    Interval,
    class_intervals,
    metric_interval,
    paired_class_differences,
    paired_difference,
)
from evenhand.evidence.draws import FEWEST_BLOCKS
from evenhand.evidence.evaluation_rows import EvaluationRows
from evenhand.evidence.recall_intervals import recall_differences, recalls
from evenhand.evidence.slices import SLICE_METRICS, SliceLimits, slices
from evenhand.gate.alignment import AlignedCase
from evenhand.gate.facts import fact_conditions
from evenhand.gate.promise import promise_conditions
from evenhand.gate.row_conditions import row_conditions
from evenhand.gate.verdict import Case, Condition, Kind, Status
from evenhand.metrics.predictions import Predictions
from evenhand.problem import GatePolicy

CLASS_METRICS: tuple[tuple[ClassMetric, Kind], ...] = (("recall", "recall"), ("average_precision", "average precision"))
Side = Literal["above", "at most"]
CALIBRATE = "calibrate the model's probabilities, or decide by the predicted classes only (docs/gate.md, Calibration)"
MOST_TIMES = 1000  # the present number of rows; what needs more is not reported


def conditions_of(case: Case, aligned: AlignedCase, policy: GatePolicy, confidence: float) -> tuple[Condition, ...]:
    """Check all conditions of a policy.

    Parameters
    ----------
    case : Case
    aligned : AlignedCase
        The same case with class codes.
    policy : GatePolicy
    confidence : float
        Of every interval.

    Raises
    ------
    GateError
        When a floor names a class that no model knows, or a value is not defined.
    """
    on_rows = RowConditions(aligned, policy, confidence)
    by_class = on_rows.against_chance() if aligned.champion is None else on_rows.against_champion()
    found = [*by_class, *on_rows.floors(), *on_rows.calibration(), *on_rows.slices(case)]
    of_rows = row_conditions(case, aligned, policy)
    promise = promise_conditions(case, aligned, policy, confidence)
    return (*of_rows, *promise, *found, *fact_conditions(case.facts, policy))


def class_differences(
    rows: EvaluationRows, a: Predictions, b: Predictions, metric: ClassMetric, bootstrap: BootstrapSettings
) -> tuple[Interval, ...]:
    """Estimate class by class how much better ``b`` is than ``a``: recall by its own interval, the rest by draws."""
    if metric == "recall":
        return recall_differences(rows, a.codes, b.codes, bootstrap.confidence)
    return paired_class_differences(a, b, metric, bootstrap)


class RowConditions:
    """The conditions on the predictions for the held-out rows."""

    def __init__(self, aligned: AlignedCase, policy: GatePolicy, confidence: float) -> None:
        self.aligned, self.policy, self.confidence = aligned, policy, confidence
        self.n = len(aligned.y)
        self.bootstrap = aligned.settings(confidence, policy.resamples)

    def against_chance(self) -> Iterator[Condition]:
        """Check that the average precision of each class is above its share of the rows."""
        a = self.aligned
        found = class_intervals(a.challenger, "average_precision", self.bootstrap)
        for code, (name, interval) in enumerate(zip(a.classes, map(_reflected, found), strict=True)):
            prior = a.support[code] / self.n
            gain = Interval(interval.estimate - prior, interval.low - prior, interval.high - prior)
            yield self._of_class(f"average precision of {name} against chance", "chance", code, gain, 0.0)

    def against_champion(self) -> Iterator[Condition]:
        """Check that no class loses more than the tolerance in recall or in average precision."""
        a = self.aligned
        assert a.champion is not None  # noqa: S101 - for the type checker
        for metric, kind in CLASS_METRICS:
            found = class_differences(a.rows, a.champion, a.challenger, metric, self.bootstrap)
            for code, (name, interval) in enumerate(zip(a.classes, found, strict=True)):
                yield self._of_class(
                    f"{kind} of {name} against the champion", kind, code, interval, -self.policy.tolerance
                )

    def floors(self) -> Iterator[Condition]:
        """Check that classes reach the floors that the policy declares."""
        a, declared = self.aligned, self.policy.floors
        strangers = sorted(set(declared) - set(a.classes))
        if strangers:
            raise GateError(f"gate.floors: no class {', '.join(strangers)}; there is: {', '.join(a.classes)}")
        for metric, kind in CLASS_METRICS:
            wanted = {name: getattr(floor, metric) for name, floor in declared.items()}
            if all(value is None for value in wanted.values()):
                continue
            if metric == "recall":
                found = recalls(a.rows, a.challenger.codes, self.confidence)
            else:
                found = class_intervals(a.challenger, metric, self.bootstrap)
            for code, name in enumerate(a.classes):
                if wanted.get(name) is not None:
                    interval = _reflected(found[code]) if metric == "average_precision" else found[code]
                    yield self._of_class(f"{kind} of {name}, its floor", "floor", code, interval, wanted[name])

    def calibration(self) -> Iterator[Condition]:
        """Check that the calibration error is not too large and has not grown too much."""
        a, policy = self.aligned, self.policy
        if a.champion is not None and policy.ece_tolerance is not None:
            gain = paired_difference(a.champion, a.challenger, "ece", self.bootstrap, centred=True)
            growth = Interval(-gain.estimate, -gain.high, -gain.low)
            title = "growth of the calibration error against the champion"
            yield _advised(self._decided(title, "calibration", "", growth, policy.ece_tolerance, "at most"))
        if policy.max_ece is not None:
            found = metric_interval(a.challenger, "ece", self.bootstrap, centred=True)
            yield _advised(self._decided("calibration error", "calibration", "", found, policy.max_ece, "at most"))

    def slices(self, case: Case) -> Iterator[Condition]:
        """Check that the gap between the best and the worst group is not too large and has not grown too much."""
        a, policy = self.aligned, self.policy
        against = a.champion is not None and policy.slice_tolerance is not None
        if not against and policy.max_slice_gap is None:
            return
        models = [model for model in (a.champion, a.challenger) if model is not None]
        for column in sorted(case.groups):
            limits = SliceLimits(policy.min_slice_rows, policy.min_positives)
            found = slices(models, case.groups[column], limits, self.bootstrap)
            if not found.comparable:
                yield self._no_groups(column, found.groups)
                continue
            gaps, grown = (
                found.gap(len(models) - 1, self.confidence),
                found.narrowed(self.confidence) if against else (),
            )
            for metric, narrowed in zip(SLICE_METRICS, grown, strict=False):
                growth = Interval(-narrowed.estimate, -narrowed.high, -narrowed.low)
                title = f"growth of the gap in {metric} between groups of {column} against the champion"
                yield self._decided(title, "slices", column, growth, policy.slice_tolerance or 0.0, "at most")
            for metric, gap in zip(SLICE_METRICS, gaps, strict=True):
                if policy.max_slice_gap is not None:
                    title = f"gap in {metric} between groups of {column}"
                    yield self._decided(title, "slices", column, gap, policy.max_slice_gap, "at most")

    def _no_groups(self, column: str, groups: tuple[str, ...]) -> Condition:
        fewest, classes = self.policy.min_slice_rows, self.policy.min_positives
        why = (
            f"no class has {classes} rows in every one of its groups"
            if len(groups) > 1
            else f"{len(groups)} of its groups have {fewest} held-out rows, two are needed"
        )
        detail = f"not enough data, {why}"
        return Condition(
            name=f"gap between groups of {column}", status="undecided", detail=detail, kind="slices", subject=column
        )

    def _of_class(self, name: str, kind: Kind, code: int, found: Interval, bound: float) -> Condition:
        subject, rows, blocks = (
            self.aligned.classes[code],
            int(self.aligned.support[code]),
            self.aligned.blocks_with(code),
        )
        there, fewest, what = rows, self.policy.min_positives, "held-out rows of the class"
        if rows >= fewest and blocks is not None:
            there, fewest, what = blocks, FEWEST_BLOCKS, "blocks with held-out rows of the class"
        if there >= fewest:
            return self._decided(name, kind, subject, found, bound, "above")
        detail = f"not enough data, {there} {what} and {fewest} are needed"
        more = math.ceil((fewest - there) * self.n / there) if there else None
        return Condition(name=name, status="undecided", detail=detail, more_rows=more, kind=kind, subject=subject)

    def _decided(self, name: str, kind: Kind, subject: str, found: Interval, bound: float, side: Side) -> Condition:
        found = finite(found, name)
        if side == "above":
            good, bad = found.low > bound, found.high <= bound
        else:
            good, bad = found.high <= bound, found.low > bound
        status: Status = "pass" if good else "fail" if bad else "undecided"
        sign = "+" if "against" in name else ""
        return Condition(
            name=name,
            status=status,
            detail=f"{bounds(found, self.confidence, sign)}, allowed is {side} {bound:{sign}.3g}",
            more_rows=rows_to_decide(found, bound, self.n) if status == "undecided" else None,
            kind=kind,
            subject=subject,
            estimate=found.estimate,
            low=found.low,
            high=found.high,
            bound=bound,
        )


def _advised(calibration: Condition) -> Condition:
    """Add what can be done about a calibration that does not pass."""
    if calibration.status == "pass":
        return calibration
    return calibration.model_copy(update={"detail": f"{calibration.detail}; {CALIBRATE}"})


def finite(interval: Interval, what: str) -> Interval:
    """Return an interval that is defined.

    Raises
    ------
    GateError
    """
    if not all(map(math.isfinite, (interval.estimate, interval.low, interval.high))):
        raise GateError(f"{what} is not defined on these rows: the gate can't decide by it")
    return interval


def rows_to_decide(interval: Interval, bound: float, n: int) -> int | None:
    """Return how many more than ``n`` rows would move ``bound`` outside, if the estimate stays: width as 1/sqrt(n).

    None where the estimate is so close to the bound that more than 1,000 times ``n`` rows would be needed.
    """
    distance = interval.estimate - bound
    width = interval.estimate - interval.low if distance > 0 else interval.high - interval.estimate
    if distance == 0 or not math.isfinite(width / distance):
        return None
    wanted = n * (width / distance) ** 2
    if wanted > MOST_TIMES * n:
        return None
    digits = max(0, int(math.log10(max(wanted, 1))) - 1)
    return max(1, math.ceil((wanted - n) / 10**digits) * 10**digits)


def bounds(interval: Interval, confidence: float, sign: str = "+") -> str:
    """Write an interval for people."""
    numbers = (f"{value:{sign}.4f}" for value in (interval.estimate, interval.low, interval.high))
    return "{} ({} to {} at {})".format(*numbers, percent(confidence))


def percent(confidence: float) -> str:
    """Write a confidence for people."""
    return f"{100 * confidence:.4g}%"


def _reflected(interval: Interval) -> Interval:
    """Lower the low bound to the reflected one where that is lower (Davison & Hinkley 1997, section 5.2).

    Rows drawn twice raise average precision, so that the percentile bound is too high.
    """
    low = min(interval.low, 2 * interval.estimate - interval.high)
    return Interval(interval.estimate, low, interval.high)
