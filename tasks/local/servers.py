"""Servers of this machine: started, waited for, and ended with all processes that they started."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evenhand.errors import EvenhandError
from tasks.settings import settings

HOST = "127.0.0.1"
GRACE = 10.0
QUIET = {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # seven processes for language models
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
}


@dataclass(frozen=True)
class Page:
    """A server of this machine and the address of its page."""

    name: str
    port: int
    health: str
    command: tuple[str, ...]
    entry: str = "/"
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def address(self) -> str:
        """Where it is served."""
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """Where the output of the server goes."""
        return settings().home / "ui" / f"{self.name.lower()}.log"


def check_port(page: Page) -> None:
    """Refuse a port that is in use."""
    with socket.socket() as probe:
        # As servers do: a port that was just released can be used.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, page.port))
        except OSError as error:
            option = page.name.lower()
            raise EvenhandError(
                f"port {page.port} for {page.name} can't be used: {error.strerror}; "
                f"name another with --{option}-port or EVENHAND_{option.upper()}_PORT"
            ) from None


@contextlib.contextmanager
def served(page: Page) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server while the block lasts."""
    page.log.parent.mkdir(parents=True, exist_ok=True)
    with page.log.open("wb") as log:
        # A session of its own: ctrl-c reaches this process only, and all that the server started is ended with it.
        server = subprocess.Popen(
            page.command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**QUIET, **os.environ, **page.environment},
            start_new_session=True,
        )
    try:
        yield server
    finally:
        _end(server)


def _end(server: subprocess.Popen[bytes]) -> None:
    for stop in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, stop)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(GRACE)


def wait_until_up(running: dict[Page, subprocess.Popen[bytes]], timeout: float) -> None:
    """Wait until every server answers; refuse one that ends or takes longer."""
    deadline = time.monotonic() + timeout
    while waiting := [page for page in running if not _answers(page)]:
        check_alive(running)
        if time.monotonic() > deadline:
            raise EvenhandError(f"{waiting[0].name} is not up after {timeout:.0f} s; its log: {waiting[0].log}")
        time.sleep(0.2)


def check_alive(running: dict[Page, subprocess.Popen[bytes]]) -> None:
    """Refuse a server that has ended, with the last lines of its output."""
    for page, server in running.items():
        if server.poll() is not None:
            last = page.log.read_text(errors="replace").strip().splitlines()[-5:]
            raise EvenhandError(f"{page.name} ended with exit code {server.returncode}: " + "\n".join([*last, ""]))


def _answers(page: Page) -> bool:
    try:
        get(page.address + page.health)
    except OSError:
        return False
    return True


def get(url: str) -> bytes:
    """Request a page from a server of this machine, without any proxy."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=5) as answer:
        return bytes(answer.read())
