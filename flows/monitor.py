"""Monitor: compare new rows and late labels with what the champion promised. ``python -m flows.monitor --help``.

Exit code 0: no new alarm; 3: a new alarm; 1: an error.
"""

from __future__ import annotations

import sys

from prefect import flow

from evenhand.text.printable import printable
from tasks.local.command_line import run_command
from tasks.monitoring.run_monitor import MonitorRequest, MonitorResult, as_lines
from tasks.monitoring.run_monitor import monitor as run_monitor

ALARM = 3


@flow(name="monitor", flow_run_name="{request.problem}", log_prints=True)
def monitor(request: MonitorRequest) -> MonitorResult:
    """Run the monitor once and print what it found."""
    result = run_monitor(request)
    _print(result)
    return result


def _at_terminal(request: MonitorRequest) -> None:
    result = run_monitor.fn(request)
    _print(result)
    if result.alarms:
        sys.exit(ALARM)


def _print(result: MonitorResult) -> None:
    print("\n".join(printable(line) for line in as_lines(result)))


if __name__ == "__main__":
    # At a terminal no Prefect server is needed; an event is emitted where PREFECT_API_URL names one.
    run_command(MonitorRequest, _at_terminal)
