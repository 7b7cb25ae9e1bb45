"""Calibration: probabilities stay probabilities, keep their order, and come closer to the truth on other rows."""

from __future__ import annotations

import json

import numpy as np
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression

from evenhand.metrics.checks import MetricsError
from evenhand.metrics.predictions import Predictions
from evenhand.metrics.scores import score
from evenhand.postprocess.calibrators import PriorCorrection
from evenhand.postprocess.fit_calibrators import cross_calibrated, fit_calibrator

SETTINGS = settings(max_examples=15, deadline=None, derandomize=True)
KINDS = ("temperature", "sigmoid", "isotonic")
TRUSTED = [f"evenhand.postprocess.calibrators.{name}" for name in ("Temperature", "Sigmoid", "Isotonic")]


def rows(seed, n, k):
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.linspace(2, 0.3, k), n)
    y = (proba.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(0, k - 1)
    return proba, y


def metrics_of(y, proba):
    return score(y, proba, [str(code) for code in range(proba.shape[1])]).metrics


def powered(proba, power):
    raised = (proba + 1e-6) ** power
    return raised / raised.sum(axis=1, keepdims=True)


some_rows = st.builds(rows, st.integers(0, 10_000), st.integers(5, 80), st.integers(2, 6))
kinds = st.sampled_from(KINDS)


@SETTINGS
@given(some_rows, kinds, st.booleans())
def test_rows_stay_probabilities(found, kind, coarse):
    proba, y = found
    if coarse:
        proba = np.eye(proba.shape[1])[proba.argmax(axis=1)]
    calibrated = fit_calibrator(kind, proba, y).apply(proba)
    np.testing.assert_allclose(calibrated.sum(axis=1), 1, atol=1e-12)
    assert (calibrated >= 0).all()


@SETTINGS
@given(some_rows)
def test_temperature_keeps_the_most_probable_class(found):
    proba, y = found
    calibrated = fit_calibrator("temperature", proba, y).apply(proba)
    assert (calibrated[np.arange(len(y)), proba.argmax(axis=1)] >= calibrated.max(axis=1) - 1e-12).all()


@SETTINGS
@given(some_rows)
def test_isotonic_rises_in_each_class_before_rows_are_normalised(found):
    proba, y = found
    curves = fit_calibrator("isotonic", proba, y).curves(proba)
    for given_, meant in zip(proba.T, curves.T, strict=True):
        assert (np.diff(meant[np.argsort(given_, kind="stable")]) >= 0).all()


@SETTINGS
@given(some_rows)
def test_sigmoid_never_reverses_a_class(found):
    proba, y = found
    assert (fit_calibrator("sigmoid", 1 / proba.shape[1] + 0 * proba, y).slopes >= 0).all()
    worst = proba[:, ::-1]
    assert (fit_calibrator("sigmoid", worst, y).slopes >= 0).all()


@SETTINGS
@given(st.integers(0, 999), st.integers(2, 6), st.sampled_from(("temperature", "sigmoid")))
def test_log_loss_never_rises_on_the_rows_fitted_on(seed, k, kind):
    proba, y = rows(seed, 500, k)
    before, after = metrics_of(y, proba), metrics_of(y, fit_calibrator(kind, proba, y).apply(proba))
    assert after["log_loss"] <= before["log_loss"] + 2e-3  # the price of never being certain


class Given(ClassifierMixin, BaseEstimator):
    """Returns its input as probabilities."""

    classes_ = np.arange(4)

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict_proba(self, X):
        return X

    def predict(self, X):
        return X.argmax(axis=1)

    def __sklearn_is_fitted__(self):
        return True


def test_temperature_is_that_of_scikit_learn():
    proba, y = rows(0, 20_000, 4)
    proba = powered(proba, 2.0)
    theirs = CalibratedClassifierCV(FrozenEstimator(Given()), method="temperature", ensemble=False).fit(proba, y)
    ours = fit_calibrator("temperature", proba, y)
    assert ours.exponent == pytest.approx(0.5, abs=0.05)
    np.testing.assert_allclose(ours.apply(proba), theirs.predict_proba(proba), atol=0.005)


def test_isotonic_curves_are_those_of_scikit_learn():
    proba, y = rows(1, 500, 3)
    new, _ = rows(2, 200, 3)
    curves = fit_calibrator("isotonic", proba, y).curves(new)
    for code in range(3):
        theirs = IsotonicRegression(y_min=1 / 502, y_max=501 / 502, out_of_bounds="clip")
        theirs.fit(proba[:, code], y == code)
        np.testing.assert_allclose(curves[:, code], theirs.predict(new[:, code]), atol=1e-12)


def test_sigmoid_recovers_resampling_and_overconfidence():
    proba, y = rows(3, 20_000, 4)
    share = np.array([0.1, 0.2, 0.3, 0.4])
    bent = proba**1.5 * share
    bent /= bent.sum(axis=1, keepdims=True)
    found = fit_calibrator("sigmoid", bent, y)
    np.testing.assert_allclose(found.slopes, 1 / 1.5, atol=0.03)
    expected = -np.log(share) / 1.5
    np.testing.assert_allclose(found.intercepts, expected - expected.mean(), atol=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_overconfident_probabilities_come_closer_to_the_truth_on_other_rows(kind):
    proba, y = rows(4, 6_000, 4)
    sure = powered(proba, 2.5)
    calibrated = cross_calibrated(kind, Predictions(y, sure, folds=np.arange(len(y)) % 3))
    before, after = metrics_of(y, sure), metrics_of(y, calibrated)
    assert after["log_loss"] < before["log_loss"] - 0.1
    assert after["brier"] < before["brier"] - 0.02
    assert before["ece"] > 0.1
    assert after["ece"] < 0.03


@pytest.mark.parametrize("kind", KINDS)
def test_labels_of_the_evaluated_fold_never_reach_its_calibrator(kind):
    proba, y = rows(5, 300, 4)
    fold = np.arange(300) % 3
    planted = np.where(fold == 1, (y + 1) % 4, y)
    plain, found = (cross_calibrated(kind, Predictions(labels, proba, folds=fold)) for labels in (y, planted))
    assert (plain[fold == 1] == found[fold == 1]).all()
    assert (plain[fold != 1] != found[fold != 1]).any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_class_without_rows_is_not_ruled_out(kind):
    proba, y = rows(6, 400, 4)
    proba, y = proba[y != 3], y[y != 3]
    calibrated = fit_calibrator(kind, proba, y).apply(proba)
    assert np.corrcoef(calibrated[:, 3], proba[:, 3])[0, 1] > 0.95
    assert calibrated[:, 3].mean() > proba[:, 3].mean() / 2


def test_sigmoid_does_not_change_a_class_without_rows():
    proba, y = rows(6, 400, 4)
    proba, y = proba[y != 3], y[y != 3]
    calibrated = fit_calibrator("sigmoid", proba, y).apply(proba)
    np.testing.assert_allclose(calibrated[:, 3], proba[:, 3], rtol=1e-9)
    np.testing.assert_allclose(calibrated.sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_perfectly_separated_class_does_not_become_certain(kind):
    y = np.repeat([0, 1, 2], 20)
    proba = np.where(np.eye(3)[y] > 0, 0.98, 0.01)
    calibrated = fit_calibrator(kind, proba, y).apply(proba)
    assert np.isfinite(calibrated).all()
    assert 0 < calibrated.min() < calibrated.max() < 0.995


@pytest.mark.parametrize("kind", KINDS)
def test_a_calibrator_is_plain_data_that_repeats_stores_and_compares(kind):
    proba, y = rows(7, 200, 3)
    made, again = (fit_calibrator(kind, proba, y) for _ in range(2))
    assert made == again
    assert made != fit_calibrator(kind, proba, (y + 1) % 3)
    assert json.loads(json.dumps(made.to_record())) == made.to_record()
    back = skops.io.loads(skops.io.dumps(made), trusted=TRUSTED)
    assert back == made
    assert (back.apply(proba) == made.apply(proba)).all()


# --- prior correction ----------------------------------------------------------------------------------------------


def test_the_prior_correction_is_bayes_rule():
    natural, trained = np.array([0.9, 0.08, 0.02]), np.array([1, 1, 1]) / 3
    likelihood = np.array([[0.2, 0.5, 0.9], [0.7, 0.1, 0.4]])
    seen, expected = (likelihood * share / (likelihood * share).sum(1, keepdims=True) for share in (trained, natural))
    np.testing.assert_allclose(PriorCorrection(natural / trained).apply(seen), expected, rtol=1e-12)


@SETTINGS
@given(some_rows, st.integers(0, 999))
def test_a_prior_correction_and_its_inverse_change_nothing(found, seed):
    proba, _ = found
    ratios = np.random.default_rng(seed).dirichlet(np.full(proba.shape[1], 5.0))
    there = PriorCorrection(ratios).apply(proba)
    np.testing.assert_allclose(there.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(PriorCorrection(1 / ratios).apply(there), proba, atol=1e-9)


# --- invalid input -------------------------------------------------------------------------------------------------


def test_input_that_does_not_match_is_refused():
    proba, y = rows(9, 50, 3)
    with pytest.raises(MetricsError, match="found 'platt', allowed: temperature, sigmoid, isotonic"):
        fit_calibrator("platt", proba, y)
    with pytest.raises(MetricsError, match="allowed are 0 to 2"):
        fit_calibrator("sigmoid", proba, y + 1)
    with pytest.raises(MetricsError, match="1 rows hold"):
        fit_calibrator("sigmoid", np.where(np.arange(50)[:, None] == 4, np.nan, proba), y)
    for kind in KINDS:
        with pytest.raises(MetricsError, match="needed 3 columns"):
            fit_calibrator(kind, proba, y).apply(proba[:, :2])
