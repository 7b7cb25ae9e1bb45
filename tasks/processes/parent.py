"""A process that ends with the one that started it, however that one ends."""

from __future__ import annotations

import os
import threading
import time

SECONDS_BETWEEN_CHECKS = 1


def end_with_parent(parent: int) -> None:
    """Watch the process that started this one, and end soon after it; it may have ended already."""
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_CHECKS)
    os._exit(1)
