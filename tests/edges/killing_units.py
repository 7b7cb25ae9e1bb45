"""Units of work that kill their own process."""

import os
import signal
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
