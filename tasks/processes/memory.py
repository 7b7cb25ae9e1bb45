"""Memory: what is free inside this process goes back to the machine, where other processes need it."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable

import pyarrow as pa


def give_back() -> None:
    """Free what nobody can reach any more, and return it to the operating system.

    A step that held three copies of the rows for a second would hold their memory to the end of the training. It takes
    milliseconds where what is imported is frozen (``gc.freeze``), as in a training and its worker processes.
    """
    gc.collect()
    trim()


def trim() -> None:
    """Return free memory to the operating system; without the GNU C library, Arrow's alone."""
    pa.default_memory_pool().release_unused()
    if _trim is not None:
        _trim(0)


def _gnu_trim() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)


_trim = _gnu_trim()
