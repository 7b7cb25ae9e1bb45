"""Neighbours among numbers, and among numbers and categories, and the rows that SMOTENC makes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn import over_sampling

from evenhand.problem import SmoteStrategy
from evenhand.strategies import mixed_distance as mixed
from evenhand.strategies import resample
from evenhand.strategies.mixed_distance import MixedRows
from evenhand.strategies.neighbour_search import neighbours
from evenhand.strategies.smotenc import most_frequent

CLASSES = ["a", "b"]


def rows(n, seed, n_values=(140, 7), scale=1.0):
    generator = np.random.default_rng(seed)
    codes = np.column_stack([generator.zipf(1.3, n) % size for size in n_values])
    return generator.normal(size=(n, 3)) * scale, codes


def true_distances(numbers, codes, mismatch):
    apart = np.square(numbers[:, None] - numbers[None]).sum(axis=2)
    apart += mismatch**2 * (codes[:, None] != codes[None]).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    return apart


@settings(max_examples=25, deadline=None)
@given(
    st.integers(2, 120),
    st.integers(1, 7),
    st.integers(0, 5),
    st.sampled_from([0.0, 0.05, 1.0, 30.0]),
    st.integers(0, 1000),
)
def test_no_row_is_nearer_than_those_found(n, k, decimals, mismatch, seed):
    k = min(k, n - 1)
    numbers, codes = rows(n, seed)
    numbers = numbers.round(decimals)  # few decimals: many rows at one point
    apart = true_distances(numbers, codes, mismatch)
    found = MixedRows(numbers, codes, mismatch).neighbours(k)
    reached = np.take_along_axis(apart, found, axis=1)
    np.testing.assert_allclose(reached, np.sort(apart, axis=1)[:, :k], atol=1e-9)
    assert all(len(set(near)) == k for near in found)
    assert not (found == np.arange(n)[:, None]).any()


def test_some_rows_have_the_same_neighbours_as_in_a_search_of_all():
    numbers, codes = rows(300, 0)
    search = MixedRows(numbers, codes, 1.0)
    asked = np.array([7, 3, 250])
    np.testing.assert_array_equal(search.neighbours(5, asked), search.neighbours(5)[asked])
    assert search.neighbours(5, asked[:0]).shape == (0, 5)


def test_where_a_bucket_hides_neighbours_all_rows_are_compared(monkeypatch):
    numbers, codes = rows(400, 1, scale=0.01)
    looked_at = []
    among_all = MixedRows._among_all

    def counted(self, of, k):
        looked_at.extend(of)
        return among_all(self, of, k)

    monkeypatch.setattr(MixedRows, "_among_all", counted)
    monkeypatch.setattr(mixed, "BUCKETS", 1)
    monkeypatch.setattr(mixed, "_PAIRS_AT_ONCE", 3_000)  # a few rows at a time
    found = MixedRows(numbers, codes, 1.0).neighbours(5)
    apart = true_distances(numbers, codes, 1.0)
    np.testing.assert_allclose(np.take_along_axis(apart, found, axis=1), np.sort(apart, axis=1)[:, :5], atol=1e-9)
    assert len(looked_at) > 100


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 90), st.integers(1, 6), st.sampled_from([0, 1, 9]), st.sampled_from([2, 30]), st.booleans())
def test_neighbours_of_numbers_are_the_nearest_and_never_the_row_itself(n, k, decimals, n_columns, some):
    k = min(k, n - 2)
    points = np.random.default_rng(n).normal(size=(n, n_columns)).round(decimals)
    of = np.arange(0, n, 2) if some else np.arange(n)
    found = neighbours(points, k, of if some else None)
    apart = true_distances(points, np.empty((n, 0)), 1.0)[of]
    np.testing.assert_allclose(np.take_along_axis(apart, found, axis=1), np.sort(apart, axis=1)[:, :k], atol=1e-9)
    assert all(len(set(near)) == k for near in found)
    assert not (found == of[:, None]).any()


def table(n=900, seed=0):
    numbers, codes = rows(n, seed)
    y = (np.random.default_rng(seed).random(n) < 0.3).astype(int)
    return np.column_stack([codes, numbers + y[:, None]]).astype(float), y


@pytest.mark.parametrize("seed", [0, 1])
def test_the_rows_are_those_of_imbalanced_learn_to_the_last_category(seed):
    X, y = table(seed=seed)
    theirs, their_y = over_sampling.SMOTENC([0, 1], random_state=seed).fit_resample(X, y)
    ours = resample(SmoteStrategy(kind="smotenc"), X, y, CLASSES, seed, n_categorical=2)
    np.testing.assert_array_equal(ours.y, their_y)
    np.testing.assert_array_equal(ours.X[:, :2], theirs[:, :2])
    np.testing.assert_allclose(ours.X[:, 2:], theirs[:, 2:], rtol=1e-12)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.booleans(), st.integers(1, 6))
def test_a_synthetic_row_lies_between_neighbours_and_has_their_most_frequent_category(seed, standardise, k):
    X, y = table(n=150, seed=seed)
    strategy = SmoteStrategy(kind="smotenc", standardise=standardise, k_neighbors=k)
    made = resample(strategy, X, y, CLASSES, 0, n_categorical=2)
    points = X[:, 2:] / (X[:, 2:].std(axis=0) if standardise else 1.0)
    members = np.flatnonzero(y == made.y[-1])  # of two classes one grows
    mismatch = np.median(points[members].std(axis=0))
    near = members[true_distances(points[members], X[members, :2], mismatch).argsort(axis=1)[:, :k]]
    for fresh, source in zip(made.X[len(y) :], made.source[len(y) :], strict=True):
        around = near[np.searchsorted(members, source)]
        assert any(on_segment(fresh[2:], X[source, 2:], X[other, 2:]) for other in around)
        for column in range(2):
            times = {value: int((X[around, column] == value).sum()) for value in X[around, column]}
            assert times[fresh[column]] == max(times.values())


def on_segment(point, start, end):
    whole, part = end - start, point - start
    step = (part @ whole) / (whole @ whole)
    return -1e-9 <= step <= 1 + 1e-9 and np.allclose(part, step * whole, atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(st.integers(0, 4), min_size=4, max_size=4), min_size=1, max_size=30), st.integers(0, 50))
def test_the_most_frequent_value_wins_and_ties_are_drawn(values, seed):
    values = np.array(values)
    chosen = most_frequent(values, np.random.RandomState(seed))
    times = (values == chosen[:, None]).sum(axis=1)
    assert np.array_equal(times, [np.unique(row, return_counts=True)[1].max() for row in values])


def test_ties_are_drawn():
    tied = np.tile([0, 1, 2, 3], (4_000, 1))
    shares = np.bincount(most_frequent(tied, np.random.RandomState(0))) / 4_000
    np.testing.assert_allclose(shares, 0.25, atol=0.03)
