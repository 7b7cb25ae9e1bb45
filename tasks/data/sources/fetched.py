"""What every source gives back, and how several files become one table."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from evenhand.errors import SourceError

# Whole numbers with gaps keep their type.
_WHOLE = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.UInt8Dtype(),
    pa.uint16(): pd.UInt16Dtype(),
    pa.uint32(): pd.UInt32Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
}


class SourceFile(BaseModel):
    """One file that rows came from; ``sha256`` is of the bytes as they were found (gzipped, if they were)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sha256: str
    bytes: int
    rows: int


@dataclass(frozen=True)
class Fetched:
    """Rows of a data set and where they came from.

    ``frame`` holds raw cells: text for CSV (an empty cell is missing, nothing else is), the file's own types for
    Parquet. ``origin`` is for people.
    """

    frame: pd.DataFrame
    origin: str
    files: tuple[SourceFile, ...] = ()
    synthetic: bool = False


def described(name: str, data: bytes, table: pa.Table) -> tuple[SourceFile, pa.Table]:
    """Pair a table with the record of the file whose bytes it was read from."""
    sha256 = hashlib.sha256(data).hexdigest()
    return SourceFile(name=name, sha256=sha256, bytes=len(data), rows=table.num_rows), table


def joined(parts: Sequence[tuple[SourceFile, pa.Table]], origin: str) -> Fetched:
    """All rows of all files in their order; columns are matched by name and stand as in the first file.

    Raises
    ------
    SourceError
        When a file has other columns than the first, or one of a type that does not go with the first's.
    """
    first, table = parts[0]
    columns = table.column_names
    for file, other in parts:
        check_columns(other.column_names, columns, file.name, of=first.name)
    try:
        table = pa.concat_tables((t for _, t in parts), promote_options="permissive")  # by name
    except pa.ArrowException as error:
        raise SourceError(f"{origin}: the files do not go together: {brief(error)}") from None
    # One chunk and no saved index: the frame must not depend on how the rows were cut up.
    table = table.combine_chunks()
    frame = table.to_pandas(ignore_metadata=True)
    for name in columns:  # as float64, a large number would be another one
        kind = _WHOLE.get(table[name].type)
        if kind is not None and table[name].null_count:
            frame[name] = table[name].to_pandas(types_mapper=_WHOLE.get)
    return Fetched(frame=frame, origin=origin, files=tuple(file for file, _ in parts))


def brief(error: Exception) -> str:
    """Put what a library says on one line."""
    return " ".join(str(error).split())[:200]


def check_columns(columns: Iterable[str], expected: Iterable[str], name: str, of: str) -> None:
    """Refuse a file whose columns are not the ``expected`` ones, in any order; ``of`` says whose those are."""
    found, wanted = list(columns), list(expected)
    missing = [c for c in wanted if c not in found]
    extra = [c for c in found if c not in wanted]
    if missing or extra:
        faults = [f"{what}: {', '.join(cs)}" for what, cs in (("missing", missing), ("extra", extra)) if cs]
        raise SourceError(f"{name}: the columns differ from those of {of}; {'; '.join(faults)}")


def check_unique(columns: Iterable[str], name: str) -> None:
    """Refuse a file that names a column twice."""
    names = list(columns)
    twice = sorted({c for c in names if names.count(c) > 1})
    if twice:
        raise SourceError(
            f"{name}: {', '.join(map(repr, twice))} is the name of more than one column; each needs a name of its own "
            "(is the header line missing?)"
        )
