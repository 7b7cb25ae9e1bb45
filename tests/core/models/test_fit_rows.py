"""Fits on resampled rows: boosting takes copies as weights where that gives about the same trees."""

import numpy as np
import pytest

from evenhand.models import build_model, fit_rows
from evenhand.models.fit_rows import fills_leaves
from evenhand.problem import ModelSpec, SimpleStrategy, SmoteStrategy
from evenhand.strategies import resample

CLASSES = ["a", "b", "c"]


def table(n=240, seed=0, gaps=True):
    generator = np.random.default_rng(seed)
    y = generator.choice(3, n, p=[0.7, 0.2, 0.1])
    X = generator.normal(size=(n, 4)).round(1) + y[:, None]
    if gaps:
        X[::7, 1] = np.nan
    return X, y


BOOSTED = {
    "lightgbm": {"min_child_samples": 1, "n_estimators": 10},
    "gradient_boosting": {"min_samples_leaf": 1, "max_iter": 10},
}


@pytest.mark.parametrize("kind", BOOSTED)
def test_boosting_on_counts_is_close_to_boosting_on_copies(kind):
    X, y = table(1_200)
    rows = resample(SimpleStrategy(kind="random_over"), X, y, CLASSES, 0)
    spec = ModelSpec(kind=kind, params=BOOSTED[kind])
    counted, stored = (build_model(spec, 0, len(rows.y)) for _ in range(2))
    fit_rows(counted, rows)
    stored.fit(rows.X, rows.y)
    # With leaves of one row, only ties and bin edges differ.
    assert np.abs(counted.predict_proba(X) - stored.predict_proba(X)).mean() < 0.02
    plain = build_model(spec, 0, len(y)).fit(X, y)
    assert np.abs(plain.predict_proba(X) - stored.predict_proba(X)).mean() > 0.06


@pytest.mark.parametrize("kind", BOOSTED)
def test_boosting_takes_the_copies_of_a_class_that_fills_few_leaves(kind):
    X, y = table(1_200)
    model = build_model(ModelSpec(kind=kind), 0, len(y))
    assert np.bincount(y).min() < 50 * 20
    assert not fills_leaves(y, 20)
    rows = resample(SimpleStrategy(kind="random_over"), X, y, CLASSES, 0)
    stored = build_model(ModelSpec(kind=kind), 0, len(rows.y)).fit(rows.X, rows.y)
    np.testing.assert_array_equal(fit_rows(model, rows).predict_proba(X), stored.predict_proba(X))


def test_weights_and_synthetic_rows_are_no_copies():
    X, y = table(gaps=False)
    copies = {
        kind: resample(SimpleStrategy(kind=kind), X, y, CLASSES, 0).copied
        for kind in ("none", "class_weight", "random_over", "random_under")
    }
    assert copies == {"none": False, "class_weight": False, "random_over": True, "random_under": False}
    assert not resample(SmoteStrategy(kind="smote"), X, y, CLASSES, 0).copied


@pytest.mark.parametrize("kind", BOOSTED)
def test_a_copied_row_is_fitted_once(kind, monkeypatch):
    X, y = table(1_200)
    rows = resample(SimpleStrategy(kind="random_over"), X, y, CLASSES, 0)
    model, seen = build_model(ModelSpec(kind=kind, params=BOOSTED[kind]), 0, len(rows.y)), []
    monkeypatch.setattr(
        type(model), "fit", lambda _self, X, y, sample_weight: seen.append((len(X), sample_weight.sum()))
    )
    fit_rows(model, rows)
    assert seen == [(len(y), len(rows.y))]
