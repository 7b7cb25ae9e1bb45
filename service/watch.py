"""The process that reads the ledger for the service: it fetches the champion's files and reports each state as a line.

Reading the ledger imports MLflow and takes tens of milliseconds of Python each time. In a process of its own it delays
no answer, and a fault of it stops none.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import time
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from evenhand.errors import EvenhandError, GateError
from tasks.data.problems import load_problem
from tasks.local.command_line import environment_fault
from tasks.registry.model_versions import model_name
from tasks.scoring.champion_files import fetch_files
from tasks.scoring.choose_version import NoChampion, choose_version


class WatchRequest(BaseModel):
    """Report the champion of a problem until the standard input ends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str
    folder: Path = Field(description="for the champion's files")
    seconds: float = Field(default=3.0, gt=0, description="between two reads of the ledger")


class Sighting(BaseModel):
    """The champion at one moment.

    ``champion`` is settled: ledger and MLflow agree, and its files are there and checked. ``none`` is settled, too: a
    rollback left no champion, or none was promoted yet. ``fault`` decides nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: Literal["champion", "none", "fault"]
    text: str = ""
    model: str = ""
    version: str = ""
    sha256: str = ""
    problem_sha256: str = ""


def sight(request: WatchRequest) -> Sighting:
    """Read the ledger once, and fetch the champion's files where they are not there yet."""
    try:
        problem = load_problem(request.problem)
        version = choose_version(model_name(problem.name))
        fetch_files(version, request.folder)
    except NoChampion as error:
        return Sighting(state="none", text=str(error))
    except EvenhandError as error:
        return Sighting(state="fault", text=str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, the champion stays, and /ready has the text
        return Sighting(state="fault", text=environment_fault(error) or f"{type(error).__name__}: {error}")
    return Sighting(
        state="champion",
        model=version.name,
        version=version.version,
        sha256=version.model_sha256,
        problem_sha256=problem_sha256(request.problem),
    )


def problem_sha256(problem: str) -> str:
    """Hash a problem file as it is read, so that a changed one is noticed."""
    return hashlib.sha256(load_problem(problem).model_dump_json().encode()).hexdigest()


def watch(request: WatchRequest) -> None:
    """Print a line of JSON per read, until the process at the other end of the standard input is gone."""
    over = threading.Event()
    threading.Thread(target=_wait_for_end, args=(over,), daemon=True).start()
    while not over.is_set():
        begun = time.monotonic()
        print(sight(request).model_dump_json(), flush=True)  # noqa: T201 - the pipe to the service
        over.wait(max(0.0, request.seconds - (time.monotonic() - begun)))
    os._exit(0)  # a library's thread may still wait for a server that does not answer


def _wait_for_end(over: threading.Event) -> None:
    sys.stdin.buffer.read()
    over.set()
    time.sleep(1.0)
    os._exit(0)  # in the middle of a read that hangs


if __name__ == "__main__":
    try:
        watch(WatchRequest.model_validate_json(sys.argv[1]))
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(0)
    except GateError as error:
        sys.exit(str(error))
