"""What stops a training names the way out."""

import re

import numpy as np
import pandas as pd
import pytest

from evenhand.data.broken_rows import BrokenRows, CheckedExpectation
from evenhand.data.findings import Findings, failures_paragraph
from evenhand.data.suite_spec import OF_TYPE, class_rules, derived_suite
from evenhand.problem import parse_problem

SPLIT = {"holdout": {"column": "when", "start": "2024-01-01"}}
PLAIN = {
    "name": "town",
    "title": "Town",
    "source": {"kind": "csv", "path": "town.csv"},
    "target": {"column": "kind"},
    "features": {"base": {"categorical": ["place"]}},
    "split": SPLIT,
    "strategies": ["none"],
}
NONE = np.zeros(3, dtype=bool)


def _findings(problem, cells, faults=(), results=()):
    raw = pd.DataFrame({"when": cells, "place": ["a", "b", "c"]}, dtype="str")
    return Findings(problem, derived_suite(problem), raw, list(faults), NONE, list(results), [])


@pytest.mark.parametrize(
    ("changes", "cells", "text"),
    [
        ({}, ["01/31/2022"] * 3, "read as ISO 8601 .*write format: '%m/%d/%Y' beside `column: when` in split.holdout"),
        (
            {"features": {"base": {"time": [{"column": "when", "format": "%Y", "parts": ["year"]}]}}},
            ["31.01.2022"] * 3,
            r"read as '%Y': write format: '%d.%m.%Y' beside `column: when` in features.base.time",
        ),
        (
            {
                "split": {
                    "holdout": {"column": "n", "start": 3},
                    "folds": {"kind": "forward", "column": "when", "n": 2, "period": "month"},
                }
            },
            ["20220131", "20221231", "20220101"],
            "write format: '%Y%m%d' beside `column: when` in split.folds",
        ),
    ],
)
def test_times_that_can_not_be_read_name_their_format(changes, cells, text):
    problem = parse_problem(PLAIN | changes, "town")
    fault = BrokenRows(f"{OF_TYPE}(when)", ("when",), ~NONE)
    assert re.search(text, failures_paragraph(_findings(problem, cells, [fault]), []))


def test_a_small_class_names_the_ways_out_once():
    rules = class_rules({"arson": ("ARSON",), "rest": ("a", "b"), "x": ("x",)}, "kind", 10)
    results = [CheckedExpectation(rule, False, NONE, rows) for rule, rows in zip(rules[:2], (8, 3), strict=True)]
    results.append(CheckedExpectation(rules[2], True, NONE, 400))
    found = _findings(parse_problem(PLAIN, "town"), ["2022"] * 3, results=results)
    text = failures_paragraph(found, [])
    assert "found 8, asked min_value 10" in text
    assert text.count("`target: drop: ['ARSON', 'a', 'b']`") == text.count("`target: groups:`") == 1
    assert "`validation: {min_class_rows: ...}`" in text


def test_two_spellings_of_a_value_are_a_warning():
    found = _findings(parse_problem(PLAIN, "town"), ["2022"] * 3)
    found.raw["place"] = pd.Series(["13.10", "13.1", "12"], dtype="str")
    assert [note for note in found.warnings if "'13.10' and '13.1' are read as one value, '13.1'" in note]
