"""From the cells of a time column to the wall clock of the problem's time zone, and which format reads them.

A crime at 23:30 on a Friday is one of a Friday night, whatever the time is in Greenwich. Hour and weekday are
therefore those of the wall clock: of ``time_zone`` where the problem names one, else as written. The result is
labelled UTC, which has no hour that is missing or comes twice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import product
from typing import Literal

import numpy as np
import pandas as pd

from evenhand.errors import ProblemError
from evenhand.problem.common import EPOCHS, TimeFormat
from evenhand.text.cell_text import canonical_text

_OFFSET = re.compile(r"[0-9]{4}.*[T ][0-9]{2}.*?\s*(?:(Z)|([+-])([0-9]{2})(?::?([0-9]{2}))?)")
_DAYS = (
    *("%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d"),
    *("%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%B %d, %Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y"),
)
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", " %H:%M:%S%z", "T%H:%M:%S")
ISO = "ISO8601"
_CELLS_TRIED = 500
_SHOWN = 4


def as_format(format_: str | Sequence[str] | None) -> TimeFormat:
    """Return formats as a problem has them, from a list too."""
    return format_ if format_ is None or isinstance(format_, str) else tuple(format_)


def wall_clock(column: pd.Series, format_: TimeFormat = None, zone: str | None = None) -> pd.Series:
    """Read times.

    Parameters
    ----------
    column : Series of str or timestamps, shape (n_rows,)
        Timestamps without a zone are a wall clock already; those of another zone than UTC are read in their own zone
        if ``zone`` is not given.
    format_ : str or tuple of str, optional
        For ``strptime``, or ``epoch seconds`` or ``epoch milliseconds``; ISO 8601 without it. Of several, the first
        that reads a cell is taken.
    zone : str, optional
        IANA name. Times with an offset are converted to it; those without one are its own.

    Returns
    -------
    Series of timestamps labelled UTC, shape (n_rows,)
        Missing where a cell can't be read.

    Raises
    ------
    ProblemError
        When the cells have different offsets and ``zone`` is not given.

    Examples
    --------
    >>> night = pd.Series(["2024-03-08T23:30:00-05:00", "2024-03-15T23:30:00-04:00"], dtype="str")
    >>> wall_clock(night, zone="America/Toronto").dt.strftime("%a %H:%M").tolist()
    ['Fri 23:30', 'Fri 23:30']
    >>> wall_clock(pd.Series(["1709958600000"], dtype="str"), "epoch milliseconds", "America/Toronto")[0].hour
    23
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        return _of_timestamps(column, zone)
    # Times repeat, and parsing one takes far longer than a look-up.
    codes, texts = pd.factorize(column)
    read = pd.Series(_of_texts(texts, format_, zone, str(column.name)))
    return pd.Series(read.reindex(codes).array, index=column.index, name=column.name)


def describe_formats(cells: Sequence[str]) -> str:
    """Write which ``format:`` reads cells that are not ISO 8601.

    Examples
    --------
    >>> describe_formats(["01/31/2022", "12/01/2022"])
    "format: '%m/%d/%Y'"
    >>> describe_formats(["01/02/2022"])
    "format: '%m/%d/%Y' (month first) or format: '%d/%m/%Y' (day first)"
    """
    tried = pd.Index(list(dict.fromkeys(cells))[:_CELLS_TRIED], dtype="str")
    found = [
        f"{day}{clock}"
        for day, clock in product(_DAYS, _CLOCKS)
        if len(tried) and pd.to_datetime(tried, format=f"{day}{clock}", errors="coerce", utc=True).notna().all()
    ]
    if not found:
        return "format: with the codes of strptime, such as '%m/%d/%Y %H:%M'"
    if len(found) == 1:
        return f"format: {found[0]!r}"
    return " or ".join(f"format: {each!r} ({'day' if each.startswith('%d') else 'month'} first)" for each in found)


def _of_timestamps(column: pd.Series, zone: str | None) -> pd.Series:
    if column.dt.tz is None:
        return pd.to_datetime(column, utc=True)
    if zone is not None:
        column = column.dt.tz_convert(zone)
    return pd.to_datetime(column.dt.tz_localize(None), utc=True)


def _of_texts(texts: pd.Index, format_: TimeFormat, zone: str | None, name: str) -> pd.DatetimeIndex:
    if isinstance(format_, tuple):
        read = _of_texts(texts, format_[0], zone, name)
        unread = np.flatnonzero(read.isna())
        if len(format_) == 1 or not len(unread):
            return read
        rest = pd.Series(read)
        rest.iloc[unread] = _of_texts(texts[unread], format_[1:], zone, name)
        return pd.DatetimeIndex(rest)
    if format_ in EPOCHS:
        return _of_epochs(texts, EPOCHS[format_], zone)
    format_ = None if format_ == ISO else format_
    instants = _instants(texts, format_)
    readable = np.asarray(instants.notna())
    offsets = _offsets(texts, format_)
    aware = offsets.notna().to_numpy() & readable
    if not aware.any():
        return instants
    if zone is not None:
        local = instants.tz_convert(zone).tz_localize(None).tz_localize("UTC")
        return instants.where(~aware, local)
    kinds = offsets[readable].drop_duplicates()
    if len(kinds) > 1:
        shown = ", ".join(f"{texts[i]!r}" for i in kinds.index[:_SHOWN])
        raise ProblemError(
            f"column {name!r} has times of different UTC offsets ({shown}), so their hour and weekday depend on a time "
            "zone, and the problem names none. Write `time_zone: America/New_York`, the IANA name of the place, into "
            "the problem file: times with an offset are converted to it, times without one are its own"
        )
    return instants + kinds.iloc[0]


def _of_epochs(texts: pd.Index, unit: Literal["s", "ms"], zone: str | None) -> pd.DatetimeIndex:
    numbers = pd.to_numeric(pd.Series(texts), errors="coerce").astype("float64")
    instants = pd.DatetimeIndex(pd.to_datetime(numbers, unit=unit, utc=True, errors="coerce"))
    return instants if zone is None else instants.tz_convert(zone).tz_localize(None).tz_localize("UTC")


def _instants(texts: pd.Index, format_: str | None) -> pd.DatetimeIndex:
    def parse(some: pd.Index) -> pd.DatetimeIndex:
        return pd.to_datetime(some, format=format_ or "ISO8601", utc=True, errors="coerce")

    read = parse(texts)
    unread = np.asarray(read.isna())
    # 20240131.0, as a column of such numbers with a gap is written
    return read.where(~unread, parse(texts.map(canonical_text))) if unread.any() else read


def _offsets(texts: pd.Index, format_: str | None) -> pd.Series:
    """Return the UTC offset that each text names; missing where it names none."""
    if format_ is not None and "%z" not in format_:
        return pd.Series(pd.NaT, index=range(len(texts)), dtype="timedelta64[s]")
    found = [_iso_offset(text) if format_ is None else _offset(text, format_) for text in texts]
    return pd.Series(found, dtype="timedelta64[s]")


def _iso_offset(text: str) -> timedelta | None:
    match = _OFFSET.fullmatch(text)
    if match is None:
        return None
    _, sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    return -offset if sign == "-" else offset


def _offset(text: str, format_: str) -> timedelta | None:
    with suppress(ValueError):
        return datetime.strptime(text, format_).utcoffset()
    return None
