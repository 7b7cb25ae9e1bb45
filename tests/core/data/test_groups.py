"""Groups of declared columns: each row in one, numbers in steps, and what can't be grouped refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.data.groups import MISSING, groups_of, in_steps
from evenhand.data.schema import column_types
from evenhand.errors import GateError, ProblemError
from evenhand.problem import parse_problem
from tests.core.gate.test_decide import CLASSES

RAW = {
    "name": "tiny",
    "title": "Tiny",
    "source": {"kind": "csv", "path": "tiny.csv"},
    "target": {"column": "kind"},
    "features": {"base": {"numeric": ["hour"], "categorical": ["place"]}},
    "split": {"holdout": {"column": "year", "start": 2021}},
    "strategies": ["none"],
}
ROWS = pd.DataFrame(
    {"hour": [0.0, 5.0, 23.0, np.nan], "place": ["street", None, "house", "house"], "kind": [*CLASSES, CLASSES[0]]}
)


def problem(slices, **changes):
    return parse_problem({**RAW, "gate": {"slices": slices}, **changes}, "tiny.yaml")


def test_columns_are_grouped_as_they_are_and_numbers_in_steps():
    found = groups_of(problem(["place", {"column": "hour", "step": 6}], sensitive=["kind"]), ROWS)
    assert {name: groups.tolist() for name, groups in found.items()} == {
        "kind": [*CLASSES, CLASSES[0]],
        "place": ["street", MISSING, "house", "house"],
        "hour in steps of 6": ["00 to 06", "00 to 06", "18 to 24", MISSING],
    }


@given(
    st.lists(st.floats(-1000, 1000), min_size=1, max_size=20),
    st.sampled_from([0.1, 0.25, 1, 6, 50]),
)
def test_every_number_lies_in_the_group_that_it_is_put_in(values, step):
    for value, name in zip(values, in_steps(pd.Series(values), step), strict=True):
        low, high = map(float, name.split(" to "))
        assert low - 1e-6 <= value <= high + 1e-6
        assert high - low == pytest.approx(step)


def test_what_can_not_be_grouped_is_refused():
    with pytest.raises(GateError, match="column place holds no numbers"):
        in_steps(ROWS["place"], 6)
    with pytest.raises(GateError, match="lack the columns race"):
        groups_of(problem(["race"]), ROWS)
    with pytest.raises(ProblemError, match=r"gate\.slices: place is a category and can't be put in steps"):
        problem([{"column": "place", "step": 6}])
    with pytest.raises(ProblemError, match=r"gate\.slices\.0\.step"):
        problem([{"column": "hour", "step": 0}])


def test_a_column_in_steps_is_read_as_numbers_and_another_as_text():
    types = column_types(problem(["district", {"column": "age", "step": 10}]))
    assert (types["district"].kind, types["age"].kind) == ("text", "number")
