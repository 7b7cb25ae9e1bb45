"""The number of an evaluation goes by the rows that it shares with earlier ones, whatever their order and columns."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.gate.evaluation_count import evaluation_number, row_keys, shared_rows

LABELLED = st.lists(
    st.tuples(st.sampled_from("abc"), st.one_of(st.none(), st.integers(2019, 2022))), min_size=1, max_size=80
)
KEYS = st.sets(st.integers(0, 40), min_size=1).map(lambda found: np.array(sorted(found), dtype=np.uint64))


def keys(labelled, typed=float):
    frame = pd.DataFrame(labelled, columns=["kind", "year"])
    return row_keys(frame["kind"], frame["year"].astype(typed))


@given(LABELLED, st.integers(0, 2**16))
@settings(max_examples=50, deadline=None)
def test_keys_are_those_of_the_rows_whatever_their_order(labelled, seed):
    found = keys(labelled)
    assert len(found) == len(labelled)
    assert (np.diff(found.astype(object)) > 0).all()
    mixed = [labelled[i] for i in np.random.default_rng(seed).permutation(len(labelled))]
    assert (keys(mixed) == found).all()


@given(LABELLED, LABELLED)
@settings(max_examples=50, deadline=None)
def test_shared_rows_are_those_of_the_two_lists_with_each_equal_row_counted(one, other):
    expected = sum(min(one.count(row), other.count(row)) for row in set(one))
    assert shared_rows(keys(one), keys(other)) == expected


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_neither_the_precision_of_a_time_nor_the_type_of_a_number_makes_another_row(unit):
    kind, when = pd.Series(["a", "b"]), pd.Series(pd.to_datetime(["2021-01-01 00:00", "2021-01-02 13:00"], utc=True))
    assert (row_keys(kind, when.dt.as_unit(unit)) == row_keys(kind, when)).all()
    assert set(row_keys(kind[:1], when[:1].dt.as_unit(unit))) <= set(row_keys(kind, when))
    assert (row_keys(kind, pd.Series([2021, 2022])) == row_keys(kind, pd.Series([2021.0, 2022.0]))).all()
    assert (row_keys(kind.astype("category"), when) == row_keys(kind, when)).all()


def test_keys_are_the_same_everywhere():
    found = row_keys(pd.Series(["a", "b", None]), pd.Series([2021.0, None, 2022.0]))
    assert found.tolist() == [1665104310914481457, 7714432864035434808, 14700707372747489723]


@given(KEYS, st.lists(st.one_of(st.none(), KEYS), max_size=8))
@settings(max_examples=100, deadline=None)
def test_each_earlier_evaluation_that_shares_half_of_the_new_rows_counts_once(new, earlier):
    shared = [one is None or 2 * len(set(new) & set(one)) >= len(new) for one in earlier]
    assert evaluation_number(new, earlier) == 1 + sum(shared)


@given(KEYS, st.lists(st.one_of(st.none(), KEYS), max_size=6), st.data())
@settings(max_examples=50, deadline=None)
def test_more_rows_in_an_earlier_evaluation_or_one_more_of_them_never_lowers_the_number(new, earlier, data):
    number = evaluation_number(new, earlier)
    more = data.draw(KEYS)
    assert number <= evaluation_number(new, [*earlier, more]) <= number + 1
    assert evaluation_number(new, [*earlier, None]) == number + 1
    grown = [one if one is None else np.union1d(one, more) for one in earlier]
    assert evaluation_number(new, grown) >= number


@pytest.mark.parametrize(("taken", "number"), [(0, 3), (1, 3), (50, 3), (51, 1)])
def test_one_row_fewer_starts_nothing_from_the_beginning_and_half_of_new_rows_does(taken, number):
    rows = [("a", year) for year in range(100)]
    newer = rows[taken:] + [("a", 1000 + year) for year in range(taken)]
    assert evaluation_number(keys(newer), [keys(rows), keys(rows)]) == number


def test_it_does_not_carry_over_from_one_earlier_evaluation_to_another():
    rolled = [keys([("a", year) for year in range(start, start + 12)]) for start in (0, 4, 8)]
    assert evaluation_number(rolled[1], rolled[:1]) == 2
    assert evaluation_number(rolled[2], rolled[:2]) == 2  # it shares a third of its rows with the first


def test_it_is_of_its_own_rows_that_half_must_be_shared():
    few, many = keys([("a", year) for year in range(10)]), keys([("a", year) for year in range(100)])
    assert evaluation_number(few, [many]) == 2
    assert evaluation_number(many, [few]) == 1
