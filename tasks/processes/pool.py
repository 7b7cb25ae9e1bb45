"""Workers: processes that run units, one thread each. They share rows as mapped files, raw, encoded and resampled.

Not a pool of ``concurrent.futures``: its processes import the program that started them, Prefect included, and when one
dies, all lose what they were at.
"""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from evenhand.errors import EvenhandError
from tasks.processes.mapped_cache import fold_folder
from tasks.settings import ROOT

T = TypeVar("T")

ATTEMPTS = 2
FEWER_ROWS = "fit on fewer rows (max_rows of a model or strategy), or run with RUNNER=threads, which needs less"


class WorkerEnded(EvenhandError):
    """A worker process ended over a unit, and again over the same unit."""


class _Worker:
    """One process; one that ended is started again when it is next asked."""

    def __init__(self, imports: Sequence[str]) -> None:
        self._imports = imports
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    @property
    def pid(self) -> int | None:
        """Id of the process; None where there is none."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process; it imports what it will need while others work."""
        if self._process is None:
            self._process, self._connection = _start(self._imports)

    def ask(self, function: Callable[..., T], args: tuple[object, ...]) -> T:
        """Run a function of a module there; what it raises is raised here.

        Raises
        ------
        EOFError, OSError
            When the process ends over it.
        """
        self.start()
        assert self._connection is not None  # noqa: S101 - there with the process
        self._connection.send((function, args))
        fine, answer = self._connection.recv()
        if not fine:
            raise _Raised(answer)
        result: T = answer
        return result

    def end(self) -> str:
        """End the process, or find out how it ended."""
        if self._process is None or self._connection is None:
            return "not started"
        self._process.kill()
        code = self._process.wait()
        self._connection.close()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"


class _Raised(Exception):
    """What a function raised in the worker: an OSError of its own is not the worker's end."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Workers:
    """As many processes as are asked for; each serves one thread at a time. A context manager.

    Parameters
    ----------
    n : int
        No more than there are cores: each process uses one thread.
    shared : Path or None
        A folder of their own, for rows that they share; removed with them.
    say : callable
        Tells the person who waits when a process ended and its unit is run again.
    imports : sequence of str
        Modules that they import before they are asked.
    saving : str
        What takes less memory, for who reads that a process ended over its work twice.
    """

    def __init__(
        self,
        n: int,
        shared: Path | None,
        say: Callable[[str], None],
        imports: Sequence[str] = ("tasks.training.units",),
        saving: str = FEWER_ROWS,
    ) -> None:
        self.n, self.shared, self._say, self._saving = n, shared, say, saving
        self._all = [_Worker(imports) for _ in range(n)]
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        for worker in self._all:
            self._idle.put(worker)
        self._closed = threading.Event()

    @property
    def together(self) -> None:
        """They can't fit a distributed model: all have this machine's memory."""

    def __enter__(self) -> Workers:
        if self.shared is not None:
            self.shared.mkdir(parents=True)
        try:
            for worker in self._all:
                worker.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        for worker in self._all:
            worker.end()
        if self.shared is not None:
            shutil.rmtree(self.shared, ignore_errors=True)

    @property
    def pids(self) -> list[int]:
        """Ids of the processes that run."""
        return [worker.pid for worker in self._all if worker.pid is not None]

    def run(self, what: str, function: Callable[..., T], *args: object) -> T:
        """Run a function in a process that is free; once more where the process ends over it.

        Parameters
        ----------
        what : str
            Names the work for people.
        function : callable
            Of a module that imports neither Prefect nor MLflow.
        *args
            Small: they are sent there.

        Raises
        ------
        WorkerEnded
            When a second process ends over it, too.
        """
        worker = self._idle.get()
        try:
            for attempt in range(1, ATTEMPTS + 1):
                if self._closed.is_set():
                    raise WorkerEnded(f"{what}: not done, the training is being ended")
                try:
                    return worker.ask(function, args)
                except _Raised as raised:
                    raise raised.error from None
                except (EOFError, OSError):
                    self._ended(worker, what, attempt)
            raise AssertionError("unreachable: the last attempt returns or raises")
        finally:
            self._idle.put(worker)

    def drop(self, fold: int) -> None:
        """Remove what was shared of a fold, all units of which are done."""
        if self.shared is not None:
            shutil.rmtree(fold_folder(self.shared, fold), ignore_errors=True)

    def _ended(self, worker: _Worker, what: str, attempt: int) -> None:
        if self._closed.is_set():
            raise WorkerEnded(f"{what}: not done, the training is being ended")
        how = worker.end()
        if attempt < ATTEMPTS:
            self._say(f"  {what}: its process ended ({how}); it is run again")
            return
        raise WorkerEnded(
            f"{what}: its process ended twice ({how}). SIGKILL means as a rule that memory ran out: give the machine "
            f"more, {self._saving}"
        )


def _start(imports: Sequence[str]) -> tuple[subprocess.Popen[bytes], Connection]:
    here, there = Pipe()
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    # A process is born with the signals blocked that this thread blocks: no ctrl-c before it can tell what to do.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "tasks.processes.worker", str(there.fileno()), *imports],
            stdin=subprocess.PIPE,
            pass_fds=[there.fileno()],
            # Read by every library of threads as it is loaded: one thread a process, never more than cores.
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        there.close()
    return process, here
