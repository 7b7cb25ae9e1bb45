"""Calibrations: chosen out of fold, fitted without the rows they are evaluated on, the same in the model that ships."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from evenhand.metrics.losses import log_losses
from evenhand.metrics.predictions import Predictions
from evenhand.metrics.scores import score
from evenhand.postprocess.choose_calibration import (
    ROWS,
    Shares,
    cross_fit_calibration,
    fit_calibration,
    with_natural_proba,
)
from evenhand.postprocess.fit_rules import cross_fitted
from evenhand.postprocess.postprocessing import cross_decided, fit_postprocessing
from evenhand.problem import Decision
from evenhand.problem.simple_strategies import SimpleStrategy
from evenhand.strategies import resample, resampling_record

SETTINGS = settings(max_examples=5, deadline=None)
DEFAULT = ("none", "prior", "temperature")
ALL = (*DEFAULT, "sigmoid", "isotonic")
NAMES = ("a", "b", "c")
NATURAL = np.array([0.7, 0.2, 0.1])
UNCHANGED = Shares(NATURAL, NATURAL)


def truth(seed, n=3000):
    """Return calibrated probabilities, and classes drawn from them."""
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(2 * NATURAL, n) + 0.01
    proba /= proba.sum(axis=1, keepdims=True)
    return proba, (proba.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(0, 2)


def bent(proba, power=1.0, shares=UNCHANGED):
    """Return the probabilities of an overconfident model, or of one fitted on other class shares."""
    found = proba * shares.trained / shares.natural
    found = (found / found.sum(axis=1, keepdims=True)) ** power
    return found / found.sum(axis=1, keepdims=True)


def predictions_of(seed, power=1.0, shares=(UNCHANGED,) * 3, n=3000):
    proba, y = truth(seed, n)
    folds = np.arange(n) % len(shares)
    raw = np.empty(proba.shape)
    for fold, of_fold in enumerate(shares):
        raw[folds == fold] = bent(proba[folds == fold], power, of_fold)
    return with_natural_proba(Predictions(y, raw, folds=folds), dict(enumerate(shares))), proba


def metrics_of(y, proba):
    return score(y, proba, NAMES).metrics


def drifting(*trained):
    """Return shares that differ between the models of the folds."""
    return tuple(Shares(NATURAL, np.array(shares)) for shares in trained)


EVEN = drifting([1 / 3, 1 / 3, 1 / 3], [0.2, 0.3, 0.5], [0.4, 0.4, 0.2])


@pytest.mark.parametrize(
    ("power", "shares", "chosen"),
    [
        (1.0, (UNCHANGED,) * 3, "none"),
        (1.03, (UNCHANGED,) * 3, "none"),  # a gain, but a smaller one than the next period may differ by
        (2.5, (UNCHANGED,) * 3, "temperature"),
        (1.0, EVEN, "prior"),
        (2.5, EVEN, "prior + temperature"),
    ],
)
def test_the_simplest_calibration_that_helps_is_chosen(power, shares, chosen):
    known, _ = predictions_of(0, power, shares)
    found = cross_fit_calibration(DEFAULT, known)
    assert [one.name for one in (*found.by_fold, found.final)] == [chosen] * 4
    assert found.changes == (chosen != "none")


def test_rows_are_corrected_by_the_class_shares_of_their_own_model():
    known, proba = predictions_of(1, 1.0, EVEN)
    corrected = cross_fit_calibration(DEFAULT, known).out_of_fold(known)
    np.testing.assert_allclose(corrected, proba, rtol=1e-9)
    assert np.abs(known.proba - proba).max() > 0.3


@pytest.mark.parametrize("methods", [DEFAULT, ALL])
def test_calibrated_probabilities_are_better_on_rows_not_fitted_on(methods):
    known, _ = predictions_of(2, 2.5, EVEN)
    after = metrics_of(known.y, cross_fit_calibration(methods, known).out_of_fold(known))
    before = metrics_of(known.y, known.proba)
    assert after["log_loss"] < before["log_loss"] - 0.2
    assert after["ece"] < 0.03 < before["ece"]


def test_a_calibration_ships_only_if_its_own_log_loss_out_of_fold_is_better():
    """Few rows and hardly overconfident: the choice on all rows finds a gain that the choice on the others does not."""
    chosen = shipped = 0
    for seed in range(25):
        known, _ = predictions_of(seed, 1.35, n=110)
        found = cross_fit_calibration(ALL, known)
        chosen += fit_calibration(ALL, known).name != "none"
        if found.ships:
            shipped += 1
            gain = log_losses(known.y, known.proba) - log_losses(known.y, found.out_of_fold(known))
            assert gain.mean() > gain.std() / len(gain) ** 0.5
    assert 0 < shipped < chosen


def test_only_the_methods_asked_for_are_tried():
    known, _ = predictions_of(3, 2.5, EVEN)
    assert fit_calibration(("none",), known).name == "none"
    assert fit_calibration(("none", "prior"), known).name == "prior"
    assert fit_calibration(("none", "isotonic"), known).name == "isotonic"
    assert fit_calibration(("none", "sigmoid", "prior"), known).name == "sigmoid"


def test_with_few_rows_there_is_no_calibration():
    known, _ = predictions_of(4, 4.0, n=45)
    assert cross_fit_calibration(ALL, known).changes is False


def test_one_fold_is_cut_in_two():
    known, _ = predictions_of(5, 2.5, (UNCHANGED,))
    found = cross_fit_calibration(DEFAULT, known)
    assert [one.name for one in found.by_fold] == ["temperature"] * 2
    assert metrics_of(known.y, found.out_of_fold(known))["ece"] < 0.03


@SETTINGS
@given(st.integers(0, 99), st.integers(0, 2), st.sampled_from(["argmax", "prior_power", "cost"]))
def test_labels_of_the_evaluated_rows_reach_neither_choice_nor_fit_nor_rule(seed, fold, rule):
    known, _ = predictions_of(seed, 2.0, EVEN, n=300)
    evaluated = known.folds == fold
    planted = dataclasses.replace(known, y=np.where(evaluated, (known.y + 1) % 3, known.y))
    before, after = (cross_fit_calibration(ALL, one) for one in (known, planted))
    assert before.by_fold[fold].name == after.by_fold[fold].name
    assert before.by_fold[fold].calibrator == after.by_fold[fold].calibrator
    plain, found = (
        (c.out_of_fold(k)[evaluated], cross_decided(decision(rule), k, c, NAMES, "macro_f1")[evaluated])
        for k, c in ((known, before), (planted, after))
    )
    assert (plain[0] == found[0]).all()
    assert (plain[1] == found[1]).all()


def test_planted_labels_do_reach_the_other_folds():
    known, _ = predictions_of(6, 2.0, EVEN, n=900)
    planted = dataclasses.replace(known, y=np.where(known.folds == 1, (known.y + 1) % 3, known.y))
    before, after = (cross_fit_calibration(ALL, one) for one in (known, planted))
    assert before.by_fold[1].calibrator == after.by_fold[1].calibrator
    for other in (0, 2):
        assert before.by_fold[other].calibrator != after.by_fold[other].calibrator


def test_the_same_rows_give_the_same_calibration():
    known, _ = predictions_of(7, 1.7, EVEN)
    first, again = (fit_calibration(ALL, known) for _ in range(2))
    assert (first.name, first.calibrator) == (again.name, again.calibrator)


def test_some_rows_keep_every_class_and_fold_at_its_share():
    known, _ = predictions_of(8, n=9000)
    few = known.sample(900)
    assert len(few.y) == 900
    for values, all_values in ((few.y, known.y), (few.folds, known.folds)):
        np.testing.assert_allclose(np.bincount(values) / 900, np.bincount(all_values) / 9000, atol=0.003)
    assert known.sample(ROWS) is known


# --- what a strategy did to the class shares -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "trained"), [("none", NATURAL), ("class_weight", [1 / 3] * 3), ("random_under", [1 / 3] * 3)]
)
def test_the_resampling_record_gives_the_shares_that_a_model_was_fitted_on(kind, trained):
    y, strategy = np.repeat([0, 1, 2], [70, 20, 10]), SimpleStrategy(kind=kind)
    entry = resampling_record(strategy, "0", y, resample(strategy, np.zeros((100, 1)), y, NAMES, 0), NAMES)
    shares = Shares.of(entry)
    np.testing.assert_allclose(shares.natural, NATURAL)
    np.testing.assert_allclose(shares.trained, trained)
    assert shares.changed == (kind != "none")


def test_a_class_without_rows_stays_at_zero():
    shares = Shares(np.array([0.6, 0.4, 0.0]), np.array([0.5, 0.5, 0.0]))
    assert shares.prior_correction().apply(np.array([[0.5, 0.5, 0.0]])).tolist() == [[0.6, 0.4, 0.0]]


# --- postprocessing ------------------------------------------------------------------------------------------------


def decision(kind):
    raw: object = {"kind": "cost", "costs": {"c": {"a": 5, "b": 5}}} if kind == "cost" else kind
    return TypeAdapter(Decision).validate_python(raw)


@pytest.mark.parametrize(
    ("kind", "reads"),
    [("argmax", "raw"), ("prior_correction", "raw"), ("multipliers", "calibrated"), ("cost", "calibrated")],
)
def test_rules_that_need_calibrated_probabilities_read_them(kind, reads):
    known, proba = predictions_of(9, 1.0, EVEN)
    calibration = fit_calibration(DEFAULT, known)
    postprocessing = fit_postprocessing(
        decision(kind), known, calibration, NAMES, "macro_f1", trained_share=EVEN[0].trained
    )
    model = EVEN[0]
    corrected, codes = postprocessing.apply(bent(proba, 1.0, model), model)
    assert postprocessing.decides_on == reads
    np.testing.assert_allclose(corrected, proba, rtol=1e-9)
    if kind == "argmax":
        assert (codes == bent(proba, 1.0, model).argmax(axis=1)).all()
        assert (codes != proba.argmax(axis=1)).mean() > 0.1
    elif kind == "prior_correction":  # once, not twice
        twice = bent(proba, 1.0, Shares(EVEN[0].trained, NATURAL))
        assert (codes == proba.argmax(axis=1)).mean() > 0.98 > (twice.argmax(axis=1) == proba.argmax(axis=1)).mean()
    else:
        assert (codes == postprocessing.rule.decide(proba)).mean() > 0.999


def test_least_cost_needs_calibrated_probabilities():
    known, _ = predictions_of(10, 2.5, EVEN)
    spec = decision("cost")
    codes = cross_decided(spec, known, cross_fit_calibration(DEFAULT, known), NAMES, "macro_f1")
    on_raw = cross_fitted(spec, known, NAMES, "macro_f1")
    rule = fit_postprocessing(spec, known, fit_calibration(("none",), known), NAMES, "macro_f1").rule
    assert rule.mean_cost(known.y, codes) < rule.mean_cost(known.y, on_raw) - 0.02


@pytest.mark.parametrize("kind", ["argmax", "multipliers", "cost"])
def test_without_a_calibration_a_rule_decides_on_raw_probabilities(kind):
    known, _ = predictions_of(11)
    found = cross_decided(decision(kind), known, cross_fit_calibration(DEFAULT, known), NAMES, "macro_f1")
    assert (found == cross_fitted(decision(kind), known, NAMES, "macro_f1")).all()


@SETTINGS
@given(st.integers(0, 1_000), st.sampled_from([(UNCHANGED,) * 3, EVEN, EVEN[:1]]), st.sampled_from([100, 5_000]))
@pytest.mark.parametrize("stacked", [False, True])
def test_samples_to_fit_on_are_samples_of_the_rows_to_fit_on(stacked, seed, shares, n):
    known, _ = predictions_of(seed, shares=shares, n=600)
    if stacked:
        nested = tuple(others.proba**0.5 for others, _ in known.fitting_pairs())
        known = dataclasses.replace(known, nested_proba=nested)
    few = list(known.fitting_samples(n))
    assert len(few) == len(list(known.fitting_pairs()))
    for found, (others, _) in zip(few, known.fitting_pairs(), strict=True):
        for name in ("y", "proba", "natural_proba", "folds"):
            np.testing.assert_array_equal(getattr(found, name), getattr(others.sample(n), name))


@given(st.integers(0, 5), st.integers(1, 700))
@settings(max_examples=8, deadline=None)
def test_the_number_of_rows_calibrated_at_once_changes_nothing(seed, at_once):
    def calibrated():
        known, _ = predictions_of(seed, 2.0, drifting(*np.random.default_rng(seed).dirichlet(np.ones(3), 3)), n=600)
        return known.natural_proba, cross_fit_calibration(ALL, known).out_of_fold(known)

    expected = calibrated()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("evenhand.postprocess.choose_calibration.ROWS_AT_ONCE", at_once)
        for mine, theirs in zip(calibrated(), expected, strict=True):
            np.testing.assert_array_equal(mine, theirs)
