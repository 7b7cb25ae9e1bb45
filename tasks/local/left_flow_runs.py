"""Flow runs of the embedded server that a killed command left open: closed as crashed by the next start."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tasks.processes.owner import is_stale, owner_tags

FOLDER = "commands"
KILLED = "killed: closed by the next start"
_OPEN = ("PENDING", "RUNNING", "CANCELLING", "PAUSED")
_FLOW_RUNS = "flow_runs"


@contextmanager
def recorded_command(prefect_home: Path) -> Iterator[Path]:
    """Record in Prefect's home that this process runs a command, while the block lasts."""
    record = prefect_home / FOLDER / f"{os.getpid()}-{uuid.uuid4().hex[:8]}.json"
    record.parent.mkdir(parents=True, exist_ok=True)
    _write(record, {**owner_tags(), _FLOW_RUNS: []})
    try:
        yield record
    finally:
        record.unlink(missing_ok=True)


def recording(flow: Any, record: Path) -> Any:
    """Return a flow that adds its run to the record of its command."""

    def note(_flow: Any, flow_run: Any, _state: Any) -> None:
        known = _read(record)
        _write(record, {**known, _FLOW_RUNS: [*known.get(_FLOW_RUNS, []), str(flow_run.id)]})

    return flow.with_options(on_running=[*flow.on_running_hooks, note])


def close_left(prefect_home: Path) -> int:
    """Close what commands of this machine left open that have ended without doing it, once the server answers.

    Runs of commands that still run are left alone, and so are those of other machines that share this home. A run that
    its command could not record yet is closed where no other command may own it.

    Returns
    -------
    int
        Number of flow runs that were closed.
    """
    records = {path: _read(path) for path in (prefect_home / FOLDER).glob("*.json")}
    left = {path: record for path, record in records.items() if not record or is_stale(record)}
    if not left:
        return 0
    others = {run for path, record in records.items() if path not in left for run in record.get(_FLOW_RUNS, [])}
    alone = len(records) - len(left) <= 1  # this command, which has no flow run yet
    ours = {run for record in left.values() for run in record.get(_FLOW_RUNS, [])}
    closed = _crash(lambda run: run in ours or (alone and run not in others))
    for path in left:
        path.unlink(missing_ok=True)
    return closed


def _crash(is_left: Any) -> int:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, TaskRunFilter
    from prefect.states import Crashed

    still_open = {"state": {"type": {"any_": list(_OPEN)}}}
    closed, offset = 0, 0
    with get_client(sync_client=True) as client:
        found = []
        while page := client.read_flow_runs(flow_run_filter=FlowRunFilter(**still_open), limit=200, offset=offset):
            found += [run for run in page if run.deployment_id is None and is_left(str(run.id))]
            offset += len(page)
        for run in found:
            own = FlowRunFilter(id={"any_": [run.id]})
            while tasks := client.read_task_runs(
                flow_run_filter=own, task_run_filter=TaskRunFilter(**still_open), limit=200
            ):
                for task in tasks:
                    client.set_task_run_state(task.id, Crashed(message=KILLED), force=True)
            client.set_flow_run_state(run.id, Crashed(message=KILLED), force=True)
            closed += 1
    return closed


def _read(record: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        found = json.loads(record.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    return {}


def _write(record: Path, content: dict[str, Any]) -> None:
    partial = record.with_suffix(".part")
    partial.write_text(json.dumps(content), encoding="utf-8")
    partial.replace(record)
