import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.problem import CappedStrategy, SimpleStrategy, SmoteStrategy
from evenhand.strategies import CannotResample, capped_rows, class_counts, resample, resampling_record

UCF = {
    "NormalVideos": 947_000,
    "Stealing": 44_802,
    "Robbery": 41_493,
    "Burglary": 39_504,
    "Vandalism": 13_626,
    "Assault": 10_360,
    "Shooting": 7_140,
}
CLASSES = ["a", "b", "c"]
ALL = [
    *(SimpleStrategy(kind=kind) for kind in ("none", "class_weight", "random_over", "random_under")),
    SmoteStrategy(kind="smote"),
    CappedStrategy(kind="capped", cap=15),
]


def rows(counts, n_features=4, seed=0):
    generator = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(counts)), counts)
    return generator.normal(size=(len(y), n_features)) + y[:, None], y


def test_capped_gives_the_published_numbers_of_a_video_frame_set():
    y = np.repeat(np.arange(len(UCF)), list(UCF.values()))
    strategy = CappedStrategy(kind="capped", cap=20_000, per_class={"NormalVideos": 1.5})
    kept = capped_rows(strategy, y, list(UCF))
    assert class_counts(y[kept], list(UCF)) == {
        "NormalVideos": 30_000,
        "Stealing": 20_000,
        "Robbery": 20_000,
        "Burglary": 20_000,
        "Vandalism": 13_626,
        "Assault": 10_360,
        "Shooting": 7_140,
    }
    assert len(np.unique(kept)) == len(kept)


def test_capped_takes_an_absolute_number_for_a_named_class():
    y = np.repeat(np.arange(len(UCF)), list(UCF.values()))
    strategy = CappedStrategy(kind="capped", cap=20_000, per_class={"NormalVideos": 35_000})
    assert class_counts(y[capped_rows(strategy, y, list(UCF))], list(UCF))["NormalVideos"] == 35_000


def test_capped_names_a_missing_class():
    strategy = CappedStrategy(kind="capped", cap=20, per_class={"Normal": 1.5})
    with pytest.raises(CannotResample, match=r"no class Normal; classes are a, b, c"):
        capped_rows(strategy, rows([5, 5, 5])[1], CLASSES)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=2, max_size=6), st.integers(1, 40), st.integers(0, 3))
def test_capped_keeps_real_rows_once_and_never_more_than_the_cap(counts, cap, seed):
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    classes = [f"c{i}" for i in range(len(counts))]
    kept = capped_rows(CappedStrategy(kind="capped", cap=cap, seed=seed), y, classes)
    assert np.all(np.diff(kept) > 0)
    assert class_counts(y[kept], classes) == {name: min(cap, n) for name, n in zip(classes, counts, strict=True)}


@pytest.mark.parametrize("strategy", ALL, ids=lambda s: s.name)
def test_every_strategy_keeps_every_class_and_repeats_itself(strategy):
    X, y = rows([60, 25, 8])
    first, again = (resample(strategy, X, y, CLASSES, seed=3) for _ in range(2))
    assert set(np.unique(first.y)) == {0, 1, 2}
    assert first.given is X
    np.testing.assert_array_equal(first.X, again.X)
    np.testing.assert_array_equal(first.y, again.y)


@pytest.mark.parametrize("kind", ["random_over", "smote"])
def test_oversampling_brings_every_class_to_the_largest(kind):
    strategy = SmoteStrategy(kind="smote") if kind == "smote" else SimpleStrategy(kind=kind)
    X, y = rows([60, 25, 8])
    assert np.bincount(resample(strategy, X, y, CLASSES, seed=0).y).tolist() == [60, 60, 60]


def test_weights_give_every_class_the_same_total():
    X, y = rows([60, 25, 8])
    totals = np.bincount(y, resample(SimpleStrategy(kind="class_weight"), X, y, CLASSES, seed=0).weight)
    np.testing.assert_allclose(totals, totals[0])


def test_smote_takes_fewer_neighbours_for_a_small_class_and_records_it():
    X, y = rows([40, 20, 3])
    grown = resample(SmoteStrategy(kind="smote"), X, y, CLASSES, seed=0)
    assert np.bincount(grown.y).tolist() == [40, 40, 40]
    assert grown.adaptations == ("2 neighbours instead of 5: the smallest class has 3 rows",)


