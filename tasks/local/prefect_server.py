"""Prefect's embedded server, started before the flow, and the terminal left to the lines of the flow."""

from __future__ import annotations

import gc
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import prefect
from prefect.logging.configuration import setup_logging
from prefect.settings import PREFECT_API_URL, PREFECT_HOME

from evenhand.errors import EvenhandError
from tasks.local.left_flow_runs import close_left, recorded_command, recording
from tasks.processes.owner import process_start

if TYPE_CHECKING:
    from tasks.local.embedded_server import EmbeddedServer

_PREFECT = str(Path(prefect.__file__).parent)
MARK, WAIT_SECONDS = ".making-database", 60.0
# What the embedded server, a process of its own, may write to the same terminal.
_CONSOLE_LEVEL = "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"


def quiet_prefect() -> None:
    """Keep Prefect's log lines out of the terminal; they are in its database and on its pages."""
    setup_logging()
    # Prefect logs what the flow prints. Such a record comes from a line that is not Prefect's own.
    own = logging.StreamHandler(sys.stdout)
    own.addFilter(lambda record: not record.pathname.startswith(_PREFECT))
    for run_logger in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(run_logger).addHandler(own)
    for handler in (*logging.getLogger().handlers, *logging.getLogger("prefect._internal").handlers):
        handler.addFilter(lambda record: not record.name.startswith("prefect"))
    os.environ.setdefault(_CONSOLE_LEVEL, "CRITICAL")


def run_with_server(flow: Any, request: Any, meanwhile: Callable[[], Any] | None = None) -> None:
    """Run a flow, on the embedded server where PREFECT_API_URL names no other; see :func:`start_server`."""
    if PREFECT_API_URL.value():
        start_server(meanwhile)
        gc.freeze()  # imported objects stay, so no collection need visit them
        flow(request)
        return
    home = Path(PREFECT_HOME.value())
    with recorded_command(home) as record:
        start_server(meanwhile)
        close_left(home)
        gc.freeze()
        recording(flow, record)(request)


def start_server(meanwhile: Callable[[], Any] | None = None) -> None:
    """Start the embedded server unless PREFECT_API_URL names another; it ends with this process.

    Parameters
    ----------
    meanwhile : callable, optional
        Run in this process while the server starts.

    Raises
    ------
    EvenhandError
        When the server does not start.
    """
    if PREFECT_API_URL.value():
        return
    # Imported before there are two threads: libraries change the filters of warnings, which threads share.
    from tasks.local.embedded_server import EmbeddedServer

    failures: list[Exception] = []
    finished = _begin_database(Path(PREFECT_HOME.value()))
    # In a thread of its own, so that the main one reacts to ctrl-c while it waits.
    starter = Thread(target=_start, args=(EmbeddedServer(), failures), daemon=True)
    starter.start()
    if meanwhile is not None:
        meanwhile()
    starter.join()
    if failures:
        raise EvenhandError(
            f"Prefect's embedded server did not start on {PREFECT_HOME.value()}: {failures[0]} "
            f"{_CONSOLE_LEVEL}=ERROR shows its log; PREFECT_HOME names another folder."
        ) from failures[0]
    finished.unlink(missing_ok=True)


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


def _start(server: EmbeddedServer, failures: list[Exception]) -> None:
    try:
        server.start()
    except Exception as error:  # noqa: BLE001 - reported by the thread that waits
        failures.append(error)
