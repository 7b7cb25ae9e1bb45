"""Units of work that kill the process they run in."""

import os
import signal


def kill_once(mark):
    if not os.path.exists(mark):
        open(mark, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def kill_always():
    os.kill(os.getpid(), signal.SIGKILL)
