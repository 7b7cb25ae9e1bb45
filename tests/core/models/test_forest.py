"""The forest: scikit-learn's with small bags and leaves, and without trees where only given rows are predicted."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from evenhand.models import build_model, importances
from evenhand.models.forest import BLOCK, PredictingForest, predict_only
from evenhand.models.prepared import Prepared
from evenhand.problem import ModelSpec
from tests.core.models.growing import trees_alive


def table(n=240, seed=0, gaps=True):
    generator = np.random.default_rng(seed)
    y = generator.choice(3, n, p=[0.7, 0.2, 0.1])
    X = generator.normal(size=(n, 4)).round(1) + y[:, None]
    if gaps:
        X[::7, 1] = np.nan
    return X, y


SETTINGS = [
    {},
    {"max_samples": 60},
    {"max_samples": 0.37},
    {"bootstrap": False},
    {"min_samples_leaf": 3, "min_weight_fraction_leaf": 0.02},
    {"max_leaf_nodes": 9, "ccp_alpha": 0.001, "min_impurity_decrease": 0.001},
]


@pytest.mark.parametrize("given_settings", SETTINGS, ids=str)
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_forest_that_keeps_no_tree_predicts_what_scikit_learns_does(given_settings, gaps, weighted):
    X, y = table(gaps=gaps)
    scored, weight = X[:50] + 0.1, 1.0 + y if weighted else None
    kept = RandomForestClassifier(2 * BLOCK + 3, random_state=5, **given_settings)
    dropped = predict_only(kept, scored).fit(X, y, weight)
    kept.fit(X, y, weight)
    np.testing.assert_array_equal(dropped.predict_proba(scored), kept.predict_proba(scored))
    np.testing.assert_array_equal(dropped.predict(scored), kept.predict(scored))
    np.testing.assert_array_equal(dropped.feature_importances_, kept.feature_importances_)
    with pytest.raises(ValueError, match="kept no trees"):
        dropped.predict_proba(scored.copy())


def test_it_holds_two_blocks_of_trees_at_most(monkeypatch):
    X, y = table()
    alive = trees_alive(monkeypatch)
    predict_only(RandomForestClassifier(6 * BLOCK, random_state=5), X).fit(X, y)
    assert len(alive) == 6 * BLOCK
    assert max(alive) <= 2 * BLOCK


def test_a_forest_without_a_split_predicts_the_shares():
    X, y = np.zeros((40, 3)), np.repeat([0, 1], [30, 10])
    kept = RandomForestClassifier(8, random_state=5)
    dropped = predict_only(kept, X).fit(X, y)
    np.testing.assert_array_equal(dropped.predict_proba(X), kept.fit(X, y).predict_proba(X))
    np.testing.assert_array_equal(dropped.feature_importances_, np.zeros(3))


def test_a_forest_on_a_sample_of_the_rows_keeps_no_tree_either():
    X, y = table(2_500)
    spec = ModelSpec(kind="random_forest", params={"n_estimators": 4}, max_rows=2_000)
    scored = X[:300] + 0.1
    kept, dropped = build_model(spec, 0, len(y)).fit(X, y), predict_only(build_model(spec, 0, len(y)), scored).fit(X, y)
    assert isinstance(dropped, Prepared)
    assert isinstance(dropped.model_, PredictingForest)
    np.testing.assert_array_equal(dropped.predict_proba(scored), kept.predict_proba(scored))
    np.testing.assert_array_equal(importances(dropped), importances(kept))


def test_other_models_are_left_as_they_are():
    for spec in (ModelSpec(kind="lightgbm"), ModelSpec(kind="random_forest", params={"oob_score": True})):
        model = build_model(spec, 0, 100)
        assert predict_only(model, np.zeros((1, 1))) is model


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
    exact = build_model(ModelSpec(kind="random_forest", exact=True), 3, len(y)).fit(X, y)
    np.testing.assert_array_equal(exact.predict_proba(X), theirs.predict_proba(X))
    default = build_model(ModelSpec(kind="random_forest"), 3, 100_000)
    assert (default.n_estimators, default.max_samples, default.max_features) == (50, 80_000, 0.5)
    assert build_model(ModelSpec(kind="random_forest"), 3, len(y)).max_samples == len(y)
    bounded = ModelSpec(kind="random_forest", exact=True, params={"max_samples": 500})
    assert build_model(bounded, 3, len(y)).max_samples == len(y)