def test_smote_does_not_grow_a_class_of_one_row_and_records_it():
    X, y = rows([40, 20, 1])
    grown = resample(SmoteStrategy(kind="smote"), X, y, CLASSES, seed=0)
    assert np.bincount(grown.y).tolist() == [40, 40, 1]
    assert "c: a single row has no neighbour" in grown.adaptations[0]


def test_smote_fills_missing_values_for_neighbours_only():
    X, y = rows([40, 10, 10])
    X[0, 0] = np.nan
    X[45, 1] = np.nan
    grown = resample(SmoteStrategy(kind="smote"), X, y, CLASSES, seed=0)
    assert np.isnan(grown.X).sum() == 2
    np.testing.assert_array_equal(grown.X[: len(y)], X)
    assert "2 missing values" in grown.adaptations[0]


def test_smotenc_keeps_categories_whole():
    X, y = rows([40, 10, 10])
    X[:, 0] = np.random.default_rng(0).integers(0, 3, len(y))
    grown = resample(SmoteStrategy(kind="smotenc"), X, y, CLASSES, seed=0, n_categorical=1)
    assert set(np.unique(grown.X[:, 0])) <= {0.0, 1.0, 2.0}
    assert np.bincount(grown.y).tolist() == [40, 40, 40]


def test_smotenc_without_categories_is_refused_with_a_reason():
    X, y = rows([40, 10, 10])
    with pytest.raises(CannotResample, match="0 categories of 4"):
        resample(SmoteStrategy(kind="smotenc"), X, y, CLASSES, seed=0, n_categorical=0)


def test_a_class_that_a_fold_lacks_is_recorded():
    X, y = rows([10, 10, 0])
    strategy = SimpleStrategy(kind="none")
    entry = resampling_record(strategy, "0", y, resample(strategy, X, y, CLASSES, 0), CLASSES)
    assert entry.before == entry.after == {"a": 10, "b": 10, "c": 0}
    assert "no training row of c" in entry.adaptations[0]


def check_lineage(given_X, given_y, made):
    """Every real row equals the row it names; every synthetic one names a row of its own class, or none."""
    n_real = len(made.y) - made.n_synthetic
    assert made.source.shape == made.y.shape
    assert np.issubdtype(made.source.dtype, np.integer)
    assert np.all((made.source >= -1) & (made.source < len(given_y)))
    assert np.all(made.source[:n_real] >= 0)
    np.testing.assert_array_equal(made.X[:n_real], given_X[made.source[:n_real]])
    known = made.source >= 0
    np.testing.assert_array_equal(made.y[known], given_y[made.source[known]])


@pytest.mark.parametrize("strategy", [*ALL, SmoteStrategy(kind="smotenc")], ids=lambda s: s.name)
@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=3, max_size=3), st.integers(0, 3), st.booleans())
def test_every_row_names_the_row_it_comes_from(strategy, counts, seed, gaps):
    X, y = rows(counts, seed=seed)
    order = np.random.default_rng(seed).permutation(len(y))
    X, y = X[order], y[order]
    X[:, 0] = np.arange(len(y)) % 4
    if gaps:
        X[::5, 2] = np.nan
    try:
        made = resample(strategy, X, y, CLASSES, seed, n_categorical=1)
    except CannotResample:
        return
    check_lineage(X, y, made)


def test_a_synthetic_row_lies_between_its_source_and_a_neighbour_of_its_class():
    X, y = rows([30, 9, 9])
    made = resample(SmoteStrategy(kind="smote", k_neighbors=8), X, y, CLASSES, seed=0)
    for row, source, code in zip(made.X[48:], made.source[48:], made.y[48:], strict=True):
        start, others = X[source], X[(y == code) & (np.arange(48) != source)]
        steps = (row - start) @ (others - start).T / np.sum((others - start) ** 2, axis=1)
        off = np.linalg.norm(start + steps[:, None] * (others - start) - row, axis=1)
        assert off.min() < 1e-9
        assert -1e-9 <= steps[off.argmin()] <= 1
