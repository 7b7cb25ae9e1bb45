"""Who owns an MLflow run, a folder or a flow run: a process, as tags by which a killed one can be recognised."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

HOST, PID, PID_STARTED = "evenhand.host", "evenhand.pid", "evenhand.pid_started"


def owner_tags() -> dict[str, str]:
    """Return tags that identify this process."""
    return {HOST: socket.gethostname(), PID: str(os.getpid()), PID_STARTED: process_start(os.getpid()) or ""}


def is_stale(tags: Mapping[str, str]) -> bool:
    """Whether the process in these tags has ended; False when this machine can't know, as for another host."""
    pid, since = tags.get(PID, ""), tags.get(PID_STARTED)
    if tags.get(HOST) != socket.gethostname() or not pid.isdigit() or not since:
        return False
    return process_start(int(pid)) != since


def process_start(pid: int) -> str | None:
    """Return the start time of a process of this machine, to detect a reused id; None when it has ended."""
    if Path("/proc/self/stat").exists():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return None if state in "ZX" else f"{boot} {fields[18]}"
        return None
    answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None
