"""Interrupting a training: it stops soon with one line of output, and its runs have the final state."""

import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from tasks.settings import ROOT, settings


def flow_states(home):
    with sqlite3.connect(f"file:{home / 'prefect' / 'prefect.db'}?mode=ro", uri=True) as database:
        return [state for (state,) in database.execute("select state_type from flow_run")]


def in_group(group):
    """Return the running processes of a process group."""
    listed = subprocess.run(["ps", "-eo", "pgid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    found = [line.split(maxsplit=2) for line in listed.splitlines()]
    return [args for pgid, state, args in found if int(pgid) == group and state[0] != "Z"]


@pytest.mark.parametrize(
    ("interrupt", "runner", "code"),
    # Ctrl-c interrupts every process of the terminal, `kill` only one.
    [
        (lambda pid: os.killpg(pid, signal.SIGINT), "processes", 130),
        (lambda pid: os.kill(pid, signal.SIGTERM), "threads", 143),
    ],
    ids=["ctrl-c", "kill"],
)
def test_an_interrupted_training_prints_one_line_and_leaves_no_process(small, interrupt, runner, code):
    from tasks.tracking.client import connect

    problem = small(models=[{"kind": "lightgbm", "params": {"n_estimators": 500}}])
    home = settings().home
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.train", "--problem", str(problem), "--runner", runner],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell without a terminal makes its background jobs ignore ctrl-c, and child processes inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509  no thread yet
    )
    try:
        for line in process.stdout:
            if "1/4" in line:
                break
        interrupt(process.pid)
        start = time.monotonic()
        _, stderr = process.communicate(timeout=120)
        seconds = time.monotonic() - start
        left = in_group(process.pid)
    finally:
        if in_group(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
    assert (process.returncode, stderr.split()) == (code, ["Stopped."])
    assert seconds < 60
    assert left == []
    assert flow_states(home) == ["CRASHED"]
    client = connect()
    (run,) = client.search_runs([client.get_experiment_by_name("small").experiment_id])
    assert run.info.status == "KILLED"
