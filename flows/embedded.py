"""Prefect's embedded server: shielded from ctrl-c, silent, and started before the flow so that a failure is told."""

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
    """Leave the terminal to the flow's own words; Prefect's logs, which hold them too, are in its UI and database."""
    setup_logging()
    # Prefect takes what the flow prints and logs it: such a record comes from a line that is not Prefect's.
    own = logging.StreamHandler(sys.stdout)
    own.addFilter(lambda record: not record.pathname.startswith(_PREFECT))
    for run_logger in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(run_logger).addHandler(own)
    for handler in (*logging.getLogger().handlers, *logging.getLogger("prefect._internal").handlers):
        handler.addFilter(lambda record: not record.name.startswith("prefect"))
    os.environ.setdefault(_CONSOLE_LEVEL, "CRITICAL")


def start_server(meanwhile: Callable[[], Any] | None = None) -> None:
    """Start the embedded server where no other is named; it ends with this process.

    Parameters
    ----------
    meanwhile : callable, optional
        What this process does while the server, another one, starts.

    Raises
    ------
    EvenhandError
        When it does not come up.
    """
    if PREFECT_API_URL.value():
        return
    # Imported before there are two threads: libraries change the filters of warnings, which threads share.
    from prefect.server.api.server import SubprocessASGIServer

    failures: list[Exception] = []
    # A thread of its own, as the main one stays open to ctrl-c while it waits.
    starter = Thread(target=_start_shielded, args=(SubprocessASGIServer(), failures), daemon=True)
    starter.start()
    if meanwhile is not None:
        meanwhile()
    starter.join()
    if failures:
        raise EvenhandError(
            f"Prefect's embedded server did not start on {PREFECT_HOME.value()}: {failures[0]} "
            f"{_CONSOLE_LEVEL}=ERROR shows what it says; PREFECT_HOME names another folder."
        ) from failures[0]


def _start_shielded(server: SubprocessASGIServer, failures: list[Exception]) -> None:
    # Ctrl-c goes to every process of the terminal. A process is born with the signals blocked that this thread blocks:
    # so the server outlives the flow and hears how it ended.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        server.start()
    except Exception as error:  # noqa: BLE001
        failures.append(error)
