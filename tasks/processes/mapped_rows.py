"""The raw rows of a training as one Arrow file, which all of its processes map into memory.

Without it each process holds the rows itself; docs/decisions/0004-own-machines.md has the figures.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa


def mapped_rows(folder: Path, read: Callable[[], pd.DataFrame], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the raw rows of a training, which the first process that asks reads; text is not copied.

    Parameters
    ----------
    folder : Path
        A folder that the processes of the training share; whoever starts them makes and removes it.
    read : callable
        Reads the rows; what it raises is raised each time.
    columns : sequence of str, optional
        Only these, in this order.
    """
    path = folder / "rows.arrow"
    with _locked(path.with_suffix(".lock")):
        if not path.exists():
            table = pa.Table.from_pandas(read(), preserve_index=False)
            partial = path.with_suffix(".part")
            with pa.OSFile(str(partial), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table)
            partial.rename(path)
    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all()
        return (table if columns is None else table.select(list(columns))).to_pandas(split_blocks=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock, which the operating system releases when the process ends."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
