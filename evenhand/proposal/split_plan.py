"""Which rows a proposal holds out, and which folds the others get."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from evenhand.proposal.cells import ColumnCells
from evenhand.proposal.header_words import ENDED, OCCURRED, REPORTED, STARTED, has_word, is_afterwards, words_of
from evenhand.proposal.noted_yaml import Noted

SHARE = 0.25
MOST_UNKNOWN = 0.05
GROUPED = 0.05
"""Share of the rows in groups from which on they are related, and a fold must not divide them."""
FOLDS = 5


@dataclass(frozen=True, eq=False)
class SplitPlan:
    """The proposed split.

    Attributes
    ----------
    noted : dict
        ``split`` of the problem, with reasons.
    held_out : ndarray of bool, shape (n_rows,)
        About the rows that are held out.
    time : str or None
        The column by which they are.
    about : str
        One line for a reader.
    questions : tuple of str
    """

    noted: dict[str, Any]
    held_out: np.ndarray
    time: str | None
    about: str
    questions: tuple[str, ...] = field(default=())


def choose_time(columns: list[ColumnCells], preferred: str | None = None) -> ColumnCells | None:
    """Choose the column that says when a case happened: its name first, then how many rows have it.

    A column of years alone is the last choice.
    """
    times = [c for c in columns if c.kind == "time" and c.reading is not None and c.reading.day and c.distinct > 1]
    known = [c for c in times if c.known >= (1 - MOST_UNKNOWN) * len(c.values) or c.name == preferred]
    if not known:
        years = [c for c in columns if _is_year(c)]
        return years[0] if years else None
    return min(known, key=lambda c: (c.name != preferred, _rank(c), -c.known))


def _is_year(column: ColumnCells) -> bool:
    known = column.values.dropna()
    return (
        column.whole
        and "year" in words_of(column.name)
        and len(known) >= (1 - MOST_UNKNOWN) * len(column.values)
        and bool(known.between(1900, 2100).all())
        and column.distinct > 1
    )


def _rank(column: ColumnCells) -> tuple[int, int]:
    name = column.name
    if is_afterwards(name):
        rank = 4
    elif has_word(name, ENDED):
        rank = 3
    elif has_word(name, REPORTED):
        rank = 2
    else:
        rank = 0 if has_word(name, OCCURRED | STARTED) else 1
    return rank, int(not (column.reading and column.reading.clock))


def split_by_time(column: ColumnCells, related: bool) -> SplitPlan:
    """Hold the newest rows out: whole years where some are about a quarter, else whole months or days.

    Parameters
    ----------
    column : ColumnCells
        Of times, or of years.
    related : bool
        Whether many rows share their time and place, so that random folds would divide them.
    """
    values, known = column.values, column.values.dropna()
    start = _start(known) if column.kind == "time" else _first_year(known)
    held_out = (values >= (pd.Timestamp(start, tz="UTC") if column.kind == "time" else start)).fillna(False)
    share, first, last = held_out.mean(), known.min(), known.max()
    until = (f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}") if column.kind == "time" else (f"{first:g}", f"{last:g}")
    about = f"{share:.0%} of the rows, from {start} on ({column.name}, {until[0]} to {until[1]})"
    holdout: dict[str, Any] = {"column": column.name, "start": start}
    if column.reading is not None and column.reading.format is not None:
        formats = column.reading.format
        holdout["format"] = list(formats) if isinstance(formats, tuple) else formats
    folds, why = {"kind": "stratified", "n": FOLDS}, "random folds with every class at its share"
    months = known[~held_out[known.index].to_numpy(dtype=bool)]
    if related and column.kind == "time":
        sizes = months.dt.strftime("%Y-%m").value_counts().sort_index()
        if len(sizes) > FOLDS and sizes.iloc[-FOLDS:].min() >= 30:
            folds = {"kind": "forward", "column": column.name, "n": FOLDS, "period": "month"}
            folds |= {"format": holdout["format"]} if "format" in holdout else {}
            why = "many rows share their time and place, which random folds would divide: forward, month by month"
    noted = {
        "holdout": Noted(holdout, f"the newest {share:.0%} of the rows: a model is judged on what comes after it"),
        "folds": Noted(folds, why),
    }
    return SplitPlan(noted, held_out.to_numpy(dtype=bool), column.name, about)


def split_at_random(n_rows: int, group: str | None) -> SplitPlan:
    """Hold a random share out, in whole groups where rows belong together."""
    holdout: dict[str, Any] = {"share": SHARE}
    folds: dict[str, Any] = {"kind": "stratified", "n": FOLDS}
    why = "no column says when a case happened: chosen by content, the same rows in every training"
    fold_why = "random folds with every class at its share"
    if group is not None:
        holdout, folds = holdout | {"column": group}, {"kind": "group", "column": group, "n": FOLDS}
        fold_why = f"rows of one {group} stay together"
    question = (
        "split.holdout: without a time, rows are held out at random. That says how the model does on rows like "
        "these, not how it will do next year; if a column has the time, name it"
    )
    held_out = np.zeros(n_rows, dtype=bool)
    held_out[:: round(1 / SHARE)] = True
    noted = {"holdout": Noted(holdout, why), "folds": Noted(folds, fold_why)}
    return SplitPlan(noted, held_out, None, f"{SHARE:.0%} of the rows at random (no time was found)", (question,))


def with_groups(plan: SplitPlan, group: str) -> SplitPlan:
    """Return a plan whose folds keep the rows of a group together."""
    folds = Noted({"kind": "group", "column": group, "n": FOLDS}, f"rows of one {group} stay together")
    return SplitPlan({**plan.noted, "folds": folds}, plan.held_out, plan.time, plan.about, plan.questions)


def related_rows(time: pd.Series, place: pd.DataFrame) -> float:
    """Return the share of the rows that have time and place in common with another row.

    Examples
    --------
    >>> when = pd.Series(pd.to_datetime(["2024-01-01 09:30", "2024-01-01 09:30", "2024-01-02 10:00"]))
    >>> float(round(related_rows(when, pd.DataFrame({"lat": [1.5, 1.5, 1.5]})), 2))
    0.67
    """
    together = place.assign(time=time.to_numpy())
    known = together.notna().all(axis=1)
    return float((together[known].duplicated(keep=False)).sum() / max(1, len(together)))


def _start(known: pd.Series) -> Any:
    """Return the first day that is held out."""
    ordered = known.sort_values()
    for unit, least in (("YS", 0.12), ("MS", 0.15)):
        starts = pd.date_range(ordered.iloc[0].normalize(), ordered.iloc[-1], freq=unit, inclusive="right")
        shares = {start: float((ordered >= start).mean()) for start in starts}
        fit = {start: share for start, share in shares.items() if least <= share <= 0.35}
        if fit:
            return min(fit, key=lambda start: abs(fit[start] - SHARE)).date()
    days = ordered.dt.normalize()
    quantile = days.iloc[min(len(days) - 1, round((1 - SHARE) * len(days)))]
    later = days[days > days.iloc[0]]
    return max(quantile, later.iloc[0] if len(later) else quantile).date()


def _first_year(known: pd.Series) -> int:
    years = np.sort(known.unique())[1:]
    return int(min(years, key=lambda year: abs(float((known >= year).mean()) - SHARE)))
