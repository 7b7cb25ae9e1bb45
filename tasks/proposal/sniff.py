"""How a file is to be read: its kind, encoding and delimiter, as the source of a problem with reasons."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Mapping
from itertools import islice
from typing import Any

from evenhand.errors import SourceError
from evenhand.proposal.noted_yaml import Noted
from tasks.data.sources.files import kind_of, matching, read_bytes
from tasks.data.sources.text import DELIMITERS, unzipped, without_sep_line

SAMPLE = 60_000
LINES = 200
IN_NEARLY_ALL = 0.9
MOST_ABOVE = 20
_EXCEL, _GEOJSON, _PARQUET = b"PK\x03\x04", re.compile(rb'^\s*\{.{0,2000}?"(type|features)"', re.DOTALL), b"PAR1"
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def sniff(path: str) -> tuple[dict[str, Any], list[str]]:
    """Find out how a file, a glob or a folder is read.

    Returns
    -------
    source : dict
        Plain data of the source, with reasons.
    questions : list of str
        What is not sure.

    Raises
    ------
    SourceError
        When there is no such file, or it can't be read.
    """
    kind = kind_of(path)
    first = matching(path, kind)[0]
    data = read_bytes(first)
    kind = kind if kind != "csv" else _kind_by_content(data)
    source: dict[str, Any] = {"kind": Noted(kind, "by its name and content"), "path": path}
    if kind != "csv":
        return source, []
    data = unzipped(data, str(first))
    encoding, doubt = find_encoding(data, str(first))
    text = data.decode(encoding).removeprefix("\ufeff")
    delimiter = find_delimiter(text)
    source["delimiter"] = Noted(delimiter, f"columns are separated by {DELIMITERS[delimiter]}")
    source["encoding"] = Noted(encoding, f"check: {doubt}" if doubt else "every byte of the file can be read so")
    questions = [f"encoding: {doubt}"] if doubt else []
    above = lines_above_header(without_sep_line(text), delimiter)
    if above:
        source["skip"] = Noted(above, "lines above the header, such as a title")
        questions.append(f"source.skip: the first {above} lines are taken for a title above the header")
    return source, questions


def plain_source(source: Mapping[str, Any]) -> dict[str, Any]:
    """Return a source without reasons."""
    return {key: value.value if isinstance(value, Noted) else value for key, value in source.items()}


def _kind_by_content(data: bytes) -> str:
    if data.startswith(_EXCEL):
        return "excel"
    if data.startswith(_PARQUET):
        return "parquet"
    return "geojson" if _GEOJSON.match(data[:4000]) else "csv"


def find_encoding(data: bytes, name: str) -> tuple[str, str]:
    """Find the encoding of a text: UTF-8 if every byte is, else what charset-normalizer takes for likely.

    Returns
    -------
    encoding : str
    doubt : str
        What to check; empty for UTF-8 and a byte order mark.

    Raises
    ------
    SourceError
        When no encoding reads it.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return encoding, ""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return _guessed(data, name, error.start)
    return "utf-8", ""


def _guessed(data: bytes, name: str, first: int) -> tuple[str, str]:
    from charset_normalizer import from_bytes

    around = data[max(0, first - SAMPLE // 2) : first + SAMPLE // 2]
    best = from_bytes(around).best()
    likely = [best.encoding] if best is not None else []
    if best is None or "cp1252" in (best.encoding, *best.could_be_from_charset) or _reads_alike(around, best.encoding):
        likely.insert(0, "cp1252")  # of those that read the same, the one that Excel writes
    for encoding in (*likely, "cp1252", "latin-1"):
        try:
            text = data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
        word = next((w for w in re.findall(r"[^\W\d_]+", text) if not w.isascii()), "")
        shown = f": is {word!r} right?" if word else ""
        return encoding, f"the bytes are no UTF-8 and are read as {encoding}{shown}"
    raise SourceError(f"{name}: no encoding reads it; save it as UTF-8")


def find_delimiter(text: str) -> str:
    r"""Find the delimiter of a CSV: a line ``sep=``, else what clevercsv takes for likely.

    Examples
    --------
    >>> find_delimiter("kind;price\ntheft;3,5\nfraud;7,25\n"), find_delimiter("sep=\t\na\tb\n1\t2\n")
    (';', '\t')
    """
    rows = without_sep_line(text)
    if rows != text:
        named = text.split("\n", 1)[0].strip("\r ")[len("sep=") :]
        if named in DELIMITERS:
            return named
    head = [line for line in rows[:SAMPLE].split("\n")[:LINES] if line.strip()]
    found = [sign for sign in DELIMITERS if sum(sign in line for line in head) >= IN_NEARLY_ALL * len(head)]
    if len(found) == 1:
        return found[0]
    from clevercsv import Sniffer
    from clevercsv.exceptions import Error, NoDetectionResult

    try:
        sample = "\n".join(rows[:SAMPLE].split("\n")[:LINES][:-1])
        dialect = Sniffer().sniff(sample, delimiters=[*DELIMITERS])
        sign = str(dialect.delimiter) if dialect is not None else ""
    except (Error, NoDetectionResult):
        sign = ""
    return sign if sign in DELIMITERS else max(DELIMITERS, key="\n".join(head).count)


def _reads_alike(data: bytes, encoding: str) -> bool:
    return data.decode("cp1252", "replace") == data.decode(encoding, "replace")


def lines_above_header(text: str, delimiter: str) -> int:
    r"""Count the lines above the first one that has as many fields as most rows, each with a text.

    Examples
    --------
    >>> lines_above_header("Crimes, 2024\n\nkind,age,place\n" + "theft,3,bar\n" * 9, ",")
    2
    >>> lines_above_header("kind,age\n" + "theft,3\n" * 9, ",")
    0
    """
    reader = csv.reader(io.StringIO(text[:SAMPLE], newline=""), delimiter=delimiter)
    begin, rows = 0, []
    try:
        for row in islice(reader, LINES):
            rows.append((begin, row))
            begin = reader.line_num
    except csv.Error:  # a cell longer than the sample
        return 0
    usual = Counter(len(row) for _, row in rows[:-1] if row).most_common(1)
    if not usual or usual[0][0] < 2 or len(rows[0][1]) >= usual[0][0]:
        return 0
    full = (line for line, row in rows[: MOST_ABOVE + 1] if len(row) == usual[0][0] and all(map(str.strip, row)))
    return next(full, 0)
