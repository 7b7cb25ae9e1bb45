"""Rows held out at random: the same ones whatever their order, every class at its share, groups whole."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from evenhand.data.holdout import holdout_mask, random_mask
from evenhand.errors import ProblemError
from evenhand.problem import Holdout


def rows(n, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"id": rng.permutation(n), "case": np.arange(n) // 3, "kind": rng.choice(list("aab"), n)})


@given(st.integers(40, 300), st.integers(0, 1000), st.sampled_from([0.2, 0.25, 0.5]))
@settings(max_examples=30, deadline=None)
def test_a_share_of_every_class_whatever_the_order(n, seed, share):
    frame = rows(n, seed)
    mask = random_mask(frame, share, target="kind")
    for name in "ab":
        of_class = (frame["kind"] == name).to_numpy()
        assert mask[of_class].sum() == round(share * of_class.sum())
    order = np.random.default_rng(1).permutation(n)
    assert (random_mask(frame.iloc[order], share, target="kind") == mask[order]).all()


def test_more_rows_hardly_change_which_of_the_old_ones_are_held_out():
    frame = rows(2000)
    old, new = random_mask(frame.iloc[:1500], 0.25, target="kind"), random_mask(frame, 0.25, target="kind")
    assert (old != new[:1500]).mean() < 0.05


def test_groups_and_copies_stay_on_one_side():
    frame = rows(300)
    mask = holdout_mask(frame, Holdout(share=0.3, column="case"), "kind")
    assert frame["case"][mask].isin(frame["case"][~mask]).sum() == 0
    assert 0.2 < mask.mean() < 0.4
    twice = pd.concat([frame, frame])
    both = random_mask(twice, 0.3, target="kind")
    assert (both[:300] == both[300:]).all()


def test_a_share_that_leaves_no_row_is_refused():
    with pytest.raises(ProblemError, match="leaves no row"):
        random_mask(rows(4).assign(case=1), 0.3, "case")


@pytest.mark.parametrize("given_", [{"share": 0.3, "last": "1 year"}, {"start": 2020}, {"share": 1.5}])
def test_what_is_no_holdout(given_):
    with pytest.raises(ValidationError):
        Holdout(**given_)
