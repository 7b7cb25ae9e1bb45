"""Periods that monitoring counts in: their names, when they end, and their place in the year."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

import numpy as np
import pandas as pd

from evenhand.errors import ProblemError

Period = Literal["day", "week", "month", "year", "value"]
PER_YEAR: dict[str, float] = {"day": 365.25, "week": 365.25 / 7, "month": 12.0, "year": 1.0, "value": 1.0}
_CODES = {"day": "D", "week": "W-SUN", "month": "M", "year": "Y"}
_NEXT = {"month": pd.DateOffset(months=1), "year": pd.DateOffset(years=1)}


def period_names(column: pd.Series, period: Period) -> np.ndarray:
    """Name the period of each row, so that the order of the names is that of time.

    Parameters
    ----------
    column : Series of shape (n_rows,)
        Times labelled UTC, or numbers where the period is ``value``.
    period : {"day", "week", "month", "year", "value"}

    Returns
    -------
    ndarray of str, shape (n_rows,)
        The first day of the period (a Monday for weeks), or the number; empty where there is none.

    Raises
    ------
    ProblemError
        When days, weeks, months or years are asked for of a column without times.

    Examples
    --------
    >>> period_names(pd.Series(pd.to_datetime(["2021-03-04 23:00", None], utc=True)), "week").tolist()
    ['2021-03-01', '']
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        if period == "value":
            raise ProblemError(f"monitor.period is value, and column {column.name!r} holds times; write week")
        starts = column.dt.tz_localize(None).dt.to_period(_CODES[period])
        codes, kinds = pd.factorize(starts)
        names = [one.start_time.date().isoformat() for one in kinds]
    elif period != "value":
        raise ProblemError(f"monitor.period is {period}, and column {column.name!r} holds no times; write value")
    else:
        codes, kinds = pd.factorize(pd.to_numeric(column, errors="coerce"))
        names = [f"{value:015.4f}".rstrip("0").rstrip(".") for value in kinds]
    return np.asarray([*names, ""], dtype=object)[codes]


def period_end(name: str, period: Period) -> date | None:
    """Return the day after a period; None where periods are numbers.

    Examples
    --------
    >>> period_end("2021-03-01", "week").isoformat()
    '2021-03-08'
    """
    if period == "value":
        return None
    first = date.fromisoformat(name)
    if period in _NEXT:
        return (pd.Timestamp(first) + _NEXT[period]).date()
    return first + timedelta(days=1 if period == "day" else 7)


def season_of(name: str, period: Period) -> float:
    """Return the place of a period in the year, from 0 to 1; 0 where periods are years or numbers.

    Examples
    --------
    >>> round(season_of("2021-07-01", "month"), 1)
    0.5
    """
    if period in ("year", "value"):
        return 0.0
    return (date.fromisoformat(name).timetuple().tm_yday - 1) / 366


def shown(name: str) -> str:
    """Write a period's name for people: a number without the zeros that keep names in order.

    Examples
    --------
    >>> shown("0000002021"), shown("2021-03-01")
    ('2021', '2021-03-01')
    """
    return name if "-" in name[1:] else f"{float(name):.12g}"
