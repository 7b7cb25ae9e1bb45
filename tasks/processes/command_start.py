"""When the command of this process began: what it spends before its first step is counted as its start."""

from __future__ import annotations

import time

_marks: list[float] = []


def mark_start() -> None:
    """Mark that a command begins; it has loaded nothing that takes long."""
    _marks[:] = [time.monotonic()]


def command_start() -> float:
    """Return when the command began, by the monotonic clock, once for each; now for a flow that no command started."""
    return _marks.pop() if _marks else time.monotonic()
