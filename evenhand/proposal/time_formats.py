"""Formats that read a column of times, of a fixed list, and what is not sure of them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from evenhand.data.times import ISO, wall_clock
from evenhand.errors import ProblemError
from evenhand.problem.common import TimeFormat

_DAYS = (
    *("%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%d %b %Y", "%d-%b-%Y"),
    *("%d %B %Y", "%b %d, %Y", "%b %d %Y", "%B %d, %Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%d-%b-%y", "%Y-%m-%d"),
)
_CLOCKS = (
    *("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S", " %H:%M:%S.%f", "T%H:%M:%S.%f"),
    *(" %H:%M:%S%z", " %H:%M:%S %z", ", %H:%M", ", %I:%M %p", ", %I:%M:%S %p", " %H%M"),
)
_OTHERS = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p", "%b-%y", "%b %Y", "%B %Y", "%m/%Y", "%d/%b/%Y:%H:%M:%S")
_OFFSET = r":\d\d(?:\.\d+)?\s*(?:Z|[+-]\d\d(?::?\d\d)?)$"
FORMATS = (*(f"{day}{clock}" for day, clock in product(_DAYS, _CLOCKS)), *_OTHERS)
TRIED = 400
ENOUGH = 0.98
MOST_FORMATS = 3


@dataclass(frozen=True)
class Reading:
    """How a column of times is read.

    Attributes
    ----------
    format : str, tuple of str or None
        As a problem has it.
    clock : bool
        Whether the cells have an hour.
    day : bool
        Whether they have a day, not an hour alone.
    question : str
        What is not sure; empty where it is.
    zone : bool
        Whether different offsets make a time zone necessary.
    offset : bool
        Whether the cells have an offset from UTC.
    """

    format: TimeFormat
    clock: bool
    day: bool = True
    question: str = ""
    zone: bool = False
    offset: bool = False

    def read(self, cells: pd.Series) -> pd.Series:
        """Return times; with a zone to be named, those of UTC."""
        return wall_clock(cells, self.format, "UTC" if self.zone else None)


def read_times(cells: list[str], counts: np.ndarray, month_first: bool | None = None) -> Reading | None:
    """Find the formats that read nearly all cells; None where there are none.

    Parameters
    ----------
    cells : list of str
        Each once.
    counts : ndarray of int, shape (n_cells,)
        How often each occurs.
    month_first : bool, optional
        Of 01/02/2024; None where nothing says so.

    Examples
    --------
    >>> read_times(["01/31/2024 11:30:00 PM"], np.array([7])).format
    '%m/%d/%Y %I:%M:%S %p'
    >>> read_times(["north", "south"], np.array([7, 7])) is None
    True
    """
    if not _could_be_times(cells[:TRIED]):
        return None
    few = pd.Index([cells[i] for i in np.unique(np.linspace(0, len(cells) - 1, TRIED).astype(int))], dtype="str")
    formats: list[str] = []
    questions: list[str] = []
    left = few
    while len(left) and len(formats) < MOST_FORMATS:
        format_, question = _best(left, month_first)
        if format_ is None:
            break
        formats.append(format_)
        questions += [question] if question else []
        left = left[~_reads(left, format_)]
    if not formats or len(left) > (1 - ENOUGH) * len(few):
        return None
    declared: TimeFormat = None if formats == [ISO] else formats[0] if len(formats) == 1 else tuple(formats)
    zone = _needs_zone(few, declared)
    clock = any("%H" in f or "%I" in f for f in formats) or (ISO in formats and bool(few.str.contains(":").any()))
    day = any("%d" in f or "%m" in f or "%b" in f or "%B" in f or f == ISO for f in formats)
    offset = bool(few.str.contains(_OFFSET).mean() > ENOUGH)
    reading = Reading(declared, clock, day, "; ".join(dict.fromkeys(questions)), zone, offset)
    read = reading.read(pd.Series(cells, dtype="str")).notna().to_numpy()
    unread = ~read
    return reading if counts[read].sum() >= ENOUGH * counts.sum() and unread.sum() <= 10 else None


def is_month_first(cells: pd.Index) -> bool | None:
    """Whether dates such as 12/31/2024 show that the month is first; None where no cell does."""
    parts = pd.Series(cells, dtype="str").str.extract(r"^(\d{1,2})[/.-](\d{1,2})[/.-]\d{2,4}")
    numbers = parts.dropna().astype(int)
    if numbers.empty or ((numbers[0] > 12).any() and (numbers[1] > 12).any()):
        return None
    return True if (numbers[1] > 12).any() else False if (numbers[0] > 12).any() else None


def _could_be_times(cells: list[str]) -> bool:
    dated = [4 <= len(cell) <= 40 and sum(letter.isdigit() for letter in cell) >= 3 for cell in cells]
    return sum(dated) >= 0.9 * len(dated)


def _best(cells: pd.Index, month_first: bool | None) -> tuple[str | None, str]:
    """Return the format that reads most cells, and what is not sure of it."""
    numbers = np.asarray(cells.str.fullmatch(r"[\d.]+"), dtype=bool)  # a year alone is a number
    iso = int((_reads(cells, ISO) & ~numbers).sum())
    if iso >= ENOUGH * len(cells):
        return ISO, ""
    head = cells[:: max(1, len(cells) // 12)]
    tried = [f for f in FORMATS if _reads(head, f).any()]
    found = {f: int(_reads(cells, f).sum()) for f in tried}
    found[ISO] = iso
    most = max(found.values(), default=0)
    best = [f for f, n in found.items() if n == most]
    if not most:
        return None, ""
    months = [f for f in best if f.startswith("%m")]
    days = [f for f in best if f.startswith("%d")]
    if months and days:
        chosen = days[0] if month_first is False else months[0]
        sure = "" if month_first is not None else "is the month first? Every date can be read both ways"
        return chosen, sure
    return best[0], ""


def _reads(cells: pd.Index, format_: str) -> np.ndarray:
    read = pd.to_datetime(cells, format=format_, errors="coerce", utc=True)
    return np.asarray(read.notna())


def _needs_zone(cells: pd.Index, format_: TimeFormat) -> bool:
    try:
        wall_clock(pd.Series(cells, name="time"), format_)
    except ProblemError:
        return True
    return False
