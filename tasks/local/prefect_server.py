"""Prefect's embedded server: a process of its own that loads its libraries while the command loads others.

Prefect would start it when its client is first used, after a second import of the server in this process, which takes
1.8 CPU seconds, and the command would wait for it with an idle core (``make bench ARGS="--only small"``). The command
is Prefect's own; nothing here imports Prefect.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

from evenhand.errors import EvenhandError
from evenhand.text.printable import printable
from tasks.local.servers import HOST, get
from tasks.tracking.run_owner import process_start

MARK, WAIT_SECONDS = ".making-database", 60.0
ADDRESS = "PREFECT_API_URL"
# What the server may write to the terminal.
_CONSOLE_LEVEL = "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"
_TIMEOUT = "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"
# As Prefect starts it: without pages, and without the services of a server that lasts.
_EMBEDDED = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}
STARTS = 3  # another process may take the port meanwhile


class EmbeddedServer:
    """A server that starts while other work is done, and ends with this process; see :func:`start_server`."""

    def __init__(self, home: Path) -> None:
        self._home, self._mark = home, _begin_database(home)
        # Who asks for its log sees it at the terminal.
        self._output = None if _CONSOLE_LEVEL in os.environ else tempfile.TemporaryFile()  # noqa: SIM115 - open while the server runs
        os.environ.setdefault(_CONSOLE_LEVEL, "CRITICAL")
        self._starts = 0
        self._start()
        atexit.register(self.end)

    @property
    def address(self) -> str:
        """Where its health is asked."""
        return f"http://{HOST}:{self._port}/api"

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
                if self._starts == STARTS:
                    raise self._fault(f"it ended with exit code {self._process.returncode}")
                self._start()
            if time.monotonic() > deadline:
                raise self._fault(f"it does not answer ({_TIMEOUT})")
            time.sleep(0.05)
        self._mark.unlink(missing_ok=True)

    def end(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self) -> None:
        self._starts += 1
        self._port = _free_port()
        self._process = _run(self._port, self._output)
        # Read by Prefect when it is imported.
        os.environ[ADDRESS] = self.address

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


def start_server() -> EmbeddedServer | None:
    """Begin to start the embedded server, unless Prefect's settings name another; call before Prefect is imported."""
    if server_address():
        return None
    return EmbeddedServer(_home())


def server_address() -> str | None:
    """Return the address in Prefect's settings; Prefect, which takes a second to import, is asked only where it must.

    That is where a file may name a server: a profile, ``prefect.toml``, ``.env``, or ``pyproject.toml`` with a section
    for Prefect.
    """
    named, profiles = os.environ.get(ADDRESS), os.environ.get("PREFECT_PROFILES_PATH", _home() / "profiles.toml")
    files = (profiles, "prefect.toml", ".env", "pyproject.toml")
    if named is not None or not any(_configures_prefect(Path(file)) for file in files):
        return named or None
    import prefect.settings

    return prefect.settings.PREFECT_API_URL.value() or None


def _home() -> Path:
    return Path(os.environ.get("PREFECT_HOME", Path.home() / ".prefect"))


def _configures_prefect(file: Path) -> bool:
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return "[tool.prefect" in text if file.name == "pyproject.toml" else "PREFECT" in text.upper() or "api" in text


def _run(port: int, output: IO[bytes] | None) -> subprocess.Popen[bytes]:
    found = importlib.util.find_spec("prefect")
    assert found is not None and found.origin is not None  # noqa: S101, PT018 - it is a dependency
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(Path(found.origin).parent.parent), "--factory"]
    command += ["prefect.server.api.server:create_app", "--host", HOST, "--port", str(port)]
    # Ctrl-c goes to every process of the terminal. A new process inherits the signal mask of the thread that starts it:
    # the server outlives the flow and records how it ended.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return subprocess.Popen(
            [*command, "--log-level", "error", "--lifespan", "on"],
            env={**os.environ, **_EMBEDDED},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _begin_database(home: Path) -> Path:
    """Mark that Prefect's database is being made, and remove one that was left half way: it has no flow run yet.

    Returns
    -------
    Path
        The mark, to be removed when the server is up.
    """
    mark, database = home / MARK, home / "prefect.db"
    deadline = time.monotonic() + WAIT_SECONDS
    while (owner := _owner(mark)) is not None and process_start(owner) and time.monotonic() < deadline:
        time.sleep(0.2)  # another first start is making it
    try:
        if mark.exists():
            for left in home.glob(f"{database.name}*"):
                left.unlink(missing_ok=True)
        if not database.exists():
            home.mkdir(parents=True, exist_ok=True)
            mark.write_text(str(os.getpid()), encoding="utf-8")
    except OSError as error:
        raise EvenhandError(
            f"Prefect's database can't be made in {home}: {error.strerror or error}. Free space, mend the permissions, "
            "or name another folder in PREFECT_HOME"
        ) from None
    return mark


def _owner(mark: Path) -> int | None:
    try:
        return int(mark.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
