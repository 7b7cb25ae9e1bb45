"""The classes of a target, and what becomes of those with few rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evenhand.errors import ProblemError
from evenhand.problem import Target
from evenhand.proposal.cells import MARKERS, listed
from evenhand.proposal.noted_yaml import Noted

LEAST = 10
"""Rows that a class needs to be trained and judged at all (the least of a suite)."""
FEW = 30
"""Rows below which a class of a file of at least 2,000 is called rare: its recall is hardly more than a guess."""
MOST_CLASSES = 40
KEPT_CLASSES = 20
OTHER = "other"
OTHERS = ("other", "others", "all other", "miscellaneous")


@dataclass(frozen=True)
class Classes:
    """What becomes of the target's values.

    Attributes
    ----------
    groups : dict of str to tuple of str
        Class and its values; empty where every value is a class.
    other : str or None
        Class of the values that no group names.
    drop : tuple of str
        Values whose rows are left out.
    rows : dict of str to int
        Rows of each class, largest first.
    reasons : tuple of str
        What was done, for a reader.
    questions : tuple of str
    """

    groups: Mapping[str, tuple[str, ...]]
    other: str | None
    drop: tuple[str, ...]
    rows: Mapping[str, int]
    reasons: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()

    def target(self, column: str) -> Target:
        """Return the target of a problem."""
        return Target(column=column, groups=dict(self.groups) or None, other=self.other, drop=self.drop)

    def noted(self, column: str) -> dict[str, object]:
        """Return the target as plain data with reasons."""
        found: dict[str, object] = {"column": Noted(column, f"{len(self.rows)} classes: {self.counts()}")}
        if self.groups:
            found["groups"] = Noted({name: list(values) for name, values in self.groups.items()}, self.reasons[-1])
        if self.other:
            found["other"] = Noted(self.other, f"{self.rows.get(self.other, 0):,} rows of the values not named above")
        if self.drop:
            found["drop"] = Noted(list(self.drop), "rows without a class, or of too few alike, are left out")
        return found

    def counts(self, at_most: int = 12) -> str:
        """Write classes and their rows."""
        return listed([f"{name} {rows:,}" for name, rows in self.rows.items()], at_most)


def propose_classes(values: pd.Series, train: np.ndarray) -> Classes:
    """Decide what becomes of each value of the target.

    Parameters
    ----------
    values : Series of str, shape (n_rows,)
        Text of the target; missing where a cell is blank.
    train : ndarray of bool, shape (n_rows,)
        Rows that are not held out; a class needs rows among them.

    Raises
    ------
    ProblemError
        When there is no class to tell from another: one value, numbers that are a quantity, a value per row.

    Examples
    --------
    >>> kinds = pd.Series(["theft"] * 40 + ["fraud"] * 30 + ["arson"] * 8 + ["piracy"] * 3 + ["-"], name="kind")
    >>> found = propose_classes(kinds, np.ones(82, dtype=bool))
    >>> found.rows, found.other, found.drop
    ({'theft': 40, 'fraud': 30, 'other': 11}, 'other', ('-',))
    """
    name, counts = str(values.name), values.value_counts()
    marked = tuple(value for value in counts.index if value.casefold() in MARKERS)
    counts = counts.drop(list(marked))
    _refuse_no_classes(name, values, counts)
    merged = _same_spelling(counts)
    rows = pd.Series({first: int(counts[list(same)].sum()) for first, same in merged.items()})
    rows = rows.sort_values(ascending=False, kind="stable")
    trained = values[train].value_counts()
    of_train = pd.Series({first: int(trained.reindex(list(same)).sum()) for first, same in merged.items()})
    least = FEW if rows.sum() >= 2_000 else LEAST
    rare = [value for value in rows.index if rows[value] < least or of_train[value] < least // 2]
    reasons: list[str] = []
    questions: list[str] = []
    if marked:
        n = int(values.isin(marked).sum())
        questions.append(f"target: {n:,} rows of {listed(marked)} are left out, as if they had no class")
    if len(rows) - len(rare) > MOST_CLASSES:
        rare = list(rows.index[KEPT_CLASSES:])
        questions.append(
            f"target: {len(rows):,} classes are more than a table can show: the {KEPT_CLASSES} largest stay, the "
            "others are one class"
        )
    kept = [value for value in rows.index if value not in rare]
    again = [same for same in merged.values() if len(same) > 1]
    if again:
        questions.append(f"target: {listed([' = '.join(same) for same in again])} are taken for one class each")
    return _settled(_Counted(merged, rows, kept, rare, marked), least, reasons, questions)


@dataclass(frozen=True)
class _Counted:
    merged: Mapping[str, tuple[str, ...]]
    rows: pd.Series
    kept: list[str]
    rare: list[str]
    marked: tuple[str, ...]


def _settled(found: _Counted, least: int, reasons: list[str], questions: list[str]) -> Classes:
    """Put the rare classes together where they are enough, and leave them out where they are not."""
    merged, kept, rare = found.merged, list(found.kept), list(found.rare)
    own = next((v for v in found.rows.index if v.casefold() in OTHERS), None)
    total = int(found.rows[rare].sum()) + (int(found.rows[own]) if own in kept else 0)
    named = listed([f"{value} ({found.rows[value]:,})" for value in rare])
    drop = list(found.marked)
    other = None
    if rare and total >= least:
        other = own or (OTHER if OTHER not in kept else f"{OTHER} classes")
        kept = [value for value in kept if value != own]
        reasons.append(f"classes of few rows are one class {other!r}: {named}")
        questions.append(f"target: {named} have too few rows of their own and are put together as {other!r}")
    elif rare:
        drop += [value for first in rare for value in merged[first]]
        reasons.append(f"left out, since a model can't learn a class of few rows: {named}")
        questions.append(f"target: rows of {named} are left out: too few to learn from")
    if len(kept) + (other is not None) < 2:
        raise ProblemError(
            f"the target has {len(found.rows)} classes, and fewer than two of them have {least} rows: {named}. A class "
            "needs more rows, or another column is the target"
        )
    by_group = other is not None or any(len(merged[value]) > 1 for value in kept)
    groups = {value: merged[value] for value in kept} if by_group else {}
    if by_group and not reasons:
        reasons.append("spellings of one class are put together")
    rows = {value: int(found.rows[value]) for value in kept} | ({other: total} if other else {})
    rows = dict(sorted(rows.items(), key=lambda item: -item[1]))
    return Classes(groups, other, tuple(drop), rows, tuple(reasons), tuple(questions))


def _same_spelling(counts: pd.Series) -> dict[str, tuple[str, ...]]:
    """Put values together that differ in case and spaces alone; the most frequent spelling is the name."""
    found: dict[str, list[str]] = {}
    for value in counts.index:
        found.setdefault(" ".join(value.casefold().split()), []).append(value)
    return {same[0]: tuple(same) for same in found.values()}


def _refuse_no_classes(name: str, values: pd.Series, counts: pd.Series) -> None:
    if len(counts) < 2:
        what = f"the one value {counts.index[0]!r}" if len(counts) else "no value"
        raise ProblemError(f"target {name!r} holds {what}, so there is nothing to tell apart; name another column")
    known = int(counts.sum())
    numbers = pd.to_numeric(pd.Series(counts.index), errors="coerce").notna().mean()
    if len(counts) > 50 and (numbers > 0.9 or len(counts) > known / 5):
        what = "numbers, a quantity" if numbers > 0.9 else "values, nearly one per row"
        shown = listed([repr(value) for value in counts.index[:3]])
        raise ProblemError(
            f"target {name!r} holds {len(counts):,} different {what}: {shown}. A class is needed: name a column of "
            "kinds, or make one"
        )
