"""CSV bytes to a table of raw cells. Anything doubtful is refused, with its line, rather than guessed."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import sys
import zlib
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.csv as pa_csv

from evenhand.errors import SourceError
from tasks.data.sources.fetched import brief, check_unique

DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
_GZIP = b"\x1f\x8b"
_LARGEST_BLOCK = 2**31 - 1


def read_csv(data: bytes, name: str, delimiter: str = ",", encoding: str = "utf-8") -> pa.Table:
    r"""Parse a CSV, gzipped or not.

    Parameters
    ----------
    data : bytes
        The whole file. A byte order mark is dropped.
    name : str
        Name of the file, for messages.
    delimiter, encoding : str
        As the problem's source says.

    Returns
    -------
    pyarrow.Table
        Every column is text. An empty cell is null; nothing else is, not even ``NA``.

    Raises
    ------
    SourceError
        When the file is empty, holds no rows, is cut off, has another encoding or delimiter, names a column twice, or
        has a row of more or fewer fields than its header.

    Examples
    --------
    >>> read_csv(b"age,city\n31,NA\n,York\n", "people.csv").to_pydict()
    {'age': ['31', None], 'city': ['NA', 'York']}
    """
    text = _decoded(_unzipped(data, name), name, encoding)
    header = _header(text, name, delimiter)
    table = _parsed(text, header, name, delimiter)
    if table.num_rows == 0:
        raise SourceError(f"{name}: holds a header of {len(header)} columns and not one row")
    return table


def _unzipped(data: bytes, name: str) -> bytes:
    if not data.startswith(_GZIP):
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, OSError, zlib.error) as error:
        raise SourceError(f"{name}: is gzipped, but cut off or damaged ({error}); fetch it again") from None


def _decoded(data: bytes, name: str, encoding: str) -> str:
    if data.startswith(b"PK\x03\x04"):
        raise SourceError(f"{name}: is a zip archive or a spreadsheet, not a CSV; unpack it or save it as CSV")
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise SourceError(_wrong_encoding(data, name, encoding, error)) from None
    except (LookupError, UnicodeError) as error:
        raise SourceError(
            f"{name}: encoding {encoding!r} can't be used: {error}; try utf-8, latin-1 or cp1252"
        ) from None
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        raise SourceError(f"{name}: line {line} holds a NUL byte, which no text has; the file is binary or damaged")
    if not text.strip():
        raise SourceError(f"{name}: is empty")
    return text


def _wrong_encoding(data: bytes, name: str, encoding: str, error: UnicodeDecodeError) -> str:
    guess = "utf-16" if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "latin-1 or cp1252"
    # With utf-8-sig the position counts from behind the byte order mark.
    position = error.start + (len(data) - len(error.object))
    line = data.count(b"\n", 0, position) + 1
    return (
        f"{name}: byte {position} (line {line}) is not {encoding}: 0x{data[position]:02x}. "
        f"Save the file as UTF-8, or give the source its encoding, perhaps {guess}"
    )


def _header(text: str, name: str, delimiter: str) -> list[str]:
    header = next(row for _, row in _records(text[: 1 << 20], delimiter) if row)
    check_unique(header, name)
    if len(header) == 1:
        for other, called in DELIMITERS.items():
            if other != delimiter and other in header[0]:
                raise SourceError(
                    f"{name}: has one column, {header[0][:80]!r}, whose name holds {called}; the delimiter is perhaps "
                    f"{other!r}, not {delimiter!r}: give the source its delimiter"
                )
    return header


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each record and the line it starts on: slow, so for the header and for finding a fault."""
    csv.field_size_limit(sys.maxsize)  # by default a cell of more than 128 KiB is an error
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    line = 1
    for row in reader:
        yield line, row
        line = reader.line_num + 1


def _parsed(text: str, header: list[str], name: str, delimiter: str) -> pa.Table:
    if text.count('"') % 2:
        _refuse_open_quote(text, name, delimiter)
    data = text.encode()
    try:
        table = pa_csv.read_csv(
            pa.BufferReader(data),
            # One block: a row may be of any length.
            read_options=pa_csv.ReadOptions(block_size=min(len(data) + 1, _LARGEST_BLOCK)),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.large_string()), null_values=[""], strings_can_be_null=True
            ),
        )
    except pa.ArrowInvalid as error:
        raise SourceError(_ragged(text, header, name, delimiter) or f"{name}: {brief(error)}") from None
    if table.column_names != header:  # else a column would have a type that was guessed
        raise SourceError(f"{name}: the header can't be read: {table.column_names[:5]} or {header[:5]}")
    return table


def _refuse_open_quote(text: str, name: str, delimiter: str) -> None:
    end = "the end"
    line, last = max(_records(f"{text}\n{end}", delimiter), key=lambda record: record[0])
    if last != [end]:
        raise SourceError(f"{name}: the record of line {line} opens a quote that never closes; the file may be cut off")


def _ragged(text: str, header: list[str], name: str, delimiter: str) -> str | None:
    for line, row in _records(text, delimiter):
        if row and len(row) != len(header):
            hint = "the file may be cut off" if len(row) < len(header) else "is a cell that holds a delimiter unquoted?"
            return f"{name}: line {line} has {len(row)} fields, the header has {len(header)} ({hint})"
    return None
