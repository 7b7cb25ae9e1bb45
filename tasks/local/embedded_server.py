"""Prefect's server of a process, which lives exactly as long as the command that started it.

Prefect would start its own when its client is first used: after a second import of the server in this process, which
takes 1.8 CPU seconds, while the other cores wait. Nothing here imports Prefect.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from evenhand.errors import EvenhandError
from evenhand.text.printable import printable
from tasks.local.servers import HOST, get
from tasks.settings import ROOT

RESTARTS = 5
ADDRESS = "PREFECT_API_URL"
# What the server may write to the terminal.
_CONSOLE_LEVEL = "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"
_TIMEOUT = "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"
# As Prefect starts it: without pages, and without the services of a server that lasts.
_EMBEDDED = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}


class EmbeddedServer:
    """A server that starts while other work is done.

    It has a session of its own, so that a signal to the group of the command does not end it before the flow could
    record how it ended. It watches the command, and ends with it however that ends. If it is killed, another takes its
    place; the command holds the socket, so that what it asks meanwhile waits for that one.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._ending, self._changing = threading.Event(), threading.Lock()
        self._listening = socket.socket()  # the first server listens on it; until then a connection is refused
        self._listening.bind((HOST, 0))
        # Who asks for its log sees it at the terminal.
        shown = _CONSOLE_LEVEL in os.environ
        self._output = None if shown else tempfile.TemporaryFile()  # noqa: SIM115 - open while the server runs
        os.environ.setdefault(_CONSOLE_LEVEL, "CRITICAL")
        self._process = self._start()
        os.environ[ADDRESS] = self.address  # read by Prefect when it is imported
        atexit.register(self.end)

    @property
    def address(self) -> str:
        """Of its API."""
        return f"http://{HOST}:{self._listening.getsockname()[1]}/api"

    def wait(self) -> None:
        """Wait until it answers.

        Raises
        ------
        EvenhandError
            When it does not start.
        """
        deadline = time.monotonic() + float(os.environ.get(_TIMEOUT, "120"))
        while not self._answers():
            if self._process.poll() is not None:
                raise self._fault(f"it ended with exit code {self._process.returncode}")
            if time.monotonic() > deadline:
                raise self._fault(f"it does not answer ({_TIMEOUT})")
            time.sleep(0.05)
        threading.Thread(target=self._replace_killed, daemon=True).start()

    def end(self) -> None:
        """End it."""
        with self._changing:
            self._ending.set()
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _replace_killed(self) -> None:
        for _ in range(RESTARTS):
            self._process.wait()
            with self._changing:
                if self._ending.is_set():
                    return
                self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        number = self._listening.fileno()
        return subprocess.Popen(
            [sys.executable, "-m", "tasks.local.server_process", str(os.getpid()), str(number)],
            env={**os.environ, **_EMBEDDED, "PYTHONPATH": paths},
            stdout=self._output,
            stderr=subprocess.STDOUT if self._output else None,
            pass_fds=[number],
            start_new_session=True,
        )

    def _answers(self) -> bool:
        try:
            get(f"{self.address}/health")
        except OSError:
            return False
        return True

    def _fault(self, what: str) -> EvenhandError:
        lines: list[bytes] = []
        if self._output is not None:
            self._output.seek(0)
            lines = self._output.read().strip().splitlines()
        last = f" Its last line: {printable(lines[-1].decode(errors='replace')[:300])}." if lines else ""
        return EvenhandError(
            f"Prefect's embedded server did not start on {self._home}: {what}.{last} {_CONSOLE_LEVEL}=ERROR shows its "
            "log; PREFECT_HOME names another folder."
        )
