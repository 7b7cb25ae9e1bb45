"""CPU time, wall time and memory of a command and all processes that it starts."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

EVERY = 0.25
HELD_EVERY = 4  # reads of CPU time per read of memory, which the kernel takes long to add up


@dataclass
class Metered:
    """Time, memory and output of a command.

    Attributes
    ----------
    cpu, wall : float
        Seconds; CPU time is that of the whole process tree.
    peak : int
        Bytes: the largest sum of the memory of all its processes, read once per second. A page that several processes
        share counts once (Linux's proportional set size).
    output : list of (str, float, float)
        Lines of its output with the CPU and wall seconds until then.
    """

    cpu: float = 0.0
    wall: float = 0.0
    peak: int = 0
    output: list[tuple[str, float, float]] = field(default_factory=list)

    def until(self, *texts: str) -> tuple[float, float]:
        """Return CPU and wall seconds at the first line that contains one of the texts.

        Raises
        ------
        LookupError
            When no line contains one.
        """
        for line, cpu, wall in self.output:
            if any(text in line for text in texts):
                return cpu, wall
        raise LookupError(f"no line of the command's output contains {' or '.join(texts)}")


class Meter:
    """Adds up CPU time and memory of a process tree; CPU time of processes that have ended is kept."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._seen: dict[tuple[int, float], float] = {}
        self._reads = 0
        self.peak = 0

    def read(self) -> float:
        """Return the CPU seconds so far."""
        held, reads_memory = 0, self._reads % HELD_EVERY == 0
        self._reads += 1
        for process in self._tree():
            try:
                times = process.cpu_times()
                self._seen[process.pid, process.create_time()] = times.user + times.system
                held += process.memory_full_info().pss if reads_memory else 0
            except psutil.Error:  # ended meanwhile
                continue
        self.peak = max(self.peak, held)
        return sum(self._seen.values())

    def _tree(self) -> list[psutil.Process]:
        try:
            return [self._root, *self._root.children(recursive=True)]
        except psutil.Error:
            return []


def metered(command: Sequence[str], log: Path, environment: Mapping[str, str], cwd: Path) -> Metered:
    """Run a command to its end.

    Parameters
    ----------
    command : sequence of str
    log : Path
        File that its output is written to.
    environment : mapping of str to str
    cwd : Path

    Raises
    ------
    RuntimeError
        When it fails; the message names the log.
    """
    done, begun = Metered(), time.monotonic()
    with (
        log.open("w") as file,
        subprocess.Popen(
            command, cwd=cwd, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process,
    ):
        meter, over = Meter(process.pid), threading.Event()

        def watch() -> None:
            while not over.wait(EVERY):
                done.cpu = max(done.cpu, meter.read())

        watching = threading.Thread(target=watch)
        watching.start()
        for line in process.stdout or ():
            file.write(line)
            file.flush()
            done.output.append((line.rstrip("\n"), done.cpu, time.monotonic() - begun))
        code = process.wait()
        over.set()
        watching.join()
    done.wall, done.peak = time.monotonic() - begun, meter.peak
    if code != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {code}; its output is in {log}")
    return done
