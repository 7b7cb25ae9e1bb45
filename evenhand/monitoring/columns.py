"""Counts of a column by period: into bins that were learned from the reference rows, or its frequent categories.

Counts of two parts of a period add up, so a period may arrive in several files.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

BINS = 32  # quantile bins of a number: finer ones add noise to a distance, coarser ones hide a shift of a tenth
MOST_CATEGORIES = 1_000
# Share of a column's variance that lies between periods: with this much, it gives the date (a day of the month, an hour
# that daylight saving shifts). Its changes are the calendar's, and their noise would hide those of other columns.
CALENDAR = 0.3


class ColumnBins(BaseModel):
    """How a column is counted: slot 0 is missing, the last slot is what the reference does not know.

    A number has a slot below and one above the reference's range; a category that occurred in one reference period
    only counts as unknown there, as a new one does in a new period.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    edges: tuple[float, ...] | None = None
    """Of a number: the inner ends of its bins, ascending."""
    places: tuple[float, ...] = ()
    """Of a number: where each slot but the first lies, in standard deviations of the reference rows."""
    values: tuple[str, ...] | None = None
    """Of a category: the values with a slot of their own."""

    @property
    def slots(self) -> int:
        """Number of slots."""
        return len(self.places) + 1 if self.values is None else len(self.values) + 2

    def slot_name(self, slot: int) -> str:
        """Write what a slot holds, for people."""
        if slot == 0:
            return "missing"
        if self.values is not None:
            return self.values[slot - 1] if slot <= len(self.values) else "values that the reference does not know"
        ends = self.edges or ()
        if slot == 1:
            return f"below {ends[0]:g}"
        if slot == len(self.places):
            return f"above {ends[-1]:g}"
        return f"from {ends[slot - 2]:g} to {ends[slot - 1]:g}"

    @property
    def ends(self) -> str:
        """Write the range of a number in the reference, for people."""
        return f"{self.edges[0]:g} to {self.edges[-1]:g}" if self.edges else ""

    def slots_of(self, column: pd.Series) -> np.ndarray:
        """Return the slot of each cell, shape (n_rows,)."""
        if self.values is not None:
            codes, kinds = pd.factorize(column)
            known = pd.Index(self.values).get_indexer(pd.Index(kinds))
            slots = np.append(np.where(known < 0, len(self.values) + 1, known + 1), 0)
            return slots[codes]
        cells = column.to_numpy("float64", na_value=np.nan)
        ends = np.asarray(self.edges)
        found = 1 + np.searchsorted(ends[:-1], cells, side="right")
        found[cells > ends[-1]] = len(self.places)
        return np.where(np.isnan(cells), 0, found)


def learn_bins(column: pd.Series, period: np.ndarray) -> ColumnBins | None:
    """Learn how a column is counted from the reference rows.

    Parameters
    ----------
    column : Series of shape (n_rows,)
        Numbers or text.
    period : ndarray of int, shape (n_rows,)
        Number of the row's period.

    Returns
    -------
    ColumnBins or None
        None for a column without two values, and for one that gives the date.
    """
    name = str(column.name)
    if not pd.api.types.is_numeric_dtype(column):
        return _learn_categories(name, column, period)
    cells = column.to_numpy("float64", na_value=np.nan)
    known = ~np.isnan(cells)
    values = cells[known]
    spread = float(values.std()) if len(values) else 0.0
    if spread == 0 or _gives_the_date(values, period[known]):
        return None
    low, high = float(values.min()), float(values.max())
    ends = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1), method="lower"))
    ends = np.unique(np.concatenate([[low], ends, [high]]))
    at = np.searchsorted(ends[:-1], values, side="right")  # 1 is the first bin of the range
    total = np.bincount(at, weights=values, minlength=len(ends))
    size = np.bincount(at, minlength=len(ends))
    middle = np.append((ends[:-1] + ends[1:]) / 2, ends[-1])[: len(ends) - 1]
    means = np.divide(total[1:], size[1:], out=middle.copy(), where=size[1:] > 0)
    places = np.concatenate([[low - spread], means, [high + spread]]) / spread
    return ColumnBins(name=name, edges=tuple(map(float, ends)), places=tuple(map(float, places)))


def _gives_the_date(values: np.ndarray, period: np.ndarray) -> bool:
    size = np.bincount(period)
    mean = np.divide(np.bincount(period, weights=values), size, out=np.zeros(len(size)), where=size > 0)
    between = float((size * (mean - values.mean()) ** 2).sum() / len(values))
    # With a row or two per period, every column does.
    return bool(len(values) > 10 * (size > 0).sum() and between > CALENDAR * values.var())


def _learn_categories(name: str, column: pd.Series, period: np.ndarray) -> ColumnBins | None:
    codes, kinds = pd.factorize(column)
    known = codes >= 0
    pairs = np.unique(np.stack([codes[known], period[known]]), axis=1)[0]
    in_periods = np.bincount(pairs, minlength=len(kinds))
    size = np.bincount(codes[known], minlength=len(kinds))
    kept = [at for at in np.argsort(-size, kind="stable") if in_periods[at] > 1][:MOST_CATEGORIES]
    if len(kinds) < 2 or not kept:
        return None
    if _follows_the_calendar(codes[known], period[known]):
        return None
    return ColumnBins(name=name, values=tuple(str(kinds[at]) for at in kept))


def _follows_the_calendar(codes: np.ndarray, period: np.ndarray) -> bool:
    """Whether periods explain most of a category's variance (Gini's; Light & Margolin 1971)."""
    size, total = np.bincount(period), np.bincount(codes)
    if len(codes) <= 10 * (size > 0).sum():
        return False
    pairs, joint = np.unique(codes * len(size) + period, return_counts=True)
    within = len(codes) - float((joint**2 / size[pairs % len(size)]).sum())
    whole = len(codes) - float((total**2).sum()) / len(codes)
    return bool(whole > 0 and 1 - within / whole > CALENDAR)


def counts_by_period(
    columns: Mapping[str, pd.Series], bins: Mapping[str, ColumnBins], period: np.ndarray, n_periods: int
) -> dict[str, np.ndarray]:
    """Count the cells of each column by period.

    Parameters
    ----------
    columns : mapping of str to Series of shape (n_rows,)
        May lack some of ``bins``: all their cells count as missing.
    bins : mapping of str to ColumnBins
    period : ndarray of int, shape (n_rows,)
    n_periods : int

    Returns
    -------
    dict of str to ndarray of int, shape (n_periods, slots)
    """
    found = {}
    for name, one in bins.items():
        at = one.slots_of(columns[name]) if name in columns else np.zeros(len(period), dtype=np.int64)
        joint = np.bincount(period * one.slots + at, minlength=n_periods * one.slots)
        found[name] = joint.reshape(n_periods, one.slots)
    return found
