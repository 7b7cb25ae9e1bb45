"""Where Prefect's server is: one that its settings name, or the embedded one of this command."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evenhand.errors import EvenhandError
from tasks.local.embedded_server import ADDRESS, EmbeddedServer
from tasks.local.left_flow_runs import close_left, recorded_command, recording
from tasks.processes.owner import process_start

MARK, WAIT_SECONDS = ".making-database", 60.0


class StartedServer:
    """The embedded server of a command, while it starts."""

    def __init__(self, home: Path, record: Path) -> None:
        self._home, self._record, self._mark = home, record, _begin_database(home)
        self._server = EmbeddedServer(home)

    def ready(self, flow: Any) -> Any:
        """Wait until it answers, close what killed commands left open, and return the flow, which will be recorded."""
        self._server.wait()
        self._mark.unlink(missing_ok=True)
        close_left(self._home)
        return recording(flow, self._record)


@contextmanager
def started_server() -> Iterator[StartedServer | None]:
    """Begin to start the embedded server; enter this before Prefect is imported, which reads the address then.

    The server ends with this process, after what Prefect still sends it then.

    Yields
    ------
    StartedServer or None
        None where Prefect's settings name another.
    """
    if server_address():
        yield None
        return
    home = _home()
    with recorded_command(home) as record:
        yield StartedServer(home, record)


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
