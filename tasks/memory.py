"""Memory: what is free inside this process goes back to the machine, where other processes need it."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable

import pyarrow as pa


def give_back() -> None:
    """Return free memory to the operating system; without the GNU C library, Arrow's alone.

    Allocators keep what they were given: a step that held three copies of the rows for a second would hold their
    memory to the end of the training. Milliseconds, so it is done after each step and each fit.
    """
    pa.default_memory_pool().release_unused()
    if _trim is not None:
        _trim(0)


def _gnu_trim() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)


_trim = _gnu_trim()
