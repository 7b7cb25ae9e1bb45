"""The rows of a request, from JSON, CSV, Arrow or Parquet to cells by column; a fault is a sentence for the caller."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evenhand.data.headers import describe_missing, respelled
from evenhand.errors import SourceError
from evenhand.problem import CsvSource, Problem
from evenhand.scoring.cells import Cells
from service.limits import Limits, check_rows
from service.refusals import Refusal
from tasks.data.sources.fetched import check_unique, described, joined
from tasks.data.sources.files import plain_table
from tasks.data.sources.text import read_csv

JSON, CSV = "application/json", "text/csv"
ARROW, PARQUET = "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"
FORMATS = (JSON, CSV, ARROW, PARQUET)
NAME = "the body"
EXPANDED = 16  # times the longest body: what a compressed table may become
_SCALARS = frozenset({str, int, float, bool, type(None)})
_GZIP = b"\x1f\x8b"


class ReadRequest(NamedTuple):
    """The rows of a request.

    Attributes
    ----------
    columns : dict of str to cells
        Those that are needed, and those of ``optional`` that are there.
    n_rows : int
    single : bool
        Whether one row was sent, not a list with one row.
    """

    columns: Mapping[str, Cells]
    n_rows: int
    single: bool = False


class Wanted(NamedTuple):
    """The columns that a request must have, and those that are read if it has them."""

    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()


def media_type(header: str) -> str:
    """Return the format that a ``Content-Type`` names.

    Raises
    ------
    Refusal
        415.
    """
    found = header.partition(";")[0].strip().lower()
    if found not in FORMATS:
        raise Refusal(415, f"Content-Type {found[:80] or 'is not given'}; allowed: {', '.join(FORMATS)}")
    return found


def read_rows(body: bytes, kind: str, problem: Problem, wanted: Wanted, limits: Limits) -> ReadRequest:
    """Read the rows of a body.

    Raises
    ------
    Refusal
        413 for too many rows, 415 for a compressed body, 422 for one that can't be read or lacks a column.
    """
    if body.startswith(_GZIP):
        raise Refusal(415, "the body is gzipped; send it as it is")
    if kind == JSON:
        return _from_json(body, wanted, limits)
    try:
        table = _READERS[kind](body, problem, limits)
        check_unique(table.column_names, NAME)
        check_rows(table.num_rows, limits)
        if table.num_rows == 0:
            raise Refusal(422, f"{NAME} holds not one row")
        frame = joined([described(NAME, b"", plain_table(table, NAME))], NAME).frame
    except SourceError as error:
        raise Refusal(422, str(error)) from None
    return _from_frame(frame, wanted)


def _from_json(body: bytes, wanted: Wanted, limits: Limits) -> ReadRequest:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refusal(422, f"{NAME} is not JSON: {error}") from None
    rows = [content] if isinstance(content, dict) else content
    if not isinstance(rows, list) or not rows or not all(type(row) is dict for row in rows):
        raise Refusal(422, "send one row, an object of column names and cells, or a list of at least one such row")
    check_rows(len(rows), limits)
    try:
        columns = {name: [row[name] for row in rows] for name in wanted.needed}
    except KeyError:
        rows = [_respelled(row, i, wanted) for i, row in enumerate(rows)]
        columns = {name: [row[name] for row in rows] for name in wanted.needed}
    for name in wanted.optional:
        if any(name in row for row in rows):
            columns[name] = [row.get(name) for row in rows]
    for name, cells in columns.items():
        if not _SCALARS.issuperset(map(type, cells)):
            i = next(i for i, cell in enumerate(cells) if type(cell) not in _SCALARS)
            raise Refusal(422, f"row {i}: {name!r} is an object or a list; allowed: text, a number, true, false, null")
    return ReadRequest(columns, len(rows), isinstance(content, dict))


def _respelled(row: dict[str, Any], i: int, wanted: Wanted) -> dict[str, Any]:
    """Name a row's cells as the model does; what a row lacks is named, and is not taken for a missing value."""
    names = respelled(list(row), wanted.needed)
    renamed = {names.get(name, name): cell for name, cell in row.items()}
    if not renamed.keys() >= set(wanted.needed):
        raise Refusal(422, f"row {i}: {describe_missing(list(renamed), wanted.needed, 'row')}. A missing value is null")
    return renamed


