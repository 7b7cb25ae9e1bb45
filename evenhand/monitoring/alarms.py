"""The alarms that a period raises, each once: a column while it stays broken, a column that drifted, a class."""

from __future__ import annotations

import math
from collections.abc import Sequence

from evenhand.monitoring.class_shares import ClassShare
from evenhand.monitoring.detector import Detector
from evenhand.monitoring.drift import e_value
from evenhand.monitoring.periods import shown
from evenhand.monitoring.state import ColumnFinding, InputFinding, MonitorAlarm, MonitorState

BETWEEN = " | "  # columns that drifted together, in the subject of their alarm


def raised(state: MonitorState, kind: str, subject: str) -> bool:
    """Whether this model version has had such an alarm."""
    return any(one.kind == kind and one.subject == subject for one in state.alarms)


def broken_alarms(state: MonitorState, finding: InputFinding) -> list[MonitorAlarm]:
    """Raise one for each column that was whole in the period before."""
    before = state.inputs[-1].broken if state.inputs else {}
    return [
        MonitorAlarm(kind="broken column", subject=name, period=finding.period, text=f"{name}: {fault}")
        for name, fault in finding.broken.items()
        if name not in before
    ]


def volume_alarms(period: str, fault: str) -> list[MonitorAlarm]:
    """Raise one where the number of rows is unusual."""
    return [MonitorAlarm(kind="rows", subject="", period=period, text=fault)] if fault else []


def drift_alarm(state: MonitorState, finding: InputFinding, drifted: Sequence[ColumnFinding]) -> list[MonitorAlarm]:
    """Raise one where a column drifted that had not before; it names them all."""
    known = {name for one in state.alarms if one.kind == "drift" for name in one.subject.split(BETWEEN)}
    names = list(dict.fromkeys(one.column for one in drifted))
    if set(names) <= known:
        return []
    what = ", ".join(f"{one.column} ({one.what}, {one.effect:.2f})" for one in drifted)
    since = drift_start([*state.inputs, finding])
    text = f"changed beyond what periods differ by, since about {shown(since)}: {what}"
    return [MonitorAlarm(kind="drift", subject=BETWEEN.join(names), period=finding.period, text=text)]


def drift_start(findings: Sequence[InputFinding]) -> str:
    """Return the period from which on the product of the e-values is largest, by the test where it is larger."""
    best, start = -math.inf, findings[-1].period
    for test in ("p_inputs", "p_predictions"):
        total = 0.0
        for one in reversed(findings):
            p = getattr(one, test)
            total += 0.0 if p is None else math.log(e_value(p))
            if total > best:
                best, start = total, one.period
    return start


def share_alarms(state: MonitorState, period: str, found: Sequence[ClassShare], alpha: float) -> list[MonitorAlarm]:
    """Raise one for each class whose share is outside its interval, once."""
    return [
        MonitorAlarm(
            kind="class share",
            subject=one.name,
            period=period,
            text=f"{one.name} is {one.share:.1%} of the rows; the reference has {one.before:.1%}, and one more of its "
            f"periods would have {one.low:.1%} to {one.high:.1%}",
        )
        for one in found
        if one.p <= alpha and not raised(state, "class share", one.name)
    ]


def performance_alarm(period: str, name: str, rate: float, detector: Detector) -> MonitorAlarm:
    """Say which loss was above its limit for long enough."""
    what = f"of the rows of class {name} are missed" if name else "of the rows get a wrong class"
    text = f"too many {what}: {rate:.1%} in this period, above the limit of {detector.limit:.1%} for long enough"
    return MonitorAlarm(kind="performance", subject=name, period=period, text=text)
