"""What every source gives back."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict


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


def described(name: str, data: bytes, table: pa.Table) -> SourceFile:
    """The record of a file whose bytes gave ``table``."""
    return SourceFile(name=name, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data), rows=table.num_rows)


def to_frame(table: pa.Table) -> pd.DataFrame:
    """A frame that does not depend on how many pieces the rows came in, nor on an index somebody once saved."""
    return table.combine_chunks().to_pandas(ignore_metadata=True)
