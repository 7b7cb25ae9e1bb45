"""Rows dealt out to machines that fit one model together, and which models may be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from evenhand.data.stratified_parts import stripes
from evenhand.problem import ModelSpec
from evenhand.problem.tuning import Tuning, tuning_fault


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(1, 9))
def test_every_row_is_dealt_once_and_every_class_to_every_stripe(labels, n):
    y = np.array(labels)
    dealt = stripes(y, n)
    np.testing.assert_array_equal(np.sort(np.concatenate(dealt)), np.arange(len(y)))
    assert all(set(y[stripe]) == set(labels) for stripe in dealt)
    assert all((np.diff(stripe) > 0).all() for stripe in dealt)
    sizes = [len(stripe) for stripe in dealt]
    assert max(sizes) - min(sizes) <= 1
    assert len(dealt) == min(n, *(labels.count(label) for label in set(labels)))


@pytest.mark.parametrize(
    ("given_settings", "message"),
    [
        ({"kind": "random_forest"}, "`distributed` belongs to lightgbm; found with random_forest"),
        ({"kind": "lightgbm", "max_rows": 5_000}, "give one of the two"),
    ],
)
def test_what_can_not_be_distributed_is_refused(given_settings, message):
    with pytest.raises(ValidationError, match=message):
        ModelSpec(**given_settings, distributed=True)


def test_a_distributed_model_is_not_tuned():
    model = ModelSpec(kind="lightgbm", distributed=True)
    assert "is distributed" in tuning_fault((Tuning(model="lightgbm", features="base"),), (model,), set())
