"""What the cells of a column are: numbers, times or text, and which of them stand for a missing value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from evenhand.data.schema import Signs
from evenhand.proposal.header_words import TIME, has_word
from evenhand.proposal.time_formats import Reading, read_times
from evenhand.text.cell_text import text_of
from evenhand.text.number_text import plain_number

MARKERS = frozenset(
    [
        "-",
        "--",
        "---",
        "?",
        ".",
        "n/a",
        "na",
        "n.a.",
        "#n/a",
        "null",
        "(null)",
        "nil",
        "nan",
        "none",
        "unknown",
        "unk",
        "undefined",
        "undetermined",
        "not available",
        "not applicable",
        "not specified",
        "not stated",
        "not known",
        "not recorded",
        "missing",
        "(missing)",
        "blank",
        "(blank)",
        "tbd",
        "unbekannt",
        "k.a.",
        "inconnu",
        "desconocido",
        "sconosciuto",
    ]
)
"""Cells that stand for a missing value, in lower case."""
ONLY_MISSING = MARKERS - frozenset(("none", "unknown", "unk", "undefined", "undetermined", "not applicable"))
"""Those which are never a category of their own."""
READ = 0.98
MOST_ODD = 10
_CODE = re.compile(r"0[0-9]+")
_EPOCHS = (("epoch milliseconds", 3e11, 4.2e12), ("epoch seconds", 3e8, 4.2e9))


@dataclass(frozen=True, eq=False)
class ColumnCells:
    """One column as its cells show it.

    Attributes
    ----------
    name : str
    kind : str
    values : Series, shape (n_rows,)
        float64, timestamps labelled UTC, or text; missing where the cell is.
    markers : tuple of str
        Cells that stand for a missing value.
    reading : Reading or None
        Of times: the format, and what is not sure of it.
    odd : tuple of str
        Markers that no list has: cells of a column of numbers or times that are neither.
    """

    name: str
    kind: Literal["number", "time", "text"]
    values: pd.Series
    markers: tuple[str, ...] = ()
    reading: Reading | None = None
    odd: tuple[str, ...] = ()

    @property
    def known(self) -> int:
        """Number of cells with a value."""
        return int(self.values.notna().sum())

    @property
    def distinct(self) -> int:
        """Number of different values."""
        return int(self.values.nunique())

    @property
    def whole(self) -> bool:
        """Whether all values are whole numbers."""
        return self.kind == "number" and bool((self.values.dropna() % 1 == 0).all())


def find_signs(frame: pd.DataFrame) -> tuple[Signs, str]:
    """Find how a file writes numbers.

    Returns
    -------
    signs : Signs
        Without markers for missing values.
    question : str
        What is not sure; empty where it is.

    Examples
    --------
    >>> find_signs(pd.DataFrame({"price": ["1.234,5", "7,25"]}))[0]
    Signs(decimal=',', thousands='.', missing=())
    >>> find_signs(pd.DataFrame({"price": ["1,234", "7"]}))[0]
    Signs(decimal='.', thousands=',', missing=())
    """
    commas = points = grouped_commas = grouped_points = spaces = 0
    for name in frame:
        if not pd.api.types.is_string_dtype(frame[name]):
            continue
        cells = pd.Series(frame[name].dropna().unique()[:2000], dtype="str").str.strip()
        if not len(cells) or cells.str.fullmatch(r"[+-]?[\d.,' \u00a0\u202f]+").mean() < READ:
            continue
        commas += int(cells.str.fullmatch(r"[+-]?\d*,\d+").sum() - cells.str.fullmatch(r"[+-]?\d{1,3},\d{3}").sum())
        points += int(cells.str.fullmatch(r"[+-]?\d*\.\d+").sum())
        grouped_commas += int(cells.str.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?").sum())
        grouped_points += int(cells.str.fullmatch(r"[+-]?\d{1,3}(\.\d{3})+,\d+|[+-]?\d{1,3}(\.\d{3}){2,}").sum())
        spaces += int(cells.str.fullmatch(r"[+-]?\d{1,3}([ \u00a0\u202f]\d{3})+([.,]\d+)?").sum())
    if commas or grouped_points:
        sure = "" if commas > grouped_commas / 10 else "is a comma the decimal sign?"
        return Signs(",", "." if grouped_points else " " if spaces else ""), sure
    if grouped_commas:
        sure = "" if points else "1,234 is read as 1234; if it is 1.234, write decimal: ',' and leave out thousands"
        return Signs(".", ","), sure
    return Signs(".", " " if spaces else ""), ""


def read_column(raw: pd.Series, signs: Signs, month_first: bool | None = None) -> ColumnCells:
    """Find out what a column holds.

    Parameters
    ----------
    raw : Series, shape (n_rows,)
        As it was read from the file.
    signs : Signs
    month_first : bool, optional
        Of dates such as 01/02/2024; None where nothing says so.

    Examples
    --------
    >>> column = read_column(pd.Series(["31", "UNKNOWN", "44"], name="age", dtype="str"), Signs())
    >>> column.kind, column.values.tolist(), column.markers
    ('number', [31.0, nan, 44.0], ('UNKNOWN',))
    """
    name = str(raw.name)
    if pd.api.types.is_datetime64_any_dtype(raw):
        times = pd.to_datetime(raw.dt.tz_localize(None) if raw.dt.tz is not None else raw, utc=True)
        return ColumnCells(name, "time", times, reading=Reading(None, bool(_has_clock(times))))
    text = text_of(raw)
    codes, distinct = pd.factorize(text)
    cells = pd.Series(distinct, dtype="str")
    marked = cells.str.casefold().isin(MARKERS)
    candidates, counts = cells[~marked], np.bincount(codes[codes >= 0], minlength=len(cells))
    if candidates.empty:
        return ColumnCells(name, "text", text.mask(text.isin(cells)), tuple(cells))
    numbers = pd.to_numeric(plain_number(candidates, signs.decimal, signs.thousands), errors="coerce")
    numbers = numbers.mask(~np.isfinite(numbers))
    if _mostly(numbers.notna(), counts[~marked]) and not _are_codes(candidates, name):
        epoch = _epoch(numbers.dropna(), name) if numbers.notna().all() else None
        compact = None if epoch else _compact(candidates, name)
        if epoch or compact:
            return _times(name, text, cells, marked, Reading(epoch or compact, True))
        return _column(name, "number", cells, marked, numbers, codes)
    reading = read_times(list(candidates), counts[~marked], month_first)
    if reading is not None:
        return _times(name, text, cells, marked, reading)
    never = tuple(cell for cell in cells[marked] if cell.casefold() in ONLY_MISSING)
    return ColumnCells(name, "text", text.mask(text.isin(never)), never)


def _mostly(read: pd.Series, counts: np.ndarray) -> bool:
    """Whether nearly all cells were read, and few different ones were not."""
    share = counts[read.to_numpy()].sum() / max(1, counts.sum())
    return bool(read.any() and share >= READ - 0.08 and (~read).sum() <= MOST_ODD and read.sum() >= (~read).sum())


def _are_codes(cells: pd.Series, name: str) -> bool:
    """Whether some numbers begin with a zero, as codes do, and are no time of a day."""
    return bool(cells.str.fullmatch(_CODE.pattern).any()) and not has_word(name, TIME)


def _epoch(numbers: pd.Series, name: str) -> str | None:
    if not has_word(name, TIME) or (numbers % 1 != 0).any():
        return None
    return next((unit for unit, low, high in _EPOCHS if numbers.between(low, high).all()), None)


def _compact(cells: pd.Series, name: str) -> str | None:
    """Return the format of days without a sign between their parts, such as 20240131."""
    if not has_word(name, TIME):
        return None
    for pattern, format_ in ((r"(19|20)\d{6}", "%Y%m%d"), (r"(19|20)\d{4}", "%Y%m")):
        if cells.str.fullmatch(pattern).all():
            read = pd.to_datetime(pd.Index(cells), format=format_, errors="coerce")
            return format_ if read.notna().all() else None
    return None


def _times(name: str, text: pd.Series, cells: pd.Series, marked: pd.Series, reading: Reading) -> ColumnCells:
    times = reading.read(pd.Series(cells, name=name))
    return _column(name, "time", cells, marked, times.mask(marked), pd.factorize(text)[0], reading)


def _column(  # noqa: PLR0913 - what was found of one column
    name: str,
    kind: Literal["number", "time"],
    cells: pd.Series,
    marked: pd.Series,
    read: pd.Series,
    codes: np.ndarray,
    reading: Reading | None = None,
) -> ColumnCells:
    """Put values back where their texts were; what is not read is a marker."""
    of_cells = read.reindex(cells.index)
    odd = tuple(cells[of_cells.isna() & ~marked])
    values = pd.Series(of_cells.reindex(codes).array, name=name)
    return ColumnCells(name, kind, values, (*cells[marked], *odd), reading, odd)


def _has_clock(times: pd.Series) -> bool:
    known = times.dropna()
    return bool(((known.dt.hour != 0) | (known.dt.minute != 0)).any())


def listed(names: Sequence[str], at_most: int = 5) -> str:
    """Write names for a reader, the first ones.

    Examples
    --------
    >>> listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    shown = ", ".join(str(name)[:40] or "(no name)" for name in names[:at_most])
    return shown + (f" and {len(names) - at_most} more" if len(names) > at_most else "")
