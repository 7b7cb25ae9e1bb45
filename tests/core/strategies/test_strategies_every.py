"""Properties of every strategy, on difficult rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.problem import (
    CostWeightStrategy,
    NearMissStrategy,
    NeighbourStrategy,
    SimpleStrategy,
    SmoteEnnStrategy,
)
from evenhand.problem.strategies import FULL
from evenhand.strategies import CannotResample, resample, resampling_record

NAMES = "abcde"
EVERY = (*FULL, CostWeightStrategy(kind="cost_weight", costs={"b": {"a": 5}}))
UNDER = {"random_under", "capped", "near_miss", "tomek", "enn"}
OVER = {"random_over", "rose", "smote", "smotenc", "borderline_smote", "adasyn"}
WEIGHTS = {"class_weight", "sqrt_weight", "effective_number", "cost_weight"}
BOUNDED = [strategy for strategy in FULL if isinstance(strategy, NeighbourStrategy)]


def rows(counts, seed=0, n_numeric=3, gaps=False, overlap=0.8):
    """One category of three values, then numbers; classes overlap; the order is shuffled."""
    generator = np.random.default_rng(seed)
    y = generator.permutation(np.repeat(np.arange(len(counts)), counts))
    numbers = generator.normal(size=(len(y), n_numeric)) + overlap * y[:, None]
    X = np.column_stack([generator.integers(0, 3, len(y)), numbers])
    if gaps:
        X[::5, -1] = np.nan
    return X, y, list(NAMES[: len(counts)])


def made(strategy, X, y, classes, n_categorical=1, seed=0):
    """Resampled rows, which every check of the record and of lineage passes."""
    result = resample(strategy, X, y, classes, seed, n_categorical)
    resampling_record(strategy, "0", y, result, classes)
    n_real = len(result.y) - result.n_synthetic
    assert np.issubdtype(result.source.dtype, np.integer)
    assert np.all((result.source >= 0) & (result.source < len(y)))
    np.testing.assert_array_equal(result.X[:n_real], X[result.source[:n_real]])
    np.testing.assert_array_equal(result.y, y[result.source])
    return result


@pytest.mark.parametrize("strategy", EVERY, ids=lambda s: s.name)
@settings(max_examples=6, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=2, max_size=5), st.integers(0, 3), st.booleans())
def test_no_class_vanishes_and_every_row_names_its_source(strategy, counts, seed, gaps):
    X, y, classes = rows(counts, seed, gaps=gaps)
    try:
        result = made(strategy, X, y, classes, seed=seed)
    except CannotResample as reason:
        assert strategy.kind in str(reason)  # noqa: PT017  either outcome is fine, a reason without a name is not
        return
    assert set(result.y) == set(y)
    assert len(result.X) == len(result.y)


@pytest.mark.parametrize("strategy", EVERY, ids=lambda s: s.name)
@pytest.mark.parametrize("counts", [(120, 30), (100, 60, 40, 25, 12)], ids=["two", "five"])
def test_counts_go_where_the_kind_says(strategy, counts):
    X, y, classes = rows(counts, gaps=True)
    result = made(strategy, X, y, classes)
    before, after = np.array(counts), np.bincount(result.y)
    if strategy.kind in UNDER:
        assert np.all(after <= before)
        assert result.n_synthetic == 0
        assert len(np.unique(result.source)) == len(result.y)
    if strategy.kind in OVER:
        assert np.all(after >= before)
        assert after[0] == before[0]
        assert after.min() > before.min()
    if strategy.kind in WEIGHTS | {"none"}:
        np.testing.assert_array_equal(after, before)
        assert (result.weight is None) == (strategy.kind == "none")


@pytest.mark.parametrize("strategy", EVERY, ids=lambda s: s.name)
def test_the_same_seed_gives_the_same_rows(strategy):
    X, y, classes = rows((60, 30, 10), gaps=True)
    first, again = (made(strategy, X, y, classes, seed=3) for _ in range(2))
    for name in ("X", "y", "source"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert first.adaptations == again.adaptations


@pytest.mark.parametrize("strategy", EVERY, ids=lambda s: s.name)
def test_the_given_rows_are_not_changed(strategy):
    X, y, classes = rows((60, 30, 10), gaps=True)
    kept_X, kept_y = X.copy(), y.copy()
    made(strategy, X, y, classes)
    np.testing.assert_array_equal(X, kept_X)
    np.testing.assert_array_equal(y, kept_y)


@pytest.mark.parametrize("strategy", EVERY, ids=lambda s: s.name)
@pytest.mark.parametrize("few", [1, 2, 3])
def test_a_tiny_class_stays_or_the_reason_names_it(strategy, few):
    X, y, classes = rows((60, 20, few))
    if strategy.kind == "near_miss" and few == 1:
        with pytest.raises(CannotResample, match="c has a single row"):
            made(strategy, X, y, classes)
        return
    result = made(strategy, X, y, classes)
    assert (result.y == 2).sum() >= few
    grows_by_neighbours = strategy.kind in OVER - {"random_over", "rose"} or strategy.kind.startswith("smote_")
    if grows_by_neighbours:
        assert f"{'a single row' if few == 1 else f'{few - 1} neighbours instead of 5'}" in " ".join(result.adaptations)


@pytest.mark.parametrize("strategy", EVERY, ids=lambda s: s.name)
def test_categories_alone_are_enough_or_refused_with_a_reason(strategy):
    X, y, classes = rows((60, 20, 10), n_numeric=0)
    needs_numbers = strategy.kind in OVER - {"random_over"} or strategy.kind.startswith("smote_")
    if not needs_numbers:
        made(strategy, X, y, classes)
        return
    with pytest.raises(CannotResample, match=r"no numeric column|both kinds of columns"):
        resample(strategy, X, y, classes, 0, 1)


@pytest.mark.parametrize("strategy", EVERY, ids=lambda s: s.name)
def test_one_numeric_column_is_enough_and_categories_stay_whole(strategy):
    X, y, classes = rows((60, 20, 10), n_numeric=1)
    result = made(strategy, X, y, classes)
    if strategy.kind != "smote":  # plain SMOTE interpolates category codes
        assert set(np.unique(result.X[:, 0])) <= {0.0, 1.0, 2.0}


@pytest.mark.parametrize("strategy", BOUNDED, ids=lambda s: s.name)
def test_more_rows_than_allowed_are_sampled_and_recorded(strategy):
    X, y, classes = rows((900, 250, 40))
    result = made(strategy.model_copy(update={"max_rows": 300}), X, y, classes)
    assert result.adaptations[0] == "fitted on 300 of 1,190 rows"
    real = result.source[: len(result.y) - result.n_synthetic]
    assert len(np.unique(real)) == len(real) <= 300
    if strategy.kind in OVER:
        assert np.isin(np.flatnonzero(y == 2), real).all()
    assert "fitted on" not in " ".join(made(strategy, X, y, classes).adaptations)


def test_a_search_of_millions_of_rows_is_refused_before_it_starts():
    y = np.zeros(2_000_000, dtype=int)
    y[:1000] = 1
    with pytest.raises(CannotResample, match="smote_enn: 2,000,000 rows to search for neighbours, and skip_above_rows"):
        resample(SmoteEnnStrategy(kind="smote_enn"), np.zeros((len(y), 1)), y, ["a", "b"], 0)


def test_distances_that_do_not_fit_in_memory_are_refused():
    y = np.repeat([0, 1], [15_000, 10_000])
    strategy = NearMissStrategy(kind="near_miss", version=2)
    with pytest.raises(CannotResample, match=r"near_miss 2: 15,000 x 10,000 distances don't fit; give max_rows"):
        resample(strategy, np.zeros((25_000, 1)), y, ["a", "b"], 0)


def test_the_catalogue_has_every_kind_that_needs_neither_costs_nor_texts_and_bounds_it():
    from typing import get_args

    from evenhand.problem import AnyStrategy

    kinds = {kind for spec in get_args(AnyStrategy) for kind in get_args(spec.model_fields["kind"].annotation)}
    assert {strategy.kind for strategy in FULL} == kinds - {"cost_weight", "text_augment"}
    assert len({strategy.name for strategy in FULL}) == len(FULL)
    assert all(strategy.max_rows >= 20_000 for strategy in BOUNDED)
    assert SimpleStrategy(kind="none") in FULL
