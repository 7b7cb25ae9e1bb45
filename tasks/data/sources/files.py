"""CSV, Parquet, Excel and GeoJSON files on this machine: a path, a glob, or a folder of them."""

from __future__ import annotations

import glob
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from evenhand.errors import SourceError
from evenhand.problem import CsvSource, ExcelSource, GeoJsonSource, ParquetSource
from tasks.data.sources.excel import read_excel
from tasks.data.sources.fetched import Fetched, brief, check_unique, described, joined
from tasks.data.sources.geojson import read_geojson
from tasks.data.sources.text import read_csv

ENDINGS = {
    "csv": (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz"),
    "parquet": (".parquet", ".pq"),
    "excel": (".xlsx", ".xlsm"),
    "geojson": (".geojson", ".json"),
}
"""Endings of the files of each kind; any other file is taken for a CSV."""


def kind_of(path: str) -> str:
    """Return the kind of source that reads a file or a glob by its ending, or a folder by what is in it.

    Raises
    ------
    SourceError
        When a folder holds files of no kind, or of two.
    """
    if not _is_folder(path):
        return next((kind for kind, endings in ENDINGS.items() if path.lower().endswith(endings)), "csv")
    names = sorted(each.name for each in Path(path).expanduser().iterdir() if each.is_file())
    found = [kind for kind, endings in ENDINGS.items() if any(name.lower().endswith(endings) for name in names)]
    if len(found) == 1:
        return found[0]
    what = f"files of {len(found)} kinds ({', '.join(found)})" if found else "no file that can be read"
    raise SourceError(f"{path} is a folder with {what}; give a glob, such as {path.rstrip('/')}/*.csv")


def fetch_csv(source: CsvSource, cache: Path) -> Fetched:
    """Rows of every matching CSV, in the order of their names."""

    def read(data: bytes, name: str) -> pa.Table:
        return read_csv(data, name, source.delimiter, source.encoding, source.skip)

    return read_files(matching(source.path, "csv"), source.path, read)


def fetch_parquet(source: ParquetSource, cache: Path) -> Fetched:
    """Rows of every matching Parquet file, in the order of their names."""
    return read_files(matching(source.path, "parquet"), source.path, read_parquet)


def fetch_excel(source: ExcelSource, cache: Path) -> Fetched:
    """Rows of a sheet of every matching workbook, in the order of their names."""
    return read_files(matching(source.path, "excel"), source.path, lambda d, n: read_excel(d, n, source.sheet))


def fetch_geojson(source: GeoJsonSource, cache: Path) -> Fetched:
    """Rows of every matching GeoJSON file, in the order of their names."""
    return read_files(matching(source.path, "geojson"), source.path, read_geojson)


def read_files(paths: list[Path], origin: str, read: Callable[[bytes, str], pa.Table]) -> Fetched:
    """Read files by ``read(data, name)`` and put their rows one after the other."""
    parts = []
    for path in paths:
        data = read_bytes(path)
        parts.append(described(str(path), data, read(data, str(path))))
    return joined(parts, origin if len(paths) == 1 else f"{origin} ({len(paths)} files)")


def matching(pattern: str, kind: str = "csv") -> list[Path]:
    """Files that a path or a glob names, or that a folder has of a kind, sorted.

    Raises
    ------
    SourceError
        When there is none.
    """
    is_folder = _is_folder(pattern)
    path = Path(pattern).expanduser()
    if is_folder:
        inside = sorted(each for each in path.iterdir() if each.is_file() and not each.name.startswith("."))
        found = [each for each in inside if each.name.lower().endswith(ENDINGS[kind])]
        if not found:
            endings = ", ".join(ENDINGS[kind])
            raise SourceError(f"{pattern} is a folder without a file that ends in {endings}; give a file or a glob")
        return found
    if path.exists():
        return [path]
    found = sorted(Path(name) for name in glob.glob(str(path), recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
    files = [path for path in found if not path.is_dir()]
    if not files:
        only = " but folders" if found else ""
        raise SourceError(f"{pattern} matches nothing{only}; paths start from {Path.cwd()}")
    return files


def _is_folder(pattern: str) -> bool:
    try:
        path = Path(pattern).expanduser()
        path.exists()
        return path.is_dir()
    except (OSError, RuntimeError) as error:  # no permission on a folder above, a name too long, an unknown ~user
        raise SourceError(f"{pattern} can't be looked up: {brief(error)}") from None


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
