"""What good rows are: the suite of a problem, and which rows break it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from evenhand.data.schema import ColumnType, column_types, time_type, with_signs
from evenhand.errors import ProblemError
from evenhand.problem import Problem, Target
from evenhand.text.cell_text import canonical_text

COLUMN_SET = "expect_table_columns_to_match_set"
OF_TYPE = "expect_column_values_to_be_of_type"
NOT_NULL = "expect_column_values_to_not_be_null"
_TYPE_NAMES = {"number": "float64", "text": "str", "time": "Timestamp"}
_KINDS: dict[str, Literal["number", "text", "time"]] = {"float64": "number", "str": "text", "Timestamp": "time"}
_ROW_LEVEL = re.compile(r"expect_(column_values?_|column_pair_values_|compound_columns_|multicolumn_|select_column_).*")
_LONGEST_TEXT = 1000
_LONGEST_FREE_TEXT = 9_000  # the check reads 10,000 characters of a cell


class ExpectationMeta(BaseModel):
    """What happens to a row that breaks it: quarantined, or kept as long as ``mostly`` holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: Literal["quarantine", "keep"] = "quarantine"
    label: str | None = Field(default=None, description="takes the place of the column in the expectation's name")


class Expectation(BaseModel):
    """One expectation as Great Expectations writes it, and what happens to a row that breaks it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str
    kwargs: dict[str, Any] = {}
    meta: ExpectationMeta = ExpectationMeta()
    id: str | None = None
    description: str | None = None
    notes: Any = None
    severity: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns whose cells it checks."""
        one = (self.kwargs.get(key) for key in ("column", "column_A", "column_B"))
        return (*(c for c in one if c), *self.kwargs.get("column_list", ()))

    @property
    def name(self) -> str:
        """Type and column, such as ``expect_column_values_to_not_be_null(MCI)``."""
        inside = self.meta.label or ", ".join(self.columns)
        return f"{self.type}({inside})" if inside else self.type

    @property
    def row_level(self) -> bool:
        """Whether single rows break it; a column's type is a matter of the whole column."""
        return self.type not in (OF_TYPE, OF_TYPE.replace("of_type", "in_type_list")) and bool(
            _ROW_LEVEL.fullmatch(self.type)
        )

    @property
    def stops(self) -> bool:
        """Whether a failure stops the flow instead of quarantining rows."""
        return not self.row_level or self.meta.rows == "keep" or "mostly" in self.kwargs


