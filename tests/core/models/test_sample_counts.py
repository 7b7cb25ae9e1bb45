"""Copies counted instead of stored: the same trees."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier

from evenhand.models import build_model, fit_rows
from evenhand.models.forest import Forest
from evenhand.problem import ModelSpec, SimpleStrategy, SmoteStrategy
from evenhand.strategies import resample
from tests.core.models.growing import trees_alive

CLASSES = ["a", "b", "c"]


def table(n=240, seed=0, gaps=True):
    generator = np.random.default_rng(seed)
    y = generator.choice(3, n, p=[0.7, 0.2, 0.1])
    X = generator.normal(size=(n, 4)).round(1) + y[:, None]
    if gaps:
        X[::7, 1] = np.nan
    return X, y


def same_trees(one, other):
    assert len(one.estimators_) == len(other.estimators_)
    for a, b in zip(one.estimators_, other.estimators_, strict=True):
        for name in ("feature", "threshold", "children_left", "children_right", "value"):
            np.testing.assert_array_equal(getattr(a.tree_, name), getattr(b.tree_, name))


SETTINGS = [
    {},
    {"max_samples": 60},
    {"max_samples": 0.37},
    {"bootstrap": False},
    {"max_depth": 3, "criterion": "entropy", "max_features": None},
    {"max_leaf_nodes": 9, "ccp_alpha": 0.001, "min_impurity_decrease": 0.001},
]


@pytest.mark.parametrize("given_settings", SETTINGS, ids=str)
def test_the_trees_are_those_of_scikit_learn_on_the_copies(given_settings):
    X, y = table(gaps=False)
    source = np.r_[np.arange(len(y)), np.random.default_rng(1).choice(np.flatnonzero(y > 0), 200)]
    theirs = RandomForestClassifier(8, random_state=5, **given_settings).fit(X[source], y[source])
    ours = Forest(8, random_state=5, **given_settings).fit_copies(X, y, source)
    same_trees(ours, theirs)
    np.testing.assert_array_equal(ours.predict_proba(X), theirs.predict_proba(X))
    np.testing.assert_array_equal(ours.feature_importances_, theirs.feature_importances_)


@pytest.mark.parametrize(
    "given_settings", [*SETTINGS, {"min_samples_leaf": 0.02}, {"class_weight": "balanced"}], ids=str
)
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_without_copies_the_trees_are_those_of_scikit_learn(given_settings, gaps, weighted):
    X, y = table(gaps=gaps)
    weight = 1.0 + y if weighted else None
    theirs = RandomForestClassifier(5, random_state=5, **given_settings).fit(X, y, weight)
    ours = Forest(5, random_state=5, **given_settings).fit(X, y, weight)
    same_trees(ours, theirs)
    np.testing.assert_array_equal(ours.predict_proba(X), theirs.predict_proba(X))


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from([1, 5, 50, 400]),
    st.sampled_from([None, 0.3, 40]),
    st.sampled_from([1, 3]),
    st.booleans(),
)
def test_a_gap_that_few_bags_hold_takes_the_way_that_it_takes_in_scikit_learn(seed, n_gaps, bag, smallest, weighted):
    X, y = table(400, seed, gaps=False)
    generator = np.random.default_rng(seed)
    X[generator.permutation(400)[:n_gaps], 2] = np.nan
    given_settings = {"max_samples": bag, "min_samples_leaf": smallest, "max_features": None, "random_state": seed}
    weight = generator.random(400) + 0.5 if weighted else None
    theirs = RandomForestClassifier(4, **given_settings).fit(X, y, weight)
    ours = Forest(4, **given_settings).fit(X, y, weight)
    same_trees(ours, theirs)
    judging = Forest(4, **given_settings).judge(X).fit(X, y, weight)
    np.testing.assert_array_equal(judging.predict_proba(X), theirs.predict_proba(X))
    np.testing.assert_array_equal(ours.predict_proba(X), theirs.predict_proba(X))


@pytest.mark.parametrize("counts", [(60, 1), (60, 25, 1), (60, 3, 2)], ids=str)
def test_a_bag_without_a_class_knows_it_all_the_same(counts):
    y = np.repeat(np.arange(len(counts)), counts)
    X = np.random.default_rng(0).normal(size=(len(y), 3)) + y[:, None]
    theirs = RandomForestClassifier(20, random_state=1, max_samples=12).fit(X, y)
    ours = Forest(20, random_state=1, max_samples=12).fit(X, y)
    same_trees(ours, theirs)
    np.testing.assert_array_equal(ours.predict_proba(X), theirs.predict_proba(X))


@pytest.mark.parametrize("given_settings", [{}, {"max_samples": 60}, {"class_weight": "balanced"}], ids=str)
@pytest.mark.parametrize("gaps", [False, True])
def test_a_forest_that_judges_while_it_grows_says_what_it_would_have_said(given_settings, gaps):
    X, y = table(gaps=gaps)
    judged = X[:50] + 0.1
    kept, gone = (Forest(8, random_state=5, **given_settings) for _ in range(2))
    kept.fit(X, y)
    gone.judge(judged).fit(X, y)
    np.testing.assert_array_equal(gone.predict_proba(judged), kept.predict_proba(judged))
    np.testing.assert_array_equal(gone.predict(judged), kept.predict(judged))
    np.testing.assert_array_equal(gone.feature_importances_, kept.feature_importances_)
    if "class_weight" not in given_settings:
        assert not hasattr(gone, "estimators_")
        with pytest.raises(ValueError, match="judged other rows"):
            gone.predict_proba(judged.copy())


def test_a_forest_that_judges_while_it_grows_holds_two_trees_at_most(monkeypatch):
    X, y = table()
    alive = trees_alive(monkeypatch)
    Forest(8, random_state=5).judge(X).fit(X, y)
    assert len(alive) == 8
    assert max(alive) <= 2


def test_a_forest_that_finds_nothing_to_split_judges_all_the_same():
    X, y = np.zeros((40, 3)), np.repeat([0, 1], [30, 10])
    kept, gone = Forest(8, random_state=5).fit(X, y), Forest(8, random_state=5).judge(X).fit(X, y)
    np.testing.assert_array_equal(gone.predict_proba(X), kept.predict_proba(X))
    np.testing.assert_array_equal(gone.feature_importances_, np.zeros(3))


@settings(max_examples=10, deadline=None)
@given(
    st.integers(0, 500),
    st.sampled_from([None, 0.4, {"c": 0.5}]),
    st.sampled_from(
        [{}, {"max_samples": 90}, {"min_samples_leaf": 3}, {"min_samples_split": 9}, {"max_samples": None}]
    ),
    st.booleans(),
)
def test_a_strategy_s_copies_give_what_they_gave_as_rows(seed, ratio, given_settings, gaps):
    X, y = table(150, seed, gaps)
    rows = resample(SimpleStrategy(kind="random_over", ratio=ratio), X, y, CLASSES, seed)
    spec = ModelSpec(kind="random_forest", params={"n_estimators": 4, **given_settings})
    counted = fit_rows(build_model(spec, seed, len(rows.y)), rows)
    stored = RandomForestClassifier(**build_model(spec, seed, len(rows.y)).get_params()).fit(rows.X, rows.y)
    same_trees(counted, stored)
    np.testing.assert_array_equal(counted.predict_proba(X), stored.predict_proba(X))


@pytest.mark.parametrize("bag", [None, 400, 0.2, 3, 80_000])
def test_no_leaf_of_the_default_forest_is_of_a_row_that_was_drawn_once(bag):
    X, y = table(1_000, gaps=False)
    spec = ModelSpec(kind="random_forest", params={"n_estimators": 4, "max_samples": bag})
    for tree in build_model(spec, 3, len(y)).fit(X, y).estimators_:
        drawn = tree.tree_.weighted_n_node_samples
        assert drawn[tree.tree_.children_left < 0].min() >= 2
    grown = build_model(spec.model_copy(update={"params": {**spec.params, "min_samples_leaf": 1}}), 3, len(y)).fit(X, y)
    if bag != 3:
        assert min(tree.tree_.weighted_n_node_samples.min() for tree in grown.estimators_) == 1


def test_an_exact_forest_is_scikit_learn_s_and_the_default_one_draws_small_bags():
    X, y = table(gaps=False)
    theirs = RandomForestClassifier(random_state=3).fit(X, y)
    same_trees(build_model(ModelSpec(kind="random_forest", exact=True), 3, len(y)).fit(X, y), theirs)
    default = build_model(ModelSpec(kind="random_forest"), 3, 100_000)
    assert (default.n_estimators, default.max_samples, default.max_features) == (50, 80_000, 0.5)
    assert build_model(ModelSpec(kind="random_forest"), 3, len(y)).max_samples == len(y)
    bounded = ModelSpec(kind="random_forest", exact=True, params={"max_samples": 500})
    assert build_model(bounded, 3, len(y)).max_samples == len(y)


def test_settings_that_count_rows_are_left_to_the_copies_and_so_are_gaps():
    (whole, y), (with_gaps, _) = (table(gaps=gaps) for gaps in (False, True))
    assert Forest().counts_copies(whole, y)
    assert not Forest().counts_copies(with_gaps, y)
    for name, value in (("min_samples_leaf", 2), ("min_samples_split", 5), ("oob_score", True)):
        assert not Forest(**{name: value}).counts_copies(whole, y)


BOOSTED = {
    "lightgbm": {"min_child_samples": 1, "n_estimators": 10},
    "gradient_boosting": {"min_samples_leaf": 1, "max_iter": 10},
}


@pytest.mark.parametrize("kind", BOOSTED)
def test_boosting_gives_for_weights_what_it_gives_for_copies(kind):
    X, y = table(1_200)
    rows = resample(SimpleStrategy(kind="random_over"), X, y, CLASSES, 0)
    spec = ModelSpec(kind=kind, params=BOOSTED[kind])
    counted, stored = (build_model(spec, 0, len(rows.y)) for _ in range(2))
    assert counted.counts_copies(X, y)
    fit_rows(counted, rows)
    stored.fit(rows.X, rows.y)
    # Leaves of one row: what is left is ties, and where columns are cut.
    assert np.abs(counted.predict_proba(X) - stored.predict_proba(X)).mean() < 0.02
    plain = build_model(spec, 0, len(y)).fit(X, y)
    assert np.abs(plain.predict_proba(X) - stored.predict_proba(X)).mean() > 0.06


@pytest.mark.parametrize("kind", BOOSTED)
def test_boosting_stores_the_copies_of_a_class_that_fills_few_leaves(kind):
    X, y = table(1_200)
    model = build_model(ModelSpec(kind=kind), 0, len(y))
    assert np.bincount(y).min() < 50 * 20
    assert not model.counts_copies(X, y)
    rows = resample(SimpleStrategy(kind="random_over"), X, y, CLASSES, 0)
    stored = build_model(ModelSpec(kind=kind), 0, len(rows.y)).fit(rows.X, rows.y)
    np.testing.assert_array_equal(fit_rows(model, rows).predict_proba(X), stored.predict_proba(X))


def test_weights_and_made_up_rows_are_no_copies():
    X, y = table(gaps=False)
    copies = {
        kind: resample(SimpleStrategy(kind=kind), X, y, CLASSES, 0).copied
        for kind in ("none", "class_weight", "random_over", "random_under")
    }
    assert copies == {"none": False, "class_weight": False, "random_over": True, "random_under": False}
    assert not resample(SmoteStrategy(kind="smote"), X, y, CLASSES, 0).copied


def test_a_copied_row_is_handed_over_once(monkeypatch):
    X, y = table(gaps=False)
    rows = resample(SimpleStrategy(kind="random_over"), X, y, CLASSES, 0)
    seen = []
    monkeypatch.setattr(Forest, "fit_copies", lambda _self, *args: seen.append([len(part) for part in args]))
    fit_rows(build_model(ModelSpec(kind="random_forest"), 0, len(rows.y)), rows)
    assert seen == [[len(y), len(y), len(rows.y)]]


@pytest.mark.parametrize("where", ["fitted", "judged"])
def test_a_number_too_large_for_a_tree_is_refused_as_scikit_learn_does(where):
    X, y = table(gaps=False)
    large = X.copy()
    large[3, 1] = 1e39
    with pytest.raises(ValueError, match="infinity or a value too large"):
        RandomForestClassifier(3).fit(large, y)
    fitted, judged = (large, X) if where == "fitted" else (X, large)
    with pytest.raises(ValueError, match="infinity or a value too large"):
        Forest(3).judge(judged).fit(fitted, y)
