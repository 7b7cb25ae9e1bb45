"""From a request model to a command line: one definition for ``--help``, for Prefect's form and for the flow."""

from __future__ import annotations

import gc
import signal
import sys
import warnings
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn, TypeVar

from prefect import Flow
from pydantic import BaseModel, ValidationError
from pydantic_settings import CliApp

from evenhand.errors import EvenhandError
from flows.embedded import quiet_prefect, start_server

Request = TypeVar("Request", bound=BaseModel)
UNSHOWN = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)  # as Python has it, unasked


def run_command(
    request_type: type[Request],
    run: Callable[[Request], Any],
    check: Callable[[Request], Any] | None = None,
    meanwhile: Callable[[], Any] | None = None,
) -> None:
    """Parse the command line into a request and run it; an error a user can mend is one paragraph and exit code 1.

    What ``check`` refuses is refused before Prefect is started; ``meanwhile`` is done while its server starts.
    """
    quiet_prefect()
    hide_developers_warnings()
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _end)  # not the default, which would leave the embedded server behind
    try:
        request = CliApp.run(request_type)
        if check is not None:
            check(request)
        if isinstance(run, Flow):
            start_server(meanwhile)
        gc.freeze()  # what is imported stays: no collection need look at it again
        run(request)
    except EvenhandError as error:
        _stop(f"\n{type(error).__name__}: {error}", 1)
    except ValidationError as error:
        faults = "; ".join(f"--{'.'.join(map(str, e['loc'])).replace('_', '-')}: {e['msg']}" for e in error.errors())
        _stop(f"{faults} (see --help)", 2)
    except KeyboardInterrupt:
        _stop("\nStopped.", 130)
    finally:
        # Python ends with a last collection, which takes seconds over what the libraries have loaded. It frees nothing
        # that the end of the process does not free.
        gc.freeze()


def hide_developers_warnings() -> None:
    """Show no warning that is meant for a library's developers, but where ``-W`` or ``PYTHONWARNINGS`` asks for it.

    Python hides them by filters, which threads share: where two of them are in ``catch_warnings``, as libraries often
    are, the one that leaves last may put the other's filters back, to stay.
    """
    if sys.warnoptions:
        return
    show = warnings.showwarning

    def show_others(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if not issubclass(category, UNSHOWN):
            show(message, category, *where, **more)

    warnings.showwarning = show_others


def _end(number: int, frame: FrameType | None) -> NoReturn:
    _stop("\nStopped.", 128 + number)


def _stop(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr, flush=True)
    sys.exit(code)
