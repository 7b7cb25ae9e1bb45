"""Days, weeks and months as numbers, and which of them are regular enough to count in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

PeriodKind = Literal["day", "week", "month"]
# Periods of a year, and how many periods either side are of the same season. A day is compared with the same weekday.
_YEAR = {"day": 364, "week": 52, "month": 12}
_BESIDE = {"day": (-14, -7, 0, 7, 14), "week": (-2, -1, 0, 1, 2), "month": (0,)}
_MONDAY = pd.Timestamp("1970-01-05")
_REGULAR = 0.5  # of the median period


@dataclass(frozen=True)
class Periods:
    """Consecutive periods of one kind; the first is ``first``, a number that :func:`period_numbers` gives."""

    kind: PeriodKind
    first: int
    n: int

    @property
    def year(self) -> int:
        """Periods of a year."""
        return _YEAR[self.kind]

    @property
    def beside(self) -> tuple[int, ...]:
        """Offsets of the periods that are of the same season as one."""
        return _BESIDE[self.kind]

    def start(self, at: int) -> pd.Timestamp:
        """Return the first day of a period, counted from 0; those after the last exist, too."""
        number = self.first + at
        if self.kind == "month":
            return pd.Timestamp(year=1970 + number // 12, month=number % 12 + 1, day=1)
        if self.kind == "week":
            return _MONDAY + pd.Timedelta(days=7 * number)
        return pd.Timestamp("1970-01-01") + pd.Timedelta(days=number)


def period_numbers(days: pd.Series, kind: PeriodKind) -> np.ndarray:
    """Count periods from 1970 on; weeks begin on Monday.

    Parameters
    ----------
    days : Series of timestamps, shape (n,)
    kind : {"day", "week", "month"}

    Returns
    -------
    ndarray of int64, shape (n,)

    Examples
    --------
    >>> days = pd.to_datetime(pd.Series(["2024-03-10", "2024-03-11"]))  # a Sunday and a Monday
    >>> [Periods("week", number, 1).start(0).date().isoformat() for number in period_numbers(days, "week")]
    ['2024-03-04', '2024-03-11']
    """
    plain = days.dt.tz_localize(None) if days.dt.tz is not None else days
    if kind == "month":
        return ((plain.dt.year - 1970) * 12 + plain.dt.month - 1).to_numpy(np.int64)
    number = (plain.dt.normalize() - pd.Timestamp("1970-01-01")).dt.days.to_numpy(np.int64)
    return number if kind == "day" else (number - 4) // 7


def complete_span(days: pd.Series, kind: PeriodKind) -> tuple[int, int]:
    """Find the periods that are recorded as usual and are over: see :func:`regular_span`.

    A last period whose last day has no event is taken for one that is not over, and a first one alike.

    Parameters
    ----------
    days : Series of timestamps, shape (n_rows,)
    kind : {"day", "week", "month"}

    Returns
    -------
    first, last : int
    """
    numbers = period_numbers(days, kind)
    first, last = regular_span(numbers)
    if kind == "day" or not day_precision(days):
        return first, last
    inside = days[(numbers >= first) & (numbers <= last)]
    starts = Periods(kind, first, 1)
    if inside.max() < starts.start(last + 1 - first) - pd.Timedelta(days=1):
        last -= 1
    if inside.min() > starts.start(0):
        first += 1
    return first, max(first, last)


def day_precision(days: pd.Series) -> bool:
    """Whether times name a day: false where all are the first of a month or of a year."""
    return bool((days.dt.day != 1).any())


def regular_span(numbers: np.ndarray) -> tuple[int, int]:
    """Find the longest run of periods that are recorded as usual: none has fewer than half the rows of the median one.

    Rows that are reported years late make thin first periods. A single thin period
    in the middle, such as a holiday, does not end the run.

    Parameters
    ----------
    numbers : ndarray of int, shape (n_rows,)

    Returns
    -------
    first, last : int
        Both inside the run.

    Examples
    --------
    >>> regular_span(np.repeat([3, 40, 41, 42, 43], [1, 9, 9, 8, 2]))
    (40, 42)
    """
    first = int(numbers.min())
    rows = np.bincount(numbers - first)
    usual = _usual(rows)
    bridged = usual | (np.r_[False, usual[:-1]] & np.r_[usual[1:], False])
    edges = np.flatnonzero(np.diff(np.r_[False, bridged, False].astype(int)))
    starts, ends = edges[::2], edges[1::2]
    longest = int(np.argmax(ends - starts))
    return first + int(starts[longest]), first + int(ends[longest]) - 1


def _usual(rows: np.ndarray) -> np.ndarray:
    """Mark the periods with at least half the rows of the period in which the median row lies."""
    ordered = np.sort(rows)
    median = ordered[np.searchsorted(np.cumsum(ordered), ordered.sum() / 2)]
    return np.asarray(rows >= _REGULAR * median)
