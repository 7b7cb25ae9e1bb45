"""The state of the monitor in the text format of Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from evenhand.monitoring.state import MonitorState
from tasks.monitoring.watched import Watched

if TYPE_CHECKING:
    from tasks.monitoring.run_monitor import MonitorResult

HELP = {
    "evenhand_monitor_error": "Share of wrong rows in the newest labelled period",
    "evenhand_monitor_expected_error": "Error that the probabilities let expect in the newest period",
    "evenhand_monitor_level": "Level of a detector as a share of its alarm's limit",
    "evenhand_monitor_alarms": "Alarms of this version, by what they ask for",
    "evenhand_monitor_training_asked": "1 while a training is asked for that has no outcome",
    "evenhand_monitor_periods_waiting": "Periods that wait for labels",
}


def exposition(watched: Watched, state: MonitorState, result: MonitorResult) -> str:
    """Write all metrics, each with its help and type."""
    own = {"model": watched.name, "version": watched.version}
    lines: dict[str, list[str]] = {name: [] for name in HELP}

    def add(name: str, value: float, labels: Mapping[str, str] | None = None) -> None:
        pairs = ",".join(f'{key}="{_escaped(text)}"' for key, text in {**own, **(labels or {})}.items())
        lines[name].append(f"{name}{{{pairs}}} {value:.6g}")

    if state.labels:
        add("evenhand_monitor_error", state.labels[-1].error)
        for name, level in state.labels[-1].levels.items():
            share = level / watched.monitor.detectors[name].threshold
            add("evenhand_monitor_level", share, {"detector": name or "all rows"})
    if state.inputs:
        add("evenhand_monitor_level", state.drift_level / watched.monitor.drift_threshold, {"detector": "drift"})
        if "error" in state.inputs[-1].expected:
            add("evenhand_monitor_expected_error", state.inputs[-1].expected["error"].estimate)
    for action in ("repair", "warn", "train"):
        add("evenhand_monitor_alarms", sum(a.action == action for a in state.alarms), {"action": action})
    add("evenhand_monitor_training_asked", float(result.asks))
    add("evenhand_monitor_periods_waiting", result.waiting)
    text = [
        line
        for name, found in lines.items()
        if found
        for line in (f"# HELP {name} {HELP[name]}", f"# TYPE {name} gauge", *found)
    ]
    return "\n".join(text) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
