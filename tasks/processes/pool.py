"""A pool of worker processes of one thread each, which run units and share rows as mapped files.

Every worker is a loky executor of one process. When a process ends, only its own executor is broken, and no other one
loses its unit. loky does not import the main program into its processes, and with it Prefect.
"""

from __future__ import annotations

import os
import queue
import re
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from joblib.externals.loky import BrokenProcessPool, ProcessPoolExecutor
from joblib.externals.loky.process_executor import ShutdownExecutorError

from evenhand.errors import EvenhandError
from tasks.processes.worker import call, prepare, ready

T = TypeVar("T")

ATTEMPTS = 2
ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
IMPORTS = ("tasks.training.units",)  # by a process as it starts
# Read by every library of threads as it is loaded: one thread per process, never more than cores.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class WorkerEnded(EvenhandError):
    """A worker process ended over a unit, and so did the next one over the same unit."""


class Workers:
    """A pool of worker processes; each serves one thread at a time. A context manager.

    Parameters
    ----------
    n : int
        Number of processes; no more than there are cores.
    shared : Path or None
        Folder for the rows that they share; made and removed with the pool.
    notify : callable
        Takes a message for the user when a process ended and its unit is run again.
    """

    def __init__(self, n: int, shared: Path | None, notify: Callable[[str], None]) -> None:
        self.n, self.shared, self._notify = n, shared, notify
        self._executors: set[ProcessPoolExecutor] = set()
        self._idle: queue.SimpleQueue[ProcessPoolExecutor] = queue.SimpleQueue()
        self._closed = threading.Event()

    @property
    def together(self) -> None:
        """Worker processes of one machine can't fit a distributed model: they share its memory."""

    def __enter__(self) -> Workers:
        if self.shared is not None:
            self.shared.mkdir(parents=True)
        try:
            for _ in range(self.n):
                self._idle.put(self._start())
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end_processes()
        if self.shared is not None:
            shutil.rmtree(self.shared, ignore_errors=True)

    def end_processes(self) -> None:
        """End the processes, whose memory others need; nothing can be run afterwards. The shared rows stay."""
        self._closed.set()
        while self._executors:
            self._executors.pop().shutdown(kill_workers=True)

    def run(self, what: str, function: Callable[..., T], *args: object) -> T:
        """Run a function in a free process, and once more in a new one if the process ends over it.

        Parameters
        ----------
        what : str
            Names the work in messages.
        function : callable
            Of a module that imports neither Prefect nor MLflow. What it raises is raised here.
        *args
            Small, since they are pickled.

        Raises
        ------
        WorkerEnded
            When a second process ends over it, or the pool is closed meanwhile.
        """
        executor = self._idle.get()
        try:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    result: T = executor.submit(call, function, *args).result()
                    return result
                except (BrokenProcessPool, ShutdownExecutorError) as error:
                    if self._closed.is_set():
                        raise WorkerEnded(f"{what}: not done, the training is being ended") from None
                    executor.shutdown(kill_workers=True)
                    self._executors.discard(executor)
                    executor = self._start()
                    how = _exit_code(error)
                    if attempt < ATTEMPTS:
                        self._notify(f"  {what}: its process ended ({how}); it is run again")
            raise WorkerEnded(
                f"{what}: its process ended twice ({how}). SIGKILL usually means that memory ran out: give the machine "
                "more, fit on fewer rows (max_rows of a model or strategy), or use RUNNER=threads, which needs less"
            )
        finally:
            self._idle.put(executor)

    def _start(self) -> ProcessPoolExecutor:
        # Ctrl-c, the end of a terminal and `kill` of a group go to every process of the group. A new process inherits
        # the signal mask of the thread that starts it, so the training alone decides what ends.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            arguments = (IMPORTS, os.getpid())
            executor = ProcessPoolExecutor(max_workers=1, initializer=prepare, initargs=arguments, env=ONE_THREAD)
            self._executors.add(executor)
            executor.submit(ready)  # loky starts the process with the first task
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        return executor


def _exit_code(error: Exception) -> str:
    found = re.search(r"exit codes of the workers are \{(\w+)", str(error))
    return found[1] if found else str(error)
