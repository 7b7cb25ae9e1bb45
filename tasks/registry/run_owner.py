"""Which process of which machine opened a run, so that a run whose process is gone can be told from a live one."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

HOST, PID, PID_STARTED = "evenhand.host", "evenhand.pid", "evenhand.pid_started"


def owner_tags() -> dict[str, str]:
    """Tags that name this process."""
    return {HOST: socket.gethostname(), PID: str(os.getpid()), PID_STARTED: started(os.getpid()) or ""}


def is_stale(tags: Mapping[str, str]) -> bool:
    """Tell whether the process that these tags name is gone; what can't be judged from this machine counts as live."""
    pid, since = tags.get(PID, ""), tags.get(PID_STARTED)
    if tags.get(HOST) != socket.gethostname() or not pid.isdigit() or not since:
        return False
    return started(int(pid)) != since


def started(pid: int) -> str | None:
    """When a process of this machine started, to tell it from a later one of its number; None if it is gone."""
    if Path("/proc/self/stat").exists():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return None if state in "ZX" else f"{boot} {fields[18]}"
        return None
    answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None
