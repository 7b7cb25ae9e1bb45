"""Sheets of Excel workbooks, by openpyxl."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any

import pyarrow as pa

from evenhand.errors import SourceError
from evenhand.text.cell_text import canonical_text
from tasks.data.sources.fetched import brief, check_unique


def read_excel(data: bytes, name: str, sheet: str | None = None) -> pa.Table:
    """Parse a workbook.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        Name of the file, for messages.
    sheet : str, optional
        The first sheet with rows if not given.

    Returns
    -------
    pyarrow.Table
        Below the first row that is not empty. A column of numbers or of times keeps its type, any other is text; an
        empty cell is null.

    Raises
    ------
    SourceError
        When it is no workbook, has no such sheet, no rows, or a column without a name.
    """
    header, *rows = _rows(data, name, sheet)
    while header and header[-1] is None:
        header.pop()
    names = ["" if cell is None else canonical_text(cell) for cell in header]
    if "" in names:
        raise SourceError(f"{name}: column {names.index('') + 1} has no name in the first row; name it or delete it")
    check_unique(names, name)
    wide = next((i for i, row in enumerate(rows, 2) if any(cell is not None for cell in row[len(names) :])), None)
    if wide is not None:
        raise SourceError(f"{name}: row {wide} has a cell beyond the {len(names)} columns of the first row; name it")
    if not rows:
        raise SourceError(f"{name}: holds a header of {len(names)} columns and not one row")
    cells = [[row[i] if i < len(row) else None for row in rows] for i in range(len(names))]
    return pa.table([_column(column) for column in cells], names=names)


def _rows(data: bytes, name: str, sheet: str | None) -> list[list[Any]]:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        sheets = {each.title: each for each in book.worksheets}
        if sheet is not None and sheet not in sheets:
            raise SourceError(f"{name}: has no sheet {sheet!r}; there is {', '.join(map(repr, sheets))}")
        for each in [sheets[sheet]] if sheet is not None else book.worksheets:
            rows = _filled(each.iter_rows(values_only=True))
            if rows:
                return rows
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError, SyntaxError) as error:
        what = "a zip archive without a workbook (unpack it)" if data.startswith(b"PK") else "no Excel workbook (.xlsx)"
        raise SourceError(f"{name}: is {what}, or a damaged one: {brief(error)}") from None
    raise SourceError(f"{name}: {'the sheet ' + repr(sheet) if sheet else 'every sheet'} is empty")


def _filled(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    found = ([None if isinstance(cell, str) and not cell.strip() else cell for cell in row] for row in rows)
    return [row for row in found if any(cell is not None for cell in row)]


def _column(cells: list[Any]) -> pa.Array:
    known = [cell for cell in cells if cell is not None]
    if known and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in known):
        whole = all(float(cell).is_integer() and abs(cell) < 2**53 for cell in known)
        return pa.array([c if c is None else int(c) if whole else float(c) for c in cells])
    if known and all(isinstance(cell, datetime) for cell in known):
        return pa.array(cells, pa.timestamp("us"))
    return pa.array([None if cell is None else _text(cell) for cell in cells], pa.large_string())


def _text(cell: Any) -> str:
    return cell.isoformat() if isinstance(cell, date | time) else canonical_text(cell)
