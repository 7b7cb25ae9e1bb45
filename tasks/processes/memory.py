"""Return free memory of this process to the machine, where other processes need it.

Saves a fifth of the peak of a training on Toronto (docs/decisions/0004-own-machines.md).
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable

import pyarrow as pa


def give_back() -> None:
    """Collect garbage and return free memory to the operating system.

    Without it the memory of a short-lived copy of the rows stays with the process to its end. It takes milliseconds
    where imported objects are frozen (``gc.freeze``), as in a training and its worker processes.
    """
    gc.collect()
    trim()


def trim() -> None:
    """Return free memory to the operating system: Arrow's, and with the GNU C library that of ``malloc``."""
    pa.default_memory_pool().release_unused()
    if _trim is not None:
        _trim(0)


def _gnu_trim() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)


_trim = _gnu_trim()
