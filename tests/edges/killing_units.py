"""Units of work for tests of worker processes: some kill the process they run in."""

import os
import signal
import sys
import time
from pathlib import Path


def kill_once(mark):
    if not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def sleep_long(mark):
    Path(mark).touch()
    time.sleep(60)


def kill_always(*_arguments):
    os.kill(os.getpid(), signal.SIGKILL)


def loaded(module):
    return module in sys.modules


def meet(*marks):
    """Return the process, when as many have come as there are marks."""
    for mark in marks:
        try:
            Path(mark).touch(exist_ok=False)
            break
        except FileExistsError:
            continue
    while not all(Path(mark).exists() for mark in marks):
        time.sleep(0.02)
    return os.getpid()


def wait_for(mark):
    """Return how often it was begun, once the mark is there."""
    waiting = Path(f"{mark}.waiting")
    with waiting.open("a") as file:
        file.write("x")
    while not Path(mark).exists():
        time.sleep(0.02)
    return len(waiting.read_text())


class Unpicklable(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} {two}")


def fail_unpicklably():
    raise Unpicklable("two", "words")


def blocks_ctrl_c():
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())
