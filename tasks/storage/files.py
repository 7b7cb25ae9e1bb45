"""Files, written completely or not at all, and arrays, read by one thread at a time."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np

_reading = threading.Lock()


def write_json(path: Path, content: Any) -> None:
    """Write indented JSON; NaN and infinity are refused."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file as UTF-8."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file."""
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(content)
    temporary.replace(path)


def read_array(path: Path) -> np.ndarray:
    """Read a ``.npy`` file.

    NumPy parses the header as Python. Before Python 3.11.8 and 3.12.2, two threads that do so together may raise a
    ``SystemError`` (CPython's issue 106905).
    """
    with _reading:
        return np.asarray(np.load(path, allow_pickle=False))
