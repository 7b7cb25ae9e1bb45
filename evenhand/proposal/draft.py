"""What a file shows before any decision: its target, how it writes numbers, and each column as its cells show it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from evenhand.data.headers import respelled
from evenhand.data.schema import Signs
from evenhand.errors import ProblemError
from evenhand.proposal.cells import ColumnCells, find_signs, listed, read_column
from evenhand.proposal.recipe import Recipe, find_recipe, matching
from evenhand.proposal.time_formats import is_month_first

FEWEST_ROWS = 100
EARLIEST = 1900


@dataclass(frozen=True)
class ProposalRequest:
    """What a user asks for.

    Attributes
    ----------
    name : str
        Of the problem.
    target : str
        Column to predict.
    source : dict
        The source of the problem, with reasons.
    recipes : bool
        Whether recipes may pre-fill.
    """

    name: str
    target: str
    source: Mapping[str, Any]
    recipes: bool = True


@dataclass
class Draft:
    """What was found of a file so far; questions are added by each step."""

    asked: ProposalRequest
    target: str
    frame: pd.DataFrame
    signs: Signs
    columns: list[ColumnCells]
    recipe: Recipe | None
    questions: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """Every column of the file."""
        return list(self.frame.columns)

    @property
    def by_name(self) -> dict[str, ColumnCells]:
        """Every column but the target."""
        return {column.name: column for column in self.columns}

    @property
    def once(self) -> np.ndarray:
        """Mark the rows that are no copy of an earlier one, shape (n_rows,)."""
        return ~self.frame.duplicated().to_numpy()

    @property
    def drops_copies(self) -> bool:
        """Whether rows that are equal are copies: a column identifies the rows, and no recipe says otherwise."""
        if self.once.all() or (self.recipe is not None and self.recipe.duplicates is not None):
            return False
        return any(c.known == len(self.frame) and c.distinct >= 0.9 * c.known for c in self.columns)

    @property
    def preferred_time(self) -> str | None:
        """The column that the recipe takes for the time of a case."""
        if self.recipe is None or self.recipe.time is None:
            return None
        return next(iter(matching([self.recipe.time.column], self.names)), None)


def read_draft(frame: pd.DataFrame, asked: ProposalRequest) -> Draft:
    """Find the target and read every other column.

    Raises
    ------
    ProblemError
        When there are too few rows, or no such column.
    """
    if len(frame) < FEWEST_ROWS:
        raise ProblemError(
            f"the file has {len(frame):,} rows; {FEWEST_ROWS} are the least that a model can be judged on"
        )
    target = find_column(list(map(str, frame.columns)), asked.target)
    others = [name for name in frame.columns if name != target]
    signs, question = find_signs(frame[others])
    recipe = find_recipe(list(frame.columns)) if asked.recipes else None
    month_first = _month_first(frame[others], recipe)
    columns = [read_column(frame[name], signs, month_first) for name in others]
    draft = Draft(asked, target, frame, signs, columns, recipe)
    draft.questions += [f"source: {question}"] if question else []
    for column in columns:
        if column.reading is not None and column.reading.question:
            draft.questions.append(f"{column.name}: {column.reading.question}")
        early = int((column.values.dt.year < EARLIEST).sum()) if column.kind == "time" and _has_day(column) else 0
        if early:
            draft.questions.append(f"{column.name}: {early:,} times are before {EARLIEST}; a slip of the pen?")
        if column.odd:
            draft.questions.append(f"{column.name}: {listed(list(map(repr, column.odd)))} counts as missing")
    return draft


def _has_day(column: ColumnCells) -> bool:
    return column.reading is not None and column.reading.day


def find_column(names: Sequence[str], wanted: str) -> str:
    """Return the column that a user means, whatever the case and the signs between its words.

    Raises
    ------
    ProblemError
        When there is none, naming the nearest.

    Examples
    --------
    >>> find_column(["Primary Type", "Date"], "primary_type")
    'Primary Type'
    """
    if not wanted:
        raise ProblemError(f"TARGET: name the column to predict; the file has {', '.join(map(repr, names))}")
    if wanted in names:
        return wanted
    composed = respelled(list(names), [wanted])
    alike = list(composed) or matching([wanted], names)
    if alike:
        return alike[0]
    near = difflib.get_close_matches(wanted.casefold(), [name.casefold() for name in names], n=1, cutoff=0.5)
    guess = next((f" (is it {name!r}?)" for name in names if near and name.casefold() == near[0]), "")
    raise ProblemError(f"TARGET: there is no column {wanted!r}{guess}; the file has {', '.join(map(repr, names))}")


def _month_first(frame: pd.DataFrame, recipe: Recipe | None) -> bool | None:
    """Whether the month comes first in dates, by any column that shows it, else by the recipe."""
    texts = [name for name in frame if pd.api.types.is_string_dtype(frame[name])]
    found = [is_month_first(pd.Index(frame[name].dropna().unique()[:2000])) for name in texts]
    shown = {each for each in found if each is not None}
    if len(shown) == 1:
        return shown.pop()
    declared = recipe.time.format if recipe is not None and recipe.time is not None else None
    first = declared[0] if isinstance(declared, tuple) else declared
    return first.startswith("%m") if first is not None and first.startswith(("%m", "%d")) else None
