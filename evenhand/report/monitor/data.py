"""What the page of the monitor is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evenhand.monitoring.monitor import Monitor
from evenhand.monitoring.state import MonitorAlarm, MonitorState


@dataclass(frozen=True, eq=False)
class MonitorView:
    """A champion, what the monitor knows of it, and what is new.

    Attributes
    ----------
    title : str
        Of the problem.
    monitor : Monitor
    state : MonitorState
    new : sequence of MonitorAlarm
        Alarms of this run.
    waiting : int
        Periods that wait for labels.
    asks : bool
        Whether a training is asked for that has no outcome yet.
    next_step : str
    notes : sequence of str
    synthetic : bool
    """

    title: str
    monitor: Monitor
    state: MonitorState
    new: Sequence[MonitorAlarm]
    waiting: int
    asks: bool
    next_step: str
    notes: Sequence[str] = ()
    synthetic: bool = False
