"""Prefect's server of a process, which lives exactly as long as the command that started it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from typing import Any

from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import get_current_settings

from tasks.settings import ROOT

RESTARTS = 5
_EMBEDDED = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}


class EmbeddedServer(SubprocessASGIServer):
    """Prefect's own, with three differences.

    It has a session of its own, so that a signal to the group of the command does not end it before the flow could
    record how it ended. It watches the command, and ends with it however that ends. If it is killed, another takes its
    place; the command holds the socket, so that what it asks meanwhile waits for that one.
    """

    def __init__(self) -> None:
        if not hasattr(self, "_ending"):  # Prefect makes one instance, and initialises it whenever it is asked for
            super().__init__()
            self._ending, self._changing = threading.Event(), threading.Lock()
            self._listening: socket.socket | None = None

    def start(self, timeout: int | None = None) -> None:
        """Start it, and wait until it answers."""
        if self._listening is None:
            self._listening = socket.socket()  # the first server listens on it; until then a connection is refused
            self._listening.bind(("127.0.0.1", 0))
            self.port = self._listening.getsockname()[1]
        super().start(timeout)
        threading.Thread(target=self._replace_killed, daemon=True).start()

    def stop(self) -> None:
        """End it."""
        with self._changing:
            self._ending.set()
        super().stop()

    def _replace_killed(self) -> None:
        for _ in range(RESTARTS):
            process = self.server_process
            if process is None:
                return
            process.wait()
            with self._changing:
                if self._ending.is_set():
                    return
                self.server_process = self._run_uvicorn_command()

    def _run_uvicorn_command(self) -> subprocess.Popen[Any]:
        assert self._listening is not None  # noqa: S101 - made by start
        paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        own = get_current_settings().to_environment_variables(exclude_unset=True)
        number = self._listening.fileno()
        return subprocess.Popen(
            [sys.executable, "-m", "tasks.local.server_process", str(os.getpid()), str(number)],
            env={**os.environ, **_EMBEDDED, **own, "PYTHONPATH": paths},
            pass_fds=[number],
            start_new_session=True,
        )
