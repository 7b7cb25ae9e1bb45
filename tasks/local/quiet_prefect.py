"""The terminal left to the lines of the flow: Prefect's own lines are in its database and on its pages."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import prefect
from prefect.logging.configuration import setup_logging

_PREFECT = str(Path(prefect.__file__).parent)


def quiet_prefect() -> None:
    """Keep the log lines of Prefect, and of the connection to its server, out of the terminal."""
    setup_logging()
    # Prefect logs what the flow prints. Such a record comes from a line that is not Prefect's own.
    own = logging.StreamHandler(sys.stdout)
    own.addFilter(lambda record: not record.pathname.startswith(_PREFECT))
    for run_logger in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(run_logger).addHandler(own)
    for handler in (*logging.getLogger().handlers, *logging.getLogger("prefect._internal").handlers):
        handler.addFilter(lambda record: not record.name.startswith(("prefect", "websockets")))
