"""CSV and Parquet files on this machine: a path, or a glob of them."""

from __future__ import annotations

import glob
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from evenhand.errors import SourceError
from evenhand.problem import CsvSource, ParquetSource
from tasks.data.sources.fetched import Fetched, brief, check_unique, described, joined
from tasks.data.sources.text import read_csv


def fetch_csv(source: CsvSource, cache: Path) -> Fetched:
    """Rows of every matching CSV, in the order of their names."""
    return read_files(
        matching(source.path), source.path, lambda d, n: read_csv(d, n, source.delimiter, source.encoding)
    )


def fetch_parquet(source: ParquetSource, cache: Path) -> Fetched:
    """Rows of every matching Parquet file, in the order of their names."""
    return read_files(matching(source.path), source.path, read_parquet)


def read_files(paths: list[Path], origin: str, read: Callable[[bytes, str], pa.Table]) -> Fetched:
    """Read files by ``read(data, name)`` and put their rows one after the other."""
    parts = []
    for path in paths:
        data = read_bytes(path)
        parts.append(described(str(path), data, read(data, str(path))))
    return joined(parts, origin if len(paths) == 1 else f"{origin} ({len(paths)} files)")


def matching(pattern: str) -> list[Path]:
    """Files that a path or a glob names, sorted.

    Raises
    ------
    SourceError
        When there is none, or the path is a folder.
    """
    try:
        path = Path(pattern).expanduser()
        is_folder, exists = path.is_dir(), path.exists()
    except (OSError, RuntimeError) as error:  # no permission on a folder above, a name too long, an unknown ~user
        raise SourceError(f"{pattern} can't be looked up: {brief(error)}") from None
    if is_folder:
        raise SourceError(f"{pattern} is a folder; give a file, or a glob such as {pattern.rstrip('/')}/*.csv")
    if exists:
        return [path]
    found = sorted(Path(name) for name in glob.glob(str(path), recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
    files = [path for path in found if not path.is_dir()]
    if not files:
        only = " but folders" if found else ""
        raise SourceError(f"{pattern} matches nothing{only}; paths start from {Path.cwd()}")
    return files


def read_bytes(path: Path) -> bytes:
    """All of a regular file; anything that could block or never end is refused."""
    try:
        if not path.is_file():
            raise SourceError(f"{path} is not a regular file")
        return path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path} can't be read: {brief(error)}") from None


def read_parquet(data: bytes, name: str) -> pa.Table:
    """Parse a Parquet file; its columns keep their types, and dictionary-encoded ones are plain again.

    Raises
    ------
    SourceError
        When it is no Parquet, damaged, has no rows or names a column twice.
    """
    try:
        table = plain_table(pq.ParquetFile(pa.BufferReader(data)).read(), name)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{name}: is no Parquet file, or a damaged one: {brief(error)}") from None
    check_unique(table.column_names, name)
    if table.num_rows == 0:
        raise SourceError(f"{name}: holds {table.num_columns} columns and not one row")
    return table


def plain_table(table: pa.Table, name: str) -> pa.Table:
    """Return a table whose dictionary-encoded columns are plain.

    Raises
    ------
    SourceError
        When a value is not one of its dictionary.
    """
    plain = [pa.field(f.name, _plain(f.type), f.nullable) for f in table.schema]
    try:
        return table.cast(pa.schema(plain))
    except pa.ArrowException as error:
        raise SourceError(f"{name}: its columns can't be read: {brief(error)}") from None


def _plain(type_: pa.DataType) -> pa.DataType:
    return type_.value_type if pa.types.is_dictionary(type_) else type_
