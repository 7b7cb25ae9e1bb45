"""A whole proposal: from the raw cells of a file to a problem with a reason beside each line."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from evenhand.data.headers import respelled
from evenhand.data.schema import Signs
from evenhand.errors import ProblemError
from evenhand.problem import Problem, parse_problem
from evenhand.proposal.cells import Column, find_signs, listed, read_column
from evenhand.proposal.features import features_of
from evenhand.proposal.holdout import (
    GROUPED,
    SplitPlan,
    choose_time,
    share_time_and_place,
    split_at_random,
    split_by_time,
    with_groups,
)
from evenhand.proposal.leaks import near_copies, predictive_columns
from evenhand.proposal.methods import methods_for
from evenhand.proposal.noted_yaml import Noted, plain
from evenhand.proposal.recipe import Recipe, find_recipe, matching
from evenhand.proposal.roles import Assigned, Places, assign, find_places
from evenhand.proposal.target import Classes, propose_classes
from evenhand.proposal.time_formats import is_month_first
from evenhand.text.cell_text import text_of

FEWEST_ROWS = 100
EARLIEST = 1900


@dataclass(frozen=True)
class Asked:
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


@dataclass(frozen=True, eq=False)
class Proposal:
    """A proposed problem.

    Attributes
    ----------
    head, tail : dict
        The problem as plain data with reasons; what is left out stands between them.
    roles : dict of str to Assigned
        Of every column but the target.
    columns : dict of str to Column
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
    columns: Mapping[str, Column]
    classes: Classes
    split: SplitPlan
    questions: tuple[str, ...]
    recipe: str | None
    copies: int

    @property
    def problem(self) -> Problem:
        """The problem that the file will be read as."""
        return parse_problem(plain({**self.head, **self.tail}), "the proposal")


@dataclass
class _Draft:
    """What was found of a file so far."""

    asked: Asked
    target: str
    frame: pd.DataFrame
    signs: Signs
    columns: list[Column]
    recipe: Recipe | None
    questions: list[str] = field(default_factory=list)


def propose(frame: pd.DataFrame, asked: Asked) -> Proposal:
    """Propose a problem for rows that nobody has described.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        Raw cells, as a source gives them.
    asked : Asked

    Returns
    -------
    Proposal

    Raises
    ------
    ProblemError
        When there is no such column, no classes to tell apart, too few rows, or no column to predict from.
    """
    draft = _read(frame, asked)
    places = find_places(draft.columns)
    fixed = draft.recipe.assigned(list(frame.columns)) if draft.recipe else {}
    preferred = _preferred_time(draft)
    time = choose_time([c for c in draft.columns if _may_be_time(c, fixed, preferred)], preferred)
    roles = {c.name: assign(c, time, places, fixed) for c in draft.columns}
    split = _split(draft, time, places, roles)
    values = text_of(frame[draft.target]).rename(draft.target)
    classes = propose_classes(values, ~split.held_out)
    labels = _labels(values, classes)
    seen = [c for c in draft.columns if roles[c.name].role in ("categorical", "numeric", "text")]
    for name, why in near_copies(seen, labels).items():
        roles[name] = Assigned("leak", why, f"left out, since {why}; if known before the class, put it back")
    roles |= _copies_of_columns(draft.columns, roles)
    proposal = _assembled(draft, roles, places, split, classes)
    found = predictive_columns(proposal.problem, frame, split.held_out)
    if found:
        for name, score in found.items():
            why = f"it alone predicts the target (macro-F1 {score:.3f})"
            roles[name] = Assigned("leak", why, f"left out, since {why}; if known before the class, put it back")
        proposal = _assembled(draft, roles, places, split, classes)
    return proposal


def _read(frame: pd.DataFrame, asked: Asked) -> _Draft:
    if len(frame) < FEWEST_ROWS:
        raise ProblemError(
            f"the file has {len(frame):,} rows; {FEWEST_ROWS} are the least that a model can be judged on"
        )
    target = find_column(list(map(str, frame.columns)), asked.target)
    others = [name for name in frame.columns if name != target]
    signs, question = find_signs(frame[others])
    recipe = find_recipe(list(frame.columns)) if asked.recipes else None
    columns = [read_column(frame[name], signs, _month_first(frame[others])) for name in others]
    draft = _Draft(asked, target, frame, signs, columns, recipe)
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


def _has_day(column: Column) -> bool:
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


def _month_first(frame: pd.DataFrame) -> bool | None:
    """Whether the month comes first in dates, by any column that shows it, else by the place."""
    texts = [name for name in frame if pd.api.types.is_string_dtype(frame[name])]
    found = [is_month_first(pd.Index(frame[name].dropna().unique()[:2000])) for name in texts]
    shown = {each for each in found if each is not None}
    return shown.pop() if len(shown) == 1 else None


def _preferred_time(draft: _Draft) -> str | None:
    recipe = draft.recipe
    if recipe is None or recipe.time is None:
        return None
    return next(iter(matching([recipe.time.column], list(draft.frame.columns))), None)


def _may_be_time(column: Column, fixed: Mapping[str, Assigned], preferred: str | None) -> bool:
    return column.name == preferred or column.name not in fixed


