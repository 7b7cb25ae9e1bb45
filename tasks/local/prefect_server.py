"""Prefect's embedded server, started before the flow, and the terminal left to the lines of the flow."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import prefect
from prefect.logging.configuration import setup_logging
from prefect.settings import PREFECT_API_URL, PREFECT_HOME

from evenhand.errors import EvenhandError

if TYPE_CHECKING:
    from prefect.server.api.server import SubprocessASGIServer

_PREFECT = str(Path(prefect.__file__).parent)
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
    from prefect.server.api.server import SubprocessASGIServer

    failures: list[Exception] = []
    # In a thread of its own, so that the main one reacts to ctrl-c while it waits.
    starter = Thread(target=_start_shielded, args=(SubprocessASGIServer(), failures), daemon=True)
    starter.start()
    if meanwhile is not None:
        meanwhile()
    starter.join()
    if failures:
        raise EvenhandError(
            f"Prefect's embedded server did not start on {PREFECT_HOME.value()}: {failures[0]} "
            f"{_CONSOLE_LEVEL}=ERROR shows its log; PREFECT_HOME names another folder."
        ) from failures[0]


def _start_shielded(server: SubprocessASGIServer, failures: list[Exception]) -> None:
    # Ctrl-c goes to every process of the terminal. A new process inherits the signal mask of the thread that starts it:
    # the server outlives the flow and records how it ended.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        server.start()
    except Exception as error:  # noqa: BLE001 - reported by the thread that waits
        failures.append(error)
