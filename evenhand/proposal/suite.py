"""A first suite of expectations: what the rows of a proposal are, with room for those to come."""

from __future__ import annotations

from typing import Any

from evenhand.data.schema import column_types
from evenhand.data.suite_spec import NOT_NULL, OF_TYPE
from evenhand.proposal.proposal import Proposal
from evenhand.proposal.target import LEAST

_TYPES = {"number": "float64", "text": "str", "time": "Timestamp"}
ROOM = 0.1
"""By how much fewer cells than today may be known before a training stops."""


def first_suite(proposal: Proposal) -> dict[str, Any]:
    """Return the expectations as plain data, in the format of Great Expectations.

    Columns are there and of their types, the target is known, and no column loses its values. Limits of numbers are
    left to who knows the data.
    """
    problem = proposal.problem
    types = column_types(problem)
    rows = max((len(column.values) for column in proposal.columns.values()), default=0)
    rules = [_rule("expect_table_row_count_to_be_between", min_value=max(100, rows // 10))]
    rules += [_rule("expect_column_to_exist", column=name) for name in types]
    rules += [_rule(OF_TYPE, column=name, type_=_TYPES[kind.kind]) for name, kind in types.items()]
    rules.append(_rule(NOT_NULL, column=problem.target.column))
    for name in types:
        column = proposal.columns.get(name)
        known = column.known / rows if column is not None else 0.0
        if known > 0.5:
            rules.append(
                _rule(NOT_NULL, column=name, mostly=round(max(0.0, known - ROOM), 2)) | {"meta": {"rows": "keep"}}
            )
    least = min([LEAST, *proposal.classes.rows.values()])
    copies = min(1.0, round(proposal.copies / max(1, rows) + 0.05, 2))
    return {
        "name": problem.name,
        "meta": {"min_class_rows": least, "max_duplicates": copies},
        "expectations": rules,
    }


def _rule(kind: str, /, **kwargs: Any) -> dict[str, Any]:
    return {"type": kind, "kwargs": kwargs}
