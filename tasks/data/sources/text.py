"""CSV bytes to a table of raw cells. Anything doubtful is refused, with its line, rather than guessed."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import sys
import zlib
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from evenhand.errors import SourceError
from tasks.data.sources.fetched import brief, check_unique

DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
_SEP_LINE = re.compile(r"sep=.?", re.IGNORECASE)
_GZIP = b"\x1f\x8b"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_LARGEST_BLOCK = 2**31 - 1


def read_csv(data: bytes, name: str, delimiter: str = ",", encoding: str = "utf-8", skip: int = 0) -> pa.Table:
    r"""Parse a CSV, gzipped or not.

    Parameters
    ----------
    data : bytes
        The whole file. A byte order mark is dropped.
    name : str
        Name of the file, for messages.
    delimiter, encoding : str
        As the problem's source says.
    skip : int
        Lines above the header that are left out.

    Returns
    -------
    pyarrow.Table
        Every column is text. An empty cell is null; nothing else is, not even ``NA``. A line ``sep=;`` before the
        header and empty columns behind the last name are left out.

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
    text = _below(without_sep_line(decoded(unzipped(data, name), name, encoding)), skip)
    found = next((row for _, row in _records(text[: 1 << 20], delimiter) if row), None)
    if found is None:
        raise SourceError(f"{name}: holds nothing below the {skip} lines that are left out")
    header = _header(found, name, delimiter)
    try:
        table = _parsed(text, _numbered(found, len(header)), name, delimiter)
    except SourceError:
        shorter = _without_trailing(text, len(header), delimiter)
        if shorter is None:
            raise
        table = _parsed(shorter, header, name, delimiter)
    table = _without_unnamed(table, header, name)
    if table.num_rows == 0:
        raise SourceError(f"{name}: holds a header of {len(header)} columns and not one row")
    return table


def without_sep_line(text: str) -> str:
    r"""Leave out the line that names the delimiter of a CSV to Excel.

    Examples
    --------
    >>> without_sep_line("sep=;\r\na;b\r\n")
    'a;b\r\n'
    """
    first = text.split("\n", 1)
    return first[1] if len(first) == 2 and _SEP_LINE.fullmatch(first[0].strip("\r ")) else text


def _below(text: str, skip: int) -> str:
    """Empty the lines above the header; a message about a line has its number in the file."""
    if not skip:
        return text
    rest = text.split("\n", skip)
    return "\n" * skip + (rest[skip] if len(rest) > skip else "")


def _numbered(found: list[str], named: int) -> list[str]:
    """Return the header as Arrow would read it: columns behind the last name are unnamed."""
    return [*found[:named], *("" for _ in found[named:])]


def _without_unnamed(table: pa.Table, header: list[str], name: str) -> pa.Table:
    """Leave out the columns behind the last name, as programs for tables write them; they must be empty."""
    for number in range(len(header), table.num_columns):
        full = table.column(number)
        if full.null_count < len(full):
            line = int(np.flatnonzero(full.is_valid().to_numpy(zero_copy_only=False))[0]) + 2
            raise SourceError(
                f"{name}: column {number + 1} has no name in the header, and line {line} has a value there; "
                "name the column, or is a delimiter in an unquoted cell?"
            )
    return table.select(list(range(len(header)))) if table.num_columns > len(header) else table


def _without_trailing(text: str, columns: int, delimiter: str) -> str | None:
    """Return the CSV without empty fields behind its columns; None where other fields are too many or too few."""
    if text.count('"') % 2:  # cut off
        return None
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=delimiter, lineterminator="\n")
    for _, row in _records(text, delimiter):
        if row and (len(row) < columns or any(row[columns:])):
            return None
        if row:
            writer.writerow(row[:columns])
    return written.getvalue()


def unzipped(data: bytes, name: str) -> bytes:
    """Return the bytes of a file, unpacked if they are gzipped."""
    if not data.startswith(_GZIP):
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, OSError, zlib.error) as error:
        raise SourceError(f"{name}: is gzipped, but cut off or damaged ({error}); fetch it again") from None


def decoded(data: bytes, name: str, encoding: str) -> str:
    """Return the text of a file, or refuse what is none."""
    if data.startswith(b"PK\x03\x04"):
        raise SourceError(
            f"{name}: is a zip archive or a spreadsheet, not a CSV; unpack it, or read it as Excel: it ends in .xlsx, "
            "or the source has `kind: excel`"
        )
    if data.startswith(_OLD_EXCEL):
        raise SourceError(f"{name}: is a workbook of an old Excel, not a CSV; save it as .xlsx or CSV")
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


def _header(found: list[str], name: str, delimiter: str) -> list[str]:
    header = list(found)
    while len(header) > 1 and not header[-1].strip():
        header.pop()
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
    if _named(table.column_names) != _named(header):  # else a column would have a type that was guessed
        raise SourceError(f"{name}: the header can't be read: {table.column_names[:5]} or {header[:5]}")
    return table


def _named(header: list[str]) -> list[str]:
    return [name if name.strip() else "" for name in header]


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