def _copies_of_columns(columns: list[Column], roles: Mapping[str, Assigned]) -> dict[str, Assigned]:
    """Find columns that have the same values as an earlier one."""
    seen: dict[int, str] = {}
    found = {}
    features = ("latitude", "longitude", "leak", "categorical", "numeric")
    read = [c for c in columns if roles[c.name].role in features]
    for column in sorted(read, key=lambda c: features.index(roles[c.name].role)):
        # Where nearly every row has a value of its own, any two columns go together one to one.
        own = column.distinct > column.known / 2
        key = hash(column.values.to_numpy().tobytes() if own else pd.factorize(column.values)[0].tobytes())
        if key in seen and roles[column.name].role in ("categorical", "numeric"):
            found[column.name] = Assigned("out", f"{seen[key]} once more: one value here for each there")
        seen.setdefault(key, column.name)
    return found


def _split(draft: _Draft, time: Column | None, places: Places, roles: Mapping[str, Assigned]) -> SplitPlan:
    group = _group(draft, roles)
    by_name = {column.name: column for column in draft.columns}
    if time is None:
        return split_at_random(len(draft.frame), group)
    pair = places.degrees or (places.projected if len(places.projected) == 2 else None)
    related = 0.0
    if pair is not None and time.kind == "time" and time.reading is not None and time.reading.clock:
        once = ~draft.frame.duplicated().to_numpy()
        place = pd.DataFrame({name: by_name[name].values for name in pair})
        related = share_time_and_place(time.values[once], place[once])
    plan = split_by_time(time, related >= GROUPED)
    return with_groups(plan, group) if group is not None else plan


def _group(draft: _Draft, roles: Mapping[str, Assigned]) -> str | None:
    """Return the identifier of incidents of several rows, if the file has one."""
    once = ~draft.frame.duplicated().to_numpy()
    named = matching([draft.recipe.group], list(draft.frame.columns)) if draft.recipe and draft.recipe.group else []
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
    draft: _Draft, roles: dict[str, Assigned], places: Places, split: SplitPlan, classes: Classes
) -> Proposal:
    by_name = {column.name: column for column in draft.columns}
    used = {
        name: by_name[name] for name, found in roles.items() if found.role not in ("out", "leak", "sensitive", "text")
    }
    if not used:
        why = "; ".join(f"{name}: {found.why}" for name, found in list(roles.items())[:8])
        raise ProblemError(f"no column is left to predict from: {why or 'the target is the only one'}")
    rows = len(draft.frame)
    features = features_of(used, roles, places, rows)
    methods = methods_for(rows, classes, features, split)
    copies = int(draft.frame.duplicated().sum())
    questions = [*draft.questions, *places.questions, *split.questions, *classes.questions]
    questions += _of_columns(roles)
    read = [*used.values(), *(by_name[n] for n in _split_columns(split) if n in by_name)]
    head = _head(draft, read, classes, copies, questions)
    leaks = [Noted(name, found.why) for name, found in roles.items() if found.role == "leak"]
    tail = ({"leaks": leaks} if leaks else {}) | {"features": features, "split": split.noted}
    tail |= _time_zone(draft, read, questions) | methods.noted
    return Proposal(
        head,
        tail,
        dict(roles),
        by_name,
        classes,
        split,
        (*questions, *methods.questions),
        draft.recipe.title if draft.recipe else None,
        copies,
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


def _head(draft: _Draft, read: list[Column], classes: Classes, copies: int, questions: list[str]) -> dict[str, Any]:
    asked, recipe = draft.asked, draft.recipe
    source = dict(asked.source)
    if draft.signs.decimal != ".":
        source["decimal"] = Noted(draft.signs.decimal, "numbers are written like 3,5")
    if draft.signs.thousands:
        source["thousands"] = Noted(draft.signs.thousands, "stands between groups of three digits")
    markers = sorted({marker for column in read for marker in column.markers})
    if markers:
        source["missing"] = Noted(markers, "stand for a missing value in the columns used")
    rows, named = len(draft.frame), draft.target
    unknown = float(text_of(draft.frame[named]).isna().mean())
    identified = any(not column.values.isna().any() and column.distinct >= 0.9 * rows for column in draft.columns)
    head: dict[str, Any] = {
        "name": Noted(asked.name, "of the problem, its runs and its registered model"),
        "title": Noted(recipe.title if recipe else asked.name.replace("_", " "), "for people"),
        "licence": Noted((recipe and recipe.licence) or "not stated", "of the data: write it down"),
        "source": source,
        "suite": Noted(asked.name, f"what rows must be: expectations/{asked.name}.json"),
    }
    if copies and (recipe is None or recipe.duplicates is None) and identified:
        head["duplicates"] = Noted("drop", f"{copies:,} rows are copies of an earlier row, identifier and all")
    elif copies:
        head["duplicates"] = Noted("keep", f"{copies:,} rows are equal to an earlier one, and may be different cases")
        questions.append(f"duplicates: {copies:,} rows are equal to an earlier one; if they are copies, write `drop`")
    if unknown > 0.01:
        limit = min(0.99, round(unknown + 0.02, 2))
        head["validation"] = {
            "max_quarantined": Noted(limit, f"{unknown:.1%} of the rows have no {named}: they are set apart")
        }
        questions.append(f"{named}: {unknown:.1%} of the rows have no value; they are neither trained on nor judged")
    head["target"] = classes.noted(named)
    return head


def _time_zone(draft: _Draft, read: list[Column], questions: list[str]) -> dict[str, Any]:
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
