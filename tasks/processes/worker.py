"""Worker: a process that works for a training, started by ``tasks.processes.pool``.

``python -m tasks.processes.worker FD MODULE...``.

It imports neither Prefect nor MLflow, so that it is there in two seconds and small.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
import threading
import traceback
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any

from tasks.processes.memory import give_back


def serve(connection: Connection) -> None:
    """Run what is asked, one after the other, until nobody is there to ask."""
    while True:
        try:
            function, args = connection.recv()
        except EOFError:
            return
        connection.send_bytes(_answer(function, args))
        give_back()


def _answer(function: Any, args: tuple[Any, ...]) -> bytes:
    try:
        return pickle.dumps((True, function(*args)))
    except Exception as error:  # noqa: BLE001  whatever it is, it is the asker's
        error.add_note(f"in a worker process:\n{traceback.format_exc()}")
        try:
            return pickle.dumps((False, error))
        except Exception:  # noqa: BLE001  an error that can't travel is told in words
            return pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}")))


def _end_with_parent() -> None:
    # The parent holds the other end and never writes: it is closed when the parent is gone, however it went.
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


def main() -> None:
    """Serve on the connection whose file descriptor is named, after importing the modules that are."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-c reaches the whole terminal: the parent decides what ends
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    gc.disable()  # what is imported stays: collections need not look at it again and again
    for name in sys.argv[2:]:
        import_module(name)
    gc.enable()
    gc.collect()
    gc.freeze()
    serve(Connection(int(sys.argv[1])))


if __name__ == "__main__":
    main()
