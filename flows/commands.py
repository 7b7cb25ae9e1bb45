"""From a request model to a command line: one definition for ``--help``, for Prefect's form and for the flow."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_settings import CliApp

from evenhand.errors import EvenhandError

Request = TypeVar("Request", bound=BaseModel)


def run_command(
    request_type: type[Request], run: Callable[[Request], Any], check: Callable[[Request], Any] | None = None
) -> None:
    """Parse the command line into a request and run it; an error a user can mend is one paragraph and exit code 1.

    What ``check`` refuses is refused before Prefect is started.
    """
    quiet_prefect()
    try:
        request = CliApp.run(request_type)
        if check is not None:
            check(request)
        run(request)
    except EvenhandError as error:
        _stop(f"\n{type(error).__name__}: {error}", 1)
    except ValidationError as error:
        faults = "; ".join(f"--{'.'.join(map(str, e['loc'])).replace('_', '-')}: {e['msg']}" for e in error.errors())
        _stop(f"{faults} (see --help)", 2)
    except KeyboardInterrupt:
        _stop("\nStopped.", 130)


def quiet_prefect() -> None:
    """Leave the terminal to the flow's own words: Prefect's logs stay in its UI and database."""
    for name in ("prefect", "prefect.flow_runs", "prefect.task_runs", "prefect.task_runner", "prefect.server"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _stop(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr, flush=True)
    sys.exit(code)
