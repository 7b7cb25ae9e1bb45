"""A table as plain data: HTML is written by the template macro ``table``, text and Markdown by ``table_text``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import pandas as pd

from evenhand.evidence.bootstrap import Interval
from evenhand.text.printable import printable

NAMES = ("model", "strategy", "features", "decision")
WORDS = (*NAMES, "method", "skipped")  # columns of a comparison that hold words; all others hold numbers
DIFFERENCE = " vs none"  # how the name of a difference column ends
NOT_ENOUGH = "not enough data"
UNDEFINED = "not defined"


@dataclass(frozen=True)
class Column:
    """The heading of a column; numbers are aligned to the right."""

    heading: str
    number: bool = False


@dataclass(frozen=True)
class Cell:
    """Text of a cell, with what HTML can add to it."""

    text: str
    detail: str = ""
    """In small type after the text: an interval, a change."""
    css: str = ""
    """Class of the text."""
    tint: str = ""
    """Background, as a CSS colour."""

    def __str__(self) -> str:
        """Return what is shown where there is no small type."""
        return f"{self.text} ({self.detail})" if self.detail else self.text


@dataclass(frozen=True)
class Table:
    """Columns and rows; in HTML the first column of words heads its row."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str | Cell]]
    css: str = ""

    @property
    def row_heading(self) -> int:
        """Position of the first column of words."""
        return next(at for at, column in enumerate(self.columns) if not column.number)

    @property
    def headed(self) -> bool:
        """Whether any column has a heading."""
        return any(column.heading for column in self.columns)


def words(*headings: str) -> tuple[Column, ...]:
    """Make columns of words."""
    return tuple(Column(heading) for heading in headings)


def numbers(*headings: str) -> tuple[Column, ...]:
    """Make columns of numbers."""
    return tuple(Column(heading, number=True) for heading in headings)


def facts(caption: str, rows: Sequence[tuple[str, str | Cell]]) -> Table:
    """Make a table of names and values, without headings."""
    return Table(caption, words("", ""), rows, "facts")


def frame_table(frame: pd.DataFrame, caption: str = "") -> Table:
    """Make a table of a comparison's frame.

    Examples
    --------
    >>> table = frame_table(pd.DataFrame({"model": ["lightgbm"], "macro_f1": [0.45], "macro_f1 vs none": [0.1]}))
    >>> [column.heading for column in table.columns], table.rows
    (['model', 'macro f1', 'macro f1 vs none'], [['lightgbm', '0.450', '+0.100']])
    """
    names = [str(name) for name in frame]
    columns = [Column(heading(name), name not in WORDS) for name in names]
    cells = [[frame_cell(name, value) for value in frame[name]] for name in names]
    return Table(caption, columns, [list(row) for row in zip(*cells, strict=True)])


def heading(name: str) -> str:
    """Write the name of a frame's column for people."""
    return name.replace("_", " ")


def frame_cell(name: str, value: Any) -> str:
    """Write a value of a frame's column."""
    if isinstance(value, str):
        return printable(value)
    if pd.isna(value):
        return "-"
    if isinstance(value, Integral):
        return f"{value:,}"
    if name == "fit_seconds":
        return f"{value:.1f}"
    return decimal(value, "+" if name.endswith(DIFFERENCE) and value else "")


def decimal(value: float, sign: str = "", digits: int = 3) -> str:
    """Write a metric with its zero; nan is not defined.

    Examples
    --------
    >>> decimal(0.45), decimal(0.0294, "+"), decimal(float("nan"))
    ('0.450', '+0.029', 'not defined')
    """
    return f"{value:{sign}.{digits}f}" if math.isfinite(value) else UNDEFINED


def percentage(value: float) -> str:
    """Write a share in percent.

    Examples
    --------
    >>> percentage(0.253), percentage(0.0042), percentage(0.0)
    ('25 %', '0.4 %', '0 %')
    """
    if not math.isfinite(value):
        return UNDEFINED
    return f"{100 * value:.1f} %" if 0 < value < 0.1 else f"{100 * value:.0f} %"


def interval_cell(interval: Interval | None, percent: bool = False) -> Cell:
    """Write an estimate with its interval; ``None`` is not enough data.

    Examples
    --------
    >>> str(interval_cell(Interval(0.25, 0.2, 0.3), percent=True))
    '25 % (20 % to 30 %)'
    """
    if interval is None:
        return Cell(NOT_ENOUGH)
    write = percentage if percent else decimal
    known = all(math.isfinite(value) for value in (interval.estimate, interval.low, interval.high))
    if not known or interval.low == interval.high:
        return Cell(write(interval.estimate))
    return Cell(write(interval.estimate), f"{write(interval.low)} to {write(interval.high)}")
