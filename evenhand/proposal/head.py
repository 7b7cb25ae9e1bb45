"""The head of a proposed problem: its source, its duplicates and its target; and its time zone."""

from __future__ import annotations

from typing import Any

from evenhand.proposal.cells import ColumnCells
from evenhand.proposal.draft import Draft
from evenhand.proposal.noted_yaml import Noted
from evenhand.proposal.target import Classes
from evenhand.text.cell_text import text_of

MOST_UNKNOWN = 0.01
"""Share of the rows without a class that a training takes without a word."""


def head_of(draft: Draft, read: list[ColumnCells], classes: Classes, questions: list[str]) -> dict[str, Any]:
    """Return the first keys of the problem as plain data with reasons.

    Parameters
    ----------
    draft : Draft
    read : list of ColumnCells
        Columns that the problem reads.
    classes : Classes
    questions : list of str
        What is not sure is added.
    """
    asked, recipe, unknown = draft.asked, draft.recipe, _unknown(draft)
    head: dict[str, Any] = {
        "name": Noted(asked.name, "of the problem, its runs and its registered model"),
        "title": Noted(recipe.title if recipe else asked.name.replace("_", " "), "for people"),
        "licence": Noted((recipe and recipe.licence) or "not stated", "of the data: write it down"),
        "source": _source(draft, read),
        "suite": Noted(asked.name, f"what rows must be: expectations/{asked.name}.json"),
    }
    head |= _duplicates(draft, questions)
    if unknown > MOST_UNKNOWN:
        limit, what = min(0.99, round(unknown + 0.02, 2)), f"{unknown:.1%} of the rows have no {draft.target}"
        head["validation"] = {"max_quarantined": Noted(limit, f"{what}: they are set apart")}
        questions.append(f"target: {what}; they are neither trained on nor judged")
    head["target"] = classes.noted(draft.target)
    return head


def _source(draft: Draft, read: list[ColumnCells]) -> dict[str, Any]:
    source = dict(draft.asked.source)
    if draft.signs.decimal != ".":
        source["decimal"] = Noted(draft.signs.decimal, "numbers are written like 3,5")
    if draft.signs.thousands:
        source["thousands"] = Noted(draft.signs.thousands, "stands between groups of three digits")
    markers = sorted({marker for column in read for marker in column.markers})
    if markers:
        source["missing"] = Noted(markers, "stand for a missing value in the columns used")
    return source


def _duplicates(draft: Draft, questions: list[str]) -> dict[str, Any]:
    copies = int((~draft.once).sum())
    if not copies:
        return {}
    if draft.drops_copies:
        return {"duplicates": Noted("drop", f"{copies:,} rows are copies of an earlier row, identifier and all")}
    questions.append(f"duplicates: {copies:,} rows are equal to an earlier one; if they are copies, write `drop`")
    return {"duplicates": Noted("keep", f"{copies:,} rows are equal to an earlier one, and may be different cases")}


def _unknown(draft: Draft) -> float:
    return float(text_of(draft.frame[draft.target]).isna().mean())


def time_zone_of(draft: Draft, read: list[ColumnCells], questions: list[str]) -> dict[str, Any]:
    """Return the time zone where the recipe knows it, or times are counted from UTC."""
    known = draft.recipe.time_zone if draft.recipe else None
    readings = [column.reading for column in read if column.reading is not None]
    absolute = [r for r in readings if r.zone or "epoch" in str(r.format) or "%z" in str(r.format)]
    if known is not None and readings:
        return {"time_zone": Noted(known, "hours are those of the clock on the wall there")}
    if absolute:
        questions.append("time_zone: times are counted from UTC; name the place's zone, such as America/New_York")
        return {"time_zone": Noted("UTC", "check: the zone of the place, such as America/New_York")}
    if any(reading.offset for reading in readings):
        questions.append(
            "time_zone: times have an offset from UTC and are read as written; if they are no local times, write "
            "`time_zone: America/New_York` (the zone of the place), to which they are converted"
        )
    return {}
