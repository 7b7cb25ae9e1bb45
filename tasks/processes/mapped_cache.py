"""Shared: rows that one process read, encoded or resampled, as files that all of them map into memory."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from evenhand.training.fold_cache import Key, Packed
from tasks.storage.files import read_array

RECORD = "record.json"


class SharedCache:
    """Computes a value once for all processes that share a folder; it takes memory as long as somebody holds it.

    Parameters
    ----------
    folder : Path
        Whoever starts the processes makes and removes it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: Key, compute: Callable[[], Packed]) -> Packed:
        """Return the value of ``key``; what ``compute`` raises is raised each time."""
        place = fold_folder(self._folder, key[0]) / hashlib.sha256(repr(key).encode()).hexdigest()[:24]
        place.parent.mkdir(exist_ok=True)
        with _locked(place.with_suffix(".lock")):
            if not place.is_dir():
                _write(place, compute())
        return _read(place)


def mapped_rows(folder: Path, read: Callable[[], pd.DataFrame], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the raw rows of a training, read by the first process that asks; text takes no memory of a process's own.

    Parameters
    ----------
    folder : Path
        As that of :class:`SharedCache`.
    read : callable
        What it raises is raised each time.
    columns : sequence of str, optional
        These alone, in this order.
    """
    place = folder / "rows.arrow"
    with _locked(place.with_suffix(".lock")):
        if not place.exists():
            table = pa.Table.from_pandas(read(), preserve_index=False)
            partial = place.with_suffix(".part")
            with pa.OSFile(str(partial), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table)
            partial.rename(place)
    with pa.memory_map(str(place)) as source:
        table = pa.ipc.open_file(source).read_all()
        return (table if columns is None else table.select(list(columns))).to_pandas(split_blocks=True)


def fold_folder(shared: Path, fold: int) -> Path:
    """Return the folder of what belongs to a fold: once the fold is done, nobody asks for it again."""
    return shared / str(fold)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that goes with the process that holds it."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(place: Path, packed: Packed) -> None:
    partial = place.with_suffix(".part")
    shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed over it
    partial.mkdir()
    for name, values in packed.arrays.items():
        np.save(partial / f"{name}.npy", values, allow_pickle=False)
    (partial / RECORD).write_text(json.dumps(packed.record), encoding="utf-8")
    partial.rename(place)


def _read(place: Path) -> Packed:
    # Plain arrays, as the libraries know them; the file stays mapped below.
    arrays = {path.stem: read_array(path, mmap_mode="r") for path in sorted(place.glob("*.npy"))}
    return Packed(arrays, json.loads((place / RECORD).read_text(encoding="utf-8")))
