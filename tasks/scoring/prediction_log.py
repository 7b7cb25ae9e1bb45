"""Predictions that were answered, kept with the id of their row, so that labels that come late find them.

A prediction is a line in a file of the home before its answer is sent, so that a killed process loses none; from time
to time the lines become one Parquet file in the store, ``served/<model>/<day>/<uuid>.parquet``. Files that a killed
process has left are sent by the next one.
"""

from __future__ import annotations

import fcntl
import io
import json
import threading
import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from evenhand.errors import StorageError
from tasks.storage.store import open_store

SUFFIX = ".jsonl"


class PredictionLog:
    """Keeps predictions of one registered model.

    Parameters
    ----------
    model : str
        Its name.
    folder : Path
        Of this machine, for what is not in the store yet.
    row_id : str
        Column that identifies a row.
    """

    def __init__(self, model: str, folder: Path, row_id: str) -> None:
        self.model, self.folder, self.row_id = model, folder, row_id
        self._lock = threading.Lock()
        self._file: BinaryIO | None = None

    def add(self, lines: Sequence[bytes]) -> None:
        """Keep predictions, each a JSON object; they are on this machine's disk cache when this returns.

        Raises
        ------
        StorageError
            When they can't be written.
        """
        with self._lock:
            try:
                if self._file is None:
                    self._open()
                assert self._file is not None  # noqa: S101 - it was just opened
                self._file.write(b"\n".join(lines) + b"\n")
                self._file.flush()
            except OSError as error:
                raise StorageError(f"{self.folder} can't be written: {error.strerror or error}") from None

    def send(self) -> int:
        """Store what was kept, and what killed processes have left; return the number of predictions stored.

        Raises
        ------
        StorageError
            When the store can't be written; nothing is lost, and the next call tries again.
        """
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None
        stored = 0
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            with suppress(FileNotFoundError), path.open("rb") as file:  # another process may have sent it
                if _lock(file):  # else another process is writing it
                    stored += self._store(path, file)
        return stored

    def _open(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        name = uuid.uuid4().hex
        partial = self.folder / f".{name}.part"
        self._file = partial.open("ab")
        _lock(self._file)  # before it has the name by which another process would find and send it
        partial.rename(self.folder / f"{name}{SUFFIX}")

    def _store(self, path: Path, file: BinaryIO) -> int:
        rows = _whole_lines(file)
        if rows:
            sink = io.BytesIO()
            frame = pd.DataFrame(rows)
            pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), sink, compression="zstd")
            day = datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat()
            # The name is that of the file, so that a process killed before the next line stores nothing twice.
            open_store().put_bytes(sink.getvalue(), f"served/{self.model}/{day}/{path.stem}.parquet")
        path.unlink(missing_ok=True)
        return len(rows)


def _whole_lines(file: BinaryIO) -> list[dict[str, Any]]:
    """Read the lines; the last one may be cut off by the end of its process, before its answer was sent."""
    rows = []
    for line in file.read().splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def _lock(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