def _from_frame(frame: pd.DataFrame, wanted: Wanted) -> ReadRequest:
    found = frame.rename(columns=respelled(list(frame.columns), wanted.needed))
    if not set(wanted.needed) <= set(found.columns):
        raise Refusal(422, f"{NAME}: {describe_missing(list(found.columns), wanted.needed, 'table')}")
    names = [*wanted.needed, *(name for name in wanted.optional if name in found.columns)]
    return ReadRequest({name: found[name] for name in dict.fromkeys(names)}, len(found))


def _read_csv(body: bytes, problem: Problem, limits: Limits) -> pa.Table:
    own = problem.source if isinstance(problem.source, CsvSource) else CsvSource(kind="csv", path="-")
    return read_csv(body, NAME, own.delimiter, own.encoding)


def _read_arrow(body: bytes, problem: Problem, limits: Limits) -> pa.Table:
    rows, size, batches = 0, 0, []
    try:
        with pa.ipc.open_stream(pa.BufferReader(body)) as reader:
            for batch in reader:
                rows, size = rows + batch.num_rows, size + batch.nbytes
                check_rows(rows, limits)
                _check_size(size, limits)
                batches.append(batch)
            table = pa.Table.from_batches(batches, reader.schema)
            table.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{NAME} is no Arrow stream, or a damaged one: {_first_line(error)}") from None
    _check_dictionaries(table, limits)
    return table


def _read_parquet(body: bytes, problem: Problem, limits: Limits) -> pa.Table:
    try:
        source = pa.BufferReader(body)
        described_by = pq.read_metadata(source)
        check_rows(described_by.num_rows, limits)
        groups = (described_by.row_group(i) for i in range(described_by.num_row_groups))
        _check_size(sum(group.total_byte_size for group in groups), limits)
        schema = pq.read_schema(source)
        texts = [f.name for f in schema if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)]
        table = pq.ParquetFile(source, read_dictionary=texts).read()  # texts stay as short as they are in the file
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise SourceError(f"{NAME} is no Parquet file, or a damaged one: {_first_line(error)}") from None
    _check_dictionaries(table, limits)
    return table


_READERS: dict[str, Callable[[bytes, Problem, Limits], pa.Table]] = {
    CSV: _read_csv,
    ARROW: _read_arrow,
    PARQUET: _read_parquet,
}


def _check_dictionaries(table: pa.Table, limits: Limits) -> None:
    """Refuse a table of repeated values that would take too much memory once each row has its own."""
    size = 0
    for column in table.columns:
        if pa.types.is_dictionary(column.type):
            size += sum(_expanded(chunk) for chunk in column.chunks)
    _check_size(size, limits)


def _expanded(chunk: pa.DictionaryArray) -> int:
    values = chunk.dictionary
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return len(chunk) * 16
    lengths = np.asarray(pc.binary_length(values).fill_null(0), dtype=np.int64)
    codes = np.asarray(chunk.indices.drop_null(), dtype=np.int64)
    return int(lengths[codes].sum())


def _check_size(size: int, limits: Limits) -> None:
    if size > limits.max_bytes * EXPANDED:
        raise Refusal(413, f"{NAME} holds more than {limits.max_bytes * EXPANDED:,} bytes once it is unpacked")


def _first_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]


def accepted(header: str, kind: str) -> str:
    """Return the format of the answer: the first one that ``Accept`` names, the request's where it takes any.

    Raises
    ------
    Refusal
        406.
    """
    names: Sequence[str] = [part.partition(";")[0].strip().lower() for part in header.split(",")]
    for name in names:
        if name in FORMATS:
            return name
        if name in ("", "*/*", f"{kind.partition('/')[0]}/*"):
            return kind
    raise Refusal(406, f"Accept {header[:80]}; allowed: {', '.join(FORMATS)}")
