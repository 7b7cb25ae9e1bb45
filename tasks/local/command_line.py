"""From a request model to a command line: one definition for ``--help``, for Prefect's form and for the flow."""

from __future__ import annotations

import gc
import signal
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import FrameType
from typing import Any, Generic, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_settings import CliApp, SettingsError

from evenhand.errors import EvenhandError
from evenhand.text.printable import printable
from tasks.local.prefect_server import started_server
from tasks.local.services import check_services
from tasks.processes.command_start import mark_start

Request = TypeVar("Request", bound=BaseModel)
# Packages whose errors are those of a service that they speak to.
SERVICES = ("mlflow", "sqlalchemy", "botocore", "httpx", "requests", "urllib3", "sqlite3")
# Python's own choice for a program that is not under test.
HIDDEN_WARNINGS = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)


@dataclass(frozen=True)
class FlowCommand(Generic[Request]):
    """A flow that is run as a command; its module is imported after the first line is printed.

    Attributes
    ----------
    first_line : callable
        Says what begins; it may refuse the request, and needs no library that takes long to import.
    module : str
    flow, prepare : str
        Names in the module: the flow, and what is called with the request while Prefect's server starts.
    """

    first_line: Callable[[Request], str]
    module: str
    flow: str
    prepare: str


def run_flow(request_type: type[Request], command: FlowCommand[Request]) -> None:
    """Run a Prefect flow as a command, on the embedded server where no other is named."""

    def run(request: Request) -> None:
        print(printable(command.first_line(request)), flush=True)  # noqa: T201 - a command prints
        check_services(("Prefect", "store"))
        with started_server() as server:
            module = import_module(command.module)
            from tasks.local.quiet_prefect import quiet_prefect

            quiet_prefect()
            getattr(module, command.prepare)(request)
            flow = getattr(module, command.flow)
            if server is not None:
                flow = server.ready(flow)
            gc.freeze()  # imported objects stay, so no collection need visit them
            flow(request)

    run_command(request_type, run)


def run_command(request_type: type[Request], run: Callable[[Request], Any]) -> None:
    """Parse the command line into a request and run it; an error of the user is one paragraph and exit code 1."""
    mark_start()
    hide_developers_warnings()
    if "prefect" in sys.modules:  # a command that did without it need not import it for this
        from tasks.local.quiet_prefect import quiet_prefect

        quiet_prefect()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)  # not the default, which would leave servers and workers behind
    try:
        request = CliApp.run(request_type)
        check_services(("MLflow",))
        run(request)
    except EvenhandError as error:
        _stop(f"\n{type(error).__name__}: {error}", 1)
    except ValidationError as error:
        faults = "; ".join(f"--{'.'.join(map(str, e['loc'])).replace('_', '-')}: {e['msg']}" for e in error.errors())
        _stop(f"{faults} (see --help)", 2)
    except SettingsError as error:
        reason = error.__cause__ or error.__context__ or error
        _stop(f"{error}: {reason}; a value that holds quotes or brackets is a JSON list: '[\"...\"]' (see --help)", 2)
    except KeyboardInterrupt:
        _stop("\nStopped.", 130)
    except Exception as error:
        fault = environment_fault(error)
        if fault is None:
            raise
        _stop(f"\n{fault}", 1)
    finally:
        # Python ends with a collection, which takes seconds over what the libraries have loaded and frees nothing that
        # the end of the process does not free.
        gc.freeze()


def environment_fault(error: BaseException) -> str | None:
    """Describe an error that is the machine's or a service's fault, not this program's; None for any other error."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError) and found.errno is not None:
            where = f" at {found.filename}" if found.filename else ""
            return f"{found.strerror or found}{where}. Free space or mend the permissions, then run the command again."
        if type(found).__module__.partition(".")[0] in SERVICES:
            text = " ".join(str(getattr(found, "orig", None) or found).split())[:500]
            return f"{type(found).__module__.partition('.')[0]}: {text}"
        found = found.__cause__ or found.__context__
    return None


def hide_developers_warnings() -> None:
    """Hide warnings that are meant for a library's developers, unless ``-W`` or ``PYTHONWARNINGS`` asks for them.

    Python hides them by filters, which threads share: when two threads are in ``catch_warnings``, as libraries often
    are, the one that leaves last may restore the filters of the other for good.
    """
    if sys.warnoptions:
        return
    show = warnings.showwarning

    def show_others(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if not issubclass(category, HIDDEN_WARNINGS):
            show(message, category, *where, **more)

    warnings.showwarning = show_others


def _end(number: int, frame: FrameType | None) -> NoReturn:
    _stop("\nStopped.", 128 + number)


def _stop(message: str, code: int) -> NoReturn:
    # Not by `print`, which Prefect turns into a log line where a signal interrupts a flow.
    sys.stderr.write(printable(message, lines=True) + "\n")
    sys.stderr.flush()
    sys.exit(code)
