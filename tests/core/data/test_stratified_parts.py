"""Parts of the rows for machines that fit one model, and which models can be distributed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from evenhand.data.stratified_parts import stratified_parts
from evenhand.problem import ModelSpec
from evenhand.problem.tuning import Tuning, tuning_fault


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(1, 9))
def test_every_row_is_in_one_part_and_every_class_in_every_part(labels, n):
    y = np.array(labels)
    parts = stratified_parts(y, n)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(len(y)))
    assert all(set(y[part]) == set(labels) for part in parts)
    assert all((np.diff(part) > 0).all() for part in parts)
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert len(parts) == min(n, *(labels.count(label) for label in set(labels)))


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
