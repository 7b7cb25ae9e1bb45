"""The version that answers, and the watch of the ledger that replaces it.

A new version is fetched, checked, read and tried before one assignment puts it in the place of the old one, so that no
request sees half of it. Ledger and MLflow may disagree, or be away: then the last settled champion goes on answering,
for as long as ``unsettled_seconds`` says, and no version is taken up that is not settled.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from evenhand.errors import EvenhandError
from service.logs import log
from service.served import Served, load_served
from service.watch import Sighting, WatchRequest

SILENT_SECONDS = 60.0  # without a line, a watching process is ended and started again
KEPT_FOLDERS = 2
# A tracking server that is away is a fault within seconds, not after minutes of retries.
_WATCH_ENVIRONMENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}


class Champion:
    """The served version and what is known about it.

    Parameters
    ----------
    watched : WatchRequest
    unsettled_seconds : float
        How long the last settled champion answers while ledger and MLflow disagree or can't be read.
    clock : callable
        Monotonic seconds.
    """

    def __init__(
        self, watched: WatchRequest, unsettled_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.watched, self.unsettled_seconds, self._clock = watched, unsettled_seconds, clock
        self.loaded: Served | None = None
        self.fault: str | None = "the ledger has not been read yet"
        self.changed_at: float | None = None
        self.read_at: float | None = None
        self._fault_since = clock()

    @property
    def serving(self) -> Served | None:
        """The version that answers now; None where there is none, or none was settled for too long."""
        late = self.fault is not None and self._clock() - self._fault_since > self.unsettled_seconds
        return None if late else self.loaded

    @property
    def status(self) -> str | None:
        """What is wrong, as a sentence; None when the served version is the settled champion."""
        if self.fault is None or self.loaded is None:
            return self.fault
        if self.serving is None:
            return f"{self.fault}. Version {self.loaded.version} has not been settled for too long and does not answer"
        left = self.unsettled_seconds - (self._clock() - self._fault_since)
        return (
            f"{self.fault}. Version {self.loaded.version}, the last settled champion, answers for another "
            f"{left / 60:.0f} minutes"
        )

    async def take(self, sighting: Sighting) -> None:
        """Take over what the watch has seen."""
        self.read_at = time.time()
        if sighting.state == "fault":
            self.set_fault(sighting.text)
        elif sighting.state == "none":
            if self.loaded is not None:
                log("warning", "no version is champion any more", model=self.loaded.model)
                self.loaded, self.changed_at = None, time.time()
            self.fault = sighting.text
        else:
            await self._follow(sighting)

    def set_fault(self, text: str) -> None:
        """Remember that the champion is not settled, and since when."""
        if self.fault is None or self.loaded is None:
            self._fault_since = self._clock()
        if text != self.fault:
            log("error", text)
        self.fault = text

    async def _follow(self, sighting: Sighting) -> None:
        if self.loaded is None or sighting != self.loaded.sighting:
            try:
                made = await asyncio.to_thread(load_served, self.watched.problem, sighting, self.watched.folder)
            except EvenhandError as error:
                self.set_fault(str(error))
                # Fetched again at the next read: a copy on this machine may have been damaged.
                shutil.rmtree(self.watched.folder / sighting.sha256, ignore_errors=True)
                return
            self.loaded, self.changed_at = made, time.time()
            gc.collect()
            gc.freeze()  # a model has many objects, which no collection need visit
            log("info", "serving", model=made.model, version=made.version, sha256=made.sighting.sha256)
            _drop_old(self.watched.folder)
        self.fault = None


def _drop_old(folder: Path) -> None:
    """Remove the files of all but the latest versions."""
    by_age = sorted((path for path in folder.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for path in by_age[:-KEPT_FOLDERS]:
        shutil.rmtree(path, ignore_errors=True)


async def follow_ledger(champion: Champion) -> None:
    """Run the watching process, again when it ends or is silent, and take over each line of it."""
    while True:
        command = [sys.executable, "-m", "service.watch", champion.watched.model_dump_json()]
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**_WATCH_ENVIRONMENT, **os.environ},
            start_new_session=True,  # ctrl-c is for the service, which ends it
        )
        try:
            await _take_lines(process, champion)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        champion.set_fault("the process that reads the ledger has ended, and is started again")
        await asyncio.sleep(1.0)


async def _take_lines(process: asyncio.subprocess.Process, champion: Champion) -> None:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    while True:
        try:
            line = await asyncio.wait_for(process.stdout.readline(), SILENT_SECONDS)
        except TimeoutError:
            return
        if not line:
            return
        with suppress(ValidationError, json.JSONDecodeError):  # a library's line
            await champion.take(Sighting.model_validate_json(line))
