"""Settings that follow from the rows, and models that read categories by value."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from evenhand.models import build_model, check_models, importances
from evenhand.models.data_settings import MOST_ROWS, data_settings
from evenhand.models.forest import predict_only
from evenhand.models.one_hot import MOST_VALUES, OneHot
from evenhand.models.prepared import Prepared
from evenhand.problem import ModelSpec

KINDS = ("random_forest", "extra_trees", "logistic_regression", "gradient_boosting", "lightgbm")
SIZES = (60, 1_999, 2_000, 20_000, 600_000)


def rows_of(n=120, seed=0):
    generator = np.random.default_rng(seed)
    X = np.column_stack(
        [generator.integers(0, 4, n), generator.integers(0, MOST_VALUES + 20, n), generator.normal(size=n)]
    )
    return X, (X[:, 0] == 2).astype(int)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_settings_that_follow_the_rows_are_settings_of_the_family(kind, size):
    found = data_settings(ModelSpec(kind=kind), size)
    check_models([found])
    assert data_settings(found, size) == found or not found.params
    X, y = rows_of()
    assert build_model(found, 0, len(y), ("a", "b"), 2).fit(X, y).predict_proba(X).shape == (len(y), 2)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "spec",
    [
        ModelSpec(kind="random_forest", params={"n_estimators": 7}),
        ModelSpec(kind="random_forest", exact=True),
        ModelSpec(kind="lightgbm", distributed=True),
        ModelSpec(kind="rusboost"),
    ],
)
def test_what_a_problem_states_is_kept(spec, size):
    assert data_settings(spec, size) == spec


def test_more_rows_never_mean_a_smaller_leaf_and_a_bounded_model_counts_its_own_rows():
    leaves = [data_settings(ModelSpec(kind="lightgbm"), size).params["min_child_samples"] for size in SIZES]
    assert leaves == sorted(leaves)
    bounded = data_settings(ModelSpec(kind="lightgbm", max_rows=2_000), SIZES[-1])
    assert bounded.params == data_settings(ModelSpec(kind="lightgbm"), SIZES[2]).params
    assert bounded.max_rows == 2_000


@pytest.mark.parametrize("kind", sorted(MOST_ROWS))
def test_models_that_need_no_more_rows_fit_a_sample(kind):
    assert data_settings(ModelSpec(kind=kind), SIZES[0]).max_rows is None
    found = data_settings(ModelSpec(kind=kind), SIZES[-1])
    assert found.max_rows == MOST_ROWS[kind]
    assert isinstance(build_model(found, 0, SIZES[-1], ("a", "b"), 2), Prepared)


def test_categories_of_few_values_are_read_by_value_and_others_by_code():
    X, y = rows_of()
    model = OneHot(LogisticRegression(), 2, standardise=True).fit(X, y)
    assert [len(values) for values in model.values_] == [4, 0]
    assert (model.predict(X) == y).all()  # the middle of an order: no line through the codes could do it
    between = X.copy()
    between[:, 0] += 0.3  # plain SMOTE's codes
    assert np.array_equal(model.predict(between), model.predict(X))
    strange = X.copy()
    strange[:, 0] = 99
    assert (model.predict(strange) == 0).all()


def test_missing_numbers_do_not_stop_a_linear_model():
    X, y = rows_of()
    X[::3, 2] = np.nan
    assert np.isfinite(OneHot(LogisticRegression(), 2, standardise=True).fit(X, y).predict_proba(X)).all()


def test_extra_trees_without_their_trees_give_the_same_probabilities_and_importances():
    X, y = rows_of()
    spec = ModelSpec(kind="extra_trees", params={"n_estimators": 12})
    whole = build_model(spec, 1, len(y), ("a", "b"), 2).fit(X, y)
    scored = predict_only(build_model(spec, 1, len(y), ("a", "b"), 2), X).fit(X, y)
    assert np.allclose(whole.predict_proba(X), scored.predict_proba(X), atol=1e-12)
    assert importances(whole).shape == (3,)
    assert np.allclose(importances(whole), importances(scored))
    assert importances(whole).argmax() == 0