class SuiteMeta(BaseModel):
    """Limits of a suite that depend on the problem's classes and duplicates."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_class_rows: int = Field(default=10, ge=1, description="good rows that every class needs")
    great_expectations_version: str | None = None
    max_duplicates: float = Field(default=1.0, ge=0, le=1, description="share of rows that repeat an earlier one")


class Suite(BaseModel):
    """The expectations of a data set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    meta: SuiteMeta = SuiteMeta()
    expectations: tuple[Expectation, ...] = Field(min_length=1)
    id: str | None = None
    notes: Any = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the suite names, each once."""
        names = [c for e in self.expectations for c in (e.kwargs.get("column_set") or [])]
        return tuple(dict.fromkeys([*names, *(c for e in self.expectations for c in e.columns)]))

    @property
    def closed(self) -> bool:
        """Whether the suite lists all columns; others are then left out."""
        return any(e.type == COLUMN_SET for e in self.expectations)

    def with_more(self, expectations: Iterable[Expectation]) -> Suite:
        """Return a suite with more expectations."""
        return self.model_copy(update={"expectations": (*self.expectations, *expectations)})


def expected_types(suite: Suite, problem: Problem) -> dict[str, ColumnType]:
    """Give every expected column its type: from the problem, else from the suite, else text.

    Raises
    ------
    ProblemError
        When the freshness column is no time.
    """
    declared = {
        e.kwargs["column"]: ColumnType(_KINDS[e.kwargs["type_"]], zone=problem.time_zone)
        for e in suite.expectations
        if e.type == OF_TYPE and e.kwargs.get("type_") in _KINDS
    }
    types = with_signs({name: declared.get(name, ColumnType("text")) for name in suite.columns}, problem)
    types |= column_types(problem)
    freshness = problem.validation.freshness
    if freshness and types.setdefault(freshness.column, time_type(problem)).kind != "time":
        raise ProblemError(
            f"{problem.name}: validation.freshness: column {freshness.column!r} is read as "
            f"{types[freshness.column].kind}; freshness needs a time"
        )
    return types


def derived_suite(problem: Problem) -> Suite:
    """Return the expectations that follow from the problem, for a data set without a suite."""
    types = column_types(problem)
    rules = [_rule("expect_column_to_exist", column=name) for name in types]
    rules += [_rule(OF_TYPE, column=name, type_=_TYPE_NAMES[t.kind]) for name, t in types.items()]
    rules += [_rule(NOT_NULL, column=name) for name in (problem.target.column, problem.split.holdout.order) if name]
    free = {part.column for features in problem.features.values() for part in features.text}
    for name, wanted in types.items():
        if wanted.kind == "text":
            longest = _LONGEST_FREE_TEXT if name in free else _LONGEST_TEXT
            rules.append(_rule("expect_column_value_lengths_to_be_between", column=name, max_value=longest))
    rules.append(_rule("expect_column_unique_value_count_to_be_between", column=problem.target.column, min_value=2))
    return Suite(name=f"{problem.name}_derived", expectations=tuple(rules))


def freshness_rules(problem: Problem) -> tuple[Expectation, ...]:
    """No row after the declared day, and the newest row no older than allowed."""
    fresh = problem.validation.freshness
    if fresh is None:
        return ()
    oldest, end = fresh.as_of - timedelta(days=fresh.max_age_days), fresh.as_of + timedelta(days=1)
    return (
        _rule(
            "expect_column_values_to_be_between",
            column=fresh.column,
            max_value=f"{end.isoformat()}T00:00:00+00:00",
            strict_max=True,
        ),
        _rule("expect_column_max_to_be_between", column=fresh.column, min_value=f"{oldest.isoformat()}T00:00:00+00:00"),
    )


def class_rules(classes: Mapping[str, tuple[str, ...]], column: str, at_least: int) -> list[Expectation]:
    """Require a least number of rows of every class.

    ``row_condition`` names a column and its values; ``tasks.data.suites`` turns it into the library's own condition.
    """
    return [
        Expectation(
            type="expect_table_row_count_to_be_between",
            kwargs={"min_value": at_least, "row_condition": {"column": column, "values": values}},
            meta=ExpectationMeta(label=f"{column} = {name}"),
        )
        for name, values in classes.items()
    ]


def queryable(column: str) -> str:
    r"""Return a column's name as a condition on rows can hold it: in one line, composed, without backticks.

    Examples
    --------
    >>> queryable("Primary\nType"), queryable("La\u0308nge"), queryable("Offence/Type (UCR) #%")
    ('Primary_Type', 'Länge', 'Offence/Type (UCR) #%')
    """
    composed = unicodedata.normalize("NFKC", column)
    return "".join(letter if letter.isprintable() and letter != "`" else "_" for letter in composed)


def raw_classes(target: Target, known: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Classes to predict and the raw values of each.

    Parameters
    ----------
    target : Target
    known : iterable of str
        Raw values the target may have.

    Examples
    --------
    >>> target = Target(column="Weapon", groups={"Firearm": ("Handgun", "Rifle")}, other="Else", drop=("Unknown",))
    >>> raw_classes(target, ["Handgun", "Knife", "Unknown"])
    {'Firearm': ('Handgun', 'Rifle'), 'Else': ('Knife',)}
    """
    groups = {name: tuple(map(canonical_text, values)) for name, values in (target.groups or {}).items()}
    named = {value for values in groups.values() for value in values} | set(map(canonical_text, target.drop))
    rest = tuple(sorted(set(known) - named))
    if target.other:
        return groups | {target.other: rest}
    return groups | {value: (value,) for value in rest}


def known_classes(suite: Suite, target: Target) -> tuple[str, ...]:
    """Raw target values that the suite allows; empty when it names none."""
    for e in suite.expectations:
        if e.type == "expect_column_values_to_be_in_set" and e.columns == (target.column,):
            return tuple(canonical_text(v) for v in e.kwargs["value_set"])
    return ()


def _rule(kind: str, /, **kwargs: Any) -> Expectation:
    return Expectation(type=kind, kwargs=kwargs)
