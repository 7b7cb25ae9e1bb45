"""Examine the rows of a complete period: from the state before to the state after, with new alarms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from evenhand.monitoring.alarms import broken_alarms, drift_alarm, raised, volume_alarms
from evenhand.monitoring.broken_columns import broken_columns, unusual_rows
from evenhand.monitoring.columns import ColumnBins
from evenhand.monitoring.drift import MOST_PERIODS, DriftTest, PeriodPool, compare_last_period, e_value
from evenhand.monitoring.expected_scores import expected_scores
from evenhand.monitoring.monitor import Monitor
from evenhand.monitoring.periods import season_of
from evenhand.monitoring.state import ColumnFinding, EstimateFinding, InputFinding, MonitorAlarm, MonitorState
from evenhand.monitoring.summaries import PeriodSummary

SHOWN = 6  # columns of a period that are kept with their effects
PREDICTED = "predicted class"
FEWEST_PERIODS = 3  # of a pool
UNUSUAL = 0.05  # p of a period that may ask for a training by its expected error: drift is still there


def examine_rows(monitor: Monitor, state: MonitorState, period: PeriodSummary) -> MonitorState:
    """Test the inputs and predictions of a complete period, and estimate its scores.

    Returns
    -------
    MonitorState
        With the findings, and with alarms that were not there before.
    """
    volume = unusual_rows(period.rows, np.array([one.rows for one in monitor.reference.held_out]))
    if period.rows < monitor.fewest_rows:
        note = f"{period.rows:,} rows are too few to compare; {math.ceil(monitor.fewest_rows):,} are needed"
        finding = InputFinding(period=period.name, rows=period.rows, level=state.drift_level, note=note)
        # The first period may have begun before the files do.
        alarms = volume_alarms(period.name, volume) if state.inputs else []
        return state.model_copy(update={"inputs": (*state.inputs, finding), "alarms": (*state.alarms, *alarms)})
    finding, levels = _finding(monitor, state, period)
    alarms = [*broken_alarms(state, finding), *volume_alarms(period.name, volume)]
    drifted = [c for c in finding.columns if c.effect >= monitor.policy.min_effect and c.deviations > 0]
    found = finding.level >= monitor.drift_threshold and bool(drifted)
    alarms += drift_alarm(state, finding, drifted) if found else []
    alarms += _expected_alarm(monitor, state, finding, alarms)
    # A broken period is none that later ones are compared with.
    closed = state.closed if finding.broken else (*state.closed, period)[-MOST_PERIODS:]
    return state.model_copy(
        update={
            "inputs": (*state.inputs, finding),
            "closed": closed,
            "drift_levels": dict.fromkeys(levels, 0.0) if found else levels,
            "alarms": (*state.alarms, *alarms),
        }
    )


def _finding(monitor: Monitor, state: MonitorState, period: PeriodSummary) -> tuple[InputFinding, dict[str, float]]:
    """Return what the rows show, and the levels of the tests after it."""
    broken = broken_columns(monitor.reference.bins, monitor.counts, period.inputs)
    tests = _tests(monitor, state.closed, period, broken)
    before = state.drift_levels or dict.fromkeys(tests, 0.0)
    levels = before | {name: (1 + before.get(name, 0.0)) * e_value(test.p) for name, test in tests.items()}
    changes = sorted((c for test in tests.values() for c in test.changes), key=lambda c: -c.deviations)[:SHOWN]
    estimates = expected_scores(monitor.gaps, period) if period.expected.size else {}
    finding = InputFinding(
        period=period.name,
        rows=period.rows,
        p_inputs=tests["inputs"].p if "inputs" in tests else None,
        p_predictions=tests["predictions"].p if "predictions" in tests else None,
        level=float(np.mean(list(levels.values()))) if levels else 0.0,
        columns=tuple(
            ColumnFinding(column=c.column, what=c.what, effect=c.effect, deviations=c.deviations) for c in changes
        ),
        broken=broken,
        expected={
            name: EstimateFinding(estimate=one.estimate, low=_known(one.low), high=_known(one.high))
            for name, one in estimates.items()
        },
    )
    return finding, levels


def _tests(
    monitor: Monitor, past: Sequence[PeriodSummary], period: PeriodSummary, broken: Mapping[str, str]
) -> dict[str, DriftTest]:
    """Test inputs against all reference periods, and predictions against the held-out ones."""
    reference = monitor.reference
    whole = {name: one for name, one in reference.bins.items() if name not in broken}
    parts: dict[str, tuple[Mapping[str, ColumnBins], list[PeriodSummary]]] = {
        "inputs": (whole, [*monitor.known, *past, period])
    }
    if period.predicted.size and not broken:
        bins = {PREDICTED: ColumnBins(name=PREDICTED, values=reference.classes)}
        predicted = [one for one in (*reference.held_out, *past, period) if one.predicted.size]
        parts["predictions"] = bins, [_of_predictions(one) for one in predicted[-MOST_PERIODS:]]
    return {
        name: compare_last_period(_pool(monitor, periods[-MOST_PERIODS:], bins), bins)
        for name, (bins, periods) in parts.items()
        if bins and len(periods) > FEWEST_PERIODS
    }


def _pool(monitor: Monitor, periods: Sequence[PeriodSummary], bins: Mapping[str, ColumnBins]) -> PeriodPool:
    counts = {name: np.stack([one.inputs[name] for one in periods]) for name in bins}
    return PeriodPool(counts, np.array([season_of(one.name, monitor.reference.period) for one in periods]))


def _of_predictions(period: PeriodSummary) -> PeriodSummary:
    """Give the predicted classes as a column: none is missing, none unknown."""
    return replace(period, inputs={PREDICTED: np.concatenate([[0.0], period.predicted, [0.0]])})


def _expected_alarm(
    monitor: Monitor, state: MonitorState, finding: InputFinding, now: Sequence[MonitorAlarm]
) -> list[MonitorAlarm]:
    """Ask for a training where drift was found and the expected error is surely above the limit."""
    error, limit = finding.expected.get("error"), monitor.detectors[""].limit
    if error is None or error.low is None or error.high is None or error.low <= limit or finding.broken:
        return []
    drift = any(one.kind == "drift" for one in (*state.alarms, *now))
    least = min((p for p in (finding.p_inputs, finding.p_predictions) if p is not None), default=1.0)
    if not drift or least > UNUSUAL or raised(state, "expected performance", ""):
        return []
    text = (
        f"the error that the probabilities let expect is {error.estimate:.1%} (95 % interval {error.low:.1%} to "
        f"{error.high:.1%}), above the limit of {limit:.1%}, and the inputs have drifted"
    )
    return [MonitorAlarm(kind="expected performance", subject="", period=finding.period, text=text)]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
