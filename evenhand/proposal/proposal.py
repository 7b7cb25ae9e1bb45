"""A whole proposal: from the raw cells of a file to a problem with a reason beside each line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evenhand.errors import ProblemError
from evenhand.problem import Problem, parse_problem
from evenhand.proposal.cells import ColumnCells, listed
from evenhand.proposal.draft import Draft, ProposalRequest, read_draft
from evenhand.proposal.features import features_of
from evenhand.proposal.head import head_of, time_zone_of
from evenhand.proposal.leaks import copies_of_columns, near_copies, predictive_columns
from evenhand.proposal.methods import methods_for
from evenhand.proposal.noted_yaml import Noted, plain
from evenhand.proposal.recipe import matching
from evenhand.proposal.roles import Assigned, Places, assign, find_places
from evenhand.proposal.split_plan import (
    GROUPED,
    SplitPlan,
    choose_time,
    related_rows,
    split_at_random,
    split_by_time,
    with_groups,
)
from evenhand.proposal.target import Classes, propose_classes
from evenhand.text.cell_text import text_of


@dataclass(frozen=True, eq=False)
class Proposal:
    """A proposed problem.

    Attributes
    ----------
    head, tail : dict
        The problem as plain data with reasons; what is left out stands between them.
    roles : dict of str to Assigned
        Of every column but the target.
    columns : dict of str to ColumnCells
    classes : Classes
    split : SplitPlan
    questions : tuple of str
        What is not sure, or a person must decide.
    recipe : str or None
        Title of the recipe.
    copies : int
        Rows that are equal to an earlier one.
    """

    head: dict[str, Any]
    tail: dict[str, Any]
    roles: Mapping[str, Assigned]
    columns: Mapping[str, ColumnCells]
    classes: Classes
    split: SplitPlan
    questions: tuple[str, ...]
    recipe: str | None
    copies: int

    @property
    def problem(self) -> Problem:
        """The problem that the file will be read as."""
        return parse_problem(plain({**self.head, **self.tail}), "the proposal")


def propose(frame: pd.DataFrame, asked: ProposalRequest) -> Proposal:
    """Propose a problem for rows that nobody has described.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        Raw cells, as a source gives them.
    asked : ProposalRequest

    Returns
    -------
    Proposal

    Raises
    ------
    ProblemError
        When there is no such column, no classes to tell apart, too few rows, or no column to predict from.
    """
    draft = read_draft(frame, asked)
    places = find_places(draft.columns)
    fixed, preferred = draft.recipe.assigned(draft.names) if draft.recipe else {}, draft.preferred_time
    time = choose_time([c for c in draft.columns if _may_be_time(c, fixed, preferred)], preferred)
    roles = {c.name: assign(c, time, places, fixed) for c in draft.columns}
    split = _split(draft, time, places, roles)
    values = text_of(frame[draft.target]).rename(draft.target)
    counted = draft.once if draft.drops_copies else np.ones(len(frame), dtype=bool)
    classes = propose_classes(values[counted], ~split.held_out[counted])
    labels = _labels(values, classes)
    seen = [c for c in draft.columns if roles[c.name].role in ("categorical", "numeric", "text")]
    for name, why in near_copies(seen, labels).items():
        roles[name] = Assigned("leak", why, f"left out, since {why}; if known before the class, put it back")
    roles |= copies_of_columns(draft.columns, roles)
    proposal = _assembled(draft, roles, places, split, classes)
    found = predictive_columns(proposal.problem, frame, split.held_out)
    if found:
        for name, score in found.items():
            why = f"it alone predicts the target (macro-F1 {score:.3f})"
            roles[name] = Assigned("leak", why, f"left out, since {why}; if known before the class, put it back")
        proposal = _assembled(draft, roles, places, split, classes)
    return proposal


def _may_be_time(column: ColumnCells, fixed: Mapping[str, Assigned], preferred: str | None) -> bool:
    return column.name == preferred or column.name not in fixed


def _split(draft: Draft, time: ColumnCells | None, places: Places, roles: Mapping[str, Assigned]) -> SplitPlan:
    group = _group(draft, roles)
    by_name = draft.by_name
    if time is None:
        return split_at_random(len(draft.frame), group)
    pair = places.degrees or (places.projected if len(places.projected) == 2 else None)
    related = 0.0
    if pair is not None and time.kind == "time" and time.reading is not None and time.reading.clock:
        once = draft.once
        place = pd.DataFrame({name: by_name[name].values for name in pair})
        related = related_rows(time.values[once], place[once])
    plan = split_by_time(time, related >= GROUPED)
    return with_groups(plan, group) if group is not None else plan


def _group(draft: Draft, roles: Mapping[str, Assigned]) -> str | None:
    """Return the identifier of incidents of several rows, if the file has one."""
    once = draft.once
    named = matching([draft.recipe.group], draft.names) if draft.recipe and draft.recipe.group else []
    for column in draft.columns:
        identifies = column.name in named or roles[column.name].why.startswith("an identifier")
        if not identifies or column.kind == "time":
            continue
        values = column.values[once].dropna()
        if values.duplicated(keep=False).mean() >= GROUPED and values.nunique() >= 20:
            draft.questions.append(f"split.folds: rows with the same {column.name} are taken for one incident")
            return column.name
    return None


def _labels(values: pd.Series, classes: Classes) -> pd.Series:
    named = {value: name for name, group in classes.groups.items() for value in group}
    labels = values.mask(values.isin(classes.drop))
    return labels.map(lambda v: named.get(v, classes.other), na_action="ignore") if classes.groups else labels


def _assembled(
    draft: Draft, roles: dict[str, Assigned], places: Places, split: SplitPlan, classes: Classes
) -> Proposal:
    by_name = draft.by_name
    used = {
        name: by_name[name] for name, found in roles.items() if found.role not in ("out", "leak", "sensitive", "text")
    }
    if not used:
        why = "; ".join(f"{name}: {found.why}" for name, found in list(roles.items())[:8])
        raise ProblemError(f"no column is left to predict from: {why or 'the target is the only one'}")
    rows = len(draft.frame)
    features = features_of(used, roles, places, rows)
    methods = methods_for(classes, features, split)
    questions = [*draft.questions, *places.questions, *split.questions, *classes.questions]
    questions += _of_columns(roles)
    read = [*used.values(), *(by_name[n] for n in _split_columns(split) if n in by_name)]
    head = head_of(draft, read, classes, questions)
    leaks = [Noted(name, found.why) for name, found in roles.items() if found.role == "leak"]
    tail = ({"leaks": leaks} if leaks else {}) | {"features": features, "split": split.noted}
    tail |= time_zone_of(draft, read, questions) | methods.noted
    return Proposal(
        head,
        tail,
        dict(roles),
        by_name,
        classes,
        split,
        (*questions, *methods.questions),
        draft.recipe.title if draft.recipe else None,
        int((~draft.once).sum()),
    )


def _of_columns(roles: Mapping[str, Assigned]) -> list[str]:
    """Write each question once, with the columns that it is asked of."""
    asked: dict[str, list[str]] = {}
    for name, found in roles.items():
        if found.question:
            asked.setdefault(found.question, []).append(name)
    return [f"{listed(names, 8)}: {question}" for question, names in asked.items()]


def _split_columns(split: SplitPlan) -> list[str]:
    found = plain(split.noted)
    return [part["column"] for part in (found["holdout"], found["folds"]) if part.get("column")]
