"""Calibrations: chosen out of fold, fitted without the rows they are evaluated on, the same in the model that ships."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from evenhand.postprocess.choose_calibration import ROWS, Known, Shares, fit_calibration, fit_calibrations
from evenhand.postprocess.fit_calibrators import before_and_after
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
AS_THEY_WERE = Shares(NATURAL, NATURAL)


def truth(seed, n=3000):
    """Probabilities that mean what they say, and classes drawn from them."""
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(2 * NATURAL, n) + 0.01
    proba /= proba.sum(axis=1, keepdims=True)
    return proba, (proba.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(0, 2)


def bent(proba, power=1.0, shares=AS_THEY_WERE):
    """What a model says that is too sure of itself, or was fitted on other class shares."""
    said = proba * shares.trained / shares.natural
    said = (said / said.sum(axis=1, keepdims=True)) ** power
    return said / said.sum(axis=1, keepdims=True)


def known_of(seed, power=1.0, shares=(AS_THEY_WERE,) * 3, n=3000):
    proba, y = truth(seed, n)
    folds = np.arange(n) % len(shares)
    raw = np.empty(proba.shape)
    for fold, of_fold in enumerate(shares):
        raw[folds == fold] = bent(proba[folds == fold], power, of_fold)
    return Known.of(y, raw, folds, dict(enumerate(shares))), proba


def drifting(*trained):
    """Every fold's model was fitted on other shares."""
    return tuple(Shares(NATURAL, np.array(shares)) for shares in trained)


EVEN = drifting([1 / 3, 1 / 3, 1 / 3], [0.2, 0.3, 0.5], [0.4, 0.4, 0.2])


@pytest.mark.parametrize(
    ("power", "shares", "chosen"),
    [
        (1.0, (AS_THEY_WERE,) * 3, "none"),
        (1.03, (AS_THEY_WERE,) * 3, "none"),  # something can be gained, but less than the next period may differ
        (2.5, (AS_THEY_WERE,) * 3, "temperature"),
        (1.0, EVEN, "prior"),
        (2.5, EVEN, "prior + temperature"),
    ],
)
def test_the_simplest_correction_that_helps_is_chosen(power, shares, chosen):
    known, _ = known_of(0, power, shares)
    found = fit_calibrations(DEFAULT, known)
    assert [one.name for one in (*found.by_fold, found.whole)] == [chosen] * 4
    assert found.changes == (chosen != "none")


def test_each_models_own_class_shares_bring_its_rows_back():
    known, proba = known_of(1, 1.0, EVEN)
    corrected = fit_calibrations(DEFAULT, known).out_of_fold(known)
    np.testing.assert_allclose(corrected, proba, rtol=1e-9)
    assert np.abs(known.raw - proba).max() > 0.3


@pytest.mark.parametrize("methods", [DEFAULT, ALL])
def test_corrected_probabilities_are_better_on_rows_that_taught_them_nothing(methods):
    known, _ = known_of(2, 2.5, EVEN)
    change = before_and_after(known.y, known.raw, fit_calibrations(methods, known).out_of_fold(known))
    assert change["after"]["log_loss"] < change["before"]["log_loss"] - 0.2
    assert change["after"]["ece"] < 0.03 < change["before"]["ece"]


def test_only_the_methods_asked_for_are_tried():
    known, _ = known_of(3, 2.5, EVEN)
    assert fit_calibration(("none",), known).name == "none"
    assert fit_calibration(("none", "prior"), known).name == "prior"
    assert fit_calibration(("none", "isotonic"), known).name == "isotonic"
    assert fit_calibration(("none", "sigmoid", "prior"), known).name == "sigmoid"


def test_a_few_rows_teach_no_correction():
    known, _ = known_of(4, 4.0, n=45)
    assert fit_calibrations(ALL, known).changes is False


def test_one_fold_is_cut_in_two():
    known, _ = known_of(5, 2.5, (AS_THEY_WERE,))
    found = fit_calibrations(DEFAULT, known)
    assert [one.name for one in found.by_fold] == ["temperature"] * 2
    assert before_and_after(known.y, known.raw, found.out_of_fold(known))["after"]["ece"] < 0.03


@SETTINGS
@given(st.integers(0, 99), st.integers(0, 2), st.sampled_from(["argmax", "prior_power", "cost"]))
def test_labels_of_the_judged_rows_reach_neither_choice_nor_fit_nor_rule(seed, fold, rule):
    known, _ = known_of(seed, 2.0, EVEN, n=300)
    judged = known.folds == fold
    planted = dataclasses.replace(known, y=np.where(judged, (known.y + 1) % 3, known.y))
    before, after = (fit_calibrations(ALL, one) for one in (known, planted))
    assert before.by_fold[fold].name == after.by_fold[fold].name
    assert before.by_fold[fold].calibrator == after.by_fold[fold].calibrator
    plain, found = (
        (c.out_of_fold(k)[judged], cross_decided(decision(rule), k, c, NAMES, "macro_f1")[judged])
        for k, c in ((known, before), (planted, after))
    )
    assert (plain[0] == found[0]).all()
    assert (plain[1] == found[1]).all()


def test_planted_labels_do_reach_the_other_folds():
    known, _ = known_of(6, 2.0, EVEN, n=900)
    planted = dataclasses.replace(known, y=np.where(known.folds == 1, (known.y + 1) % 3, known.y))
    before, after = (fit_calibrations(ALL, one) for one in (known, planted))
    assert before.by_fold[1].calibrator == after.by_fold[1].calibrator
    for other in (0, 2):
        assert before.by_fold[other].calibrator != after.by_fold[other].calibrator


def test_the_same_rows_give_the_same_correction():
    known, _ = known_of(7, 1.7, EVEN)
    first, again = (fit_calibration(ALL, known) for _ in range(2))
    assert (first.name, first.calibrator) == (again.name, again.calibrator)


def test_some_rows_keep_every_class_and_fold_at_its_share():
    known, _ = known_of(8, n=9000)
    few = known.some(900)
    assert len(few.y) == 900
    for values, all_values in ((few.y, known.y), (few.folds, known.folds)):
        np.testing.assert_allclose(np.bincount(values) / 900, np.bincount(all_values) / 9000, atol=0.003)
    assert known.some(ROWS) is known


# --- what a strategy did to the class shares -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "trained"), [("none", NATURAL), ("class_weight", [1 / 3] * 3), ("random_under", [1 / 3] * 3)]
)
def test_shares_come_from_the_resampling_record_of_the_model(kind, trained):
    y, strategy = np.repeat([0, 1, 2], [70, 20, 10]), SimpleStrategy(kind=kind)
    entry = resampling_record(strategy, "0", y, resample(strategy, np.zeros((100, 1)), y, NAMES, 0), NAMES)
    shares = Shares.of(entry)
    np.testing.assert_allclose(shares.natural, NATURAL)
    np.testing.assert_allclose(shares.trained, trained)
    assert shares.changed == (kind != "none")


def test_a_class_that_no_row_was_fitted_on_stays_at_nought():
    shares = Shares(np.array([0.6, 0.4, 0.0]), np.array([0.5, 0.5, 0.0]))
    assert shares.correction().apply(np.array([[0.5, 0.5, 0.0]])).tolist() == [[0.6, 0.4, 0.0]]


# --- the ending of a model -----------------------------------------------------------------------------------------


def decision(kind):
    raw: object = {"kind": "cost", "costs": {"c": {"a": 5, "b": 5}}} if kind == "cost" else kind
    return TypeAdapter(Decision).validate_python(raw)


@pytest.mark.parametrize(
    ("kind", "reads"),
    [("argmax", "raw"), ("prior_correction", "raw"), ("multipliers", "calibrated"), ("cost", "calibrated")],
)
def test_rules_about_the_meaning_of_a_probability_read_corrected_ones(kind, reads):
    known, proba = known_of(9, 1.0, EVEN)
    correction = fit_calibration(DEFAULT, known)
    ending = fit_postprocessing(decision(kind), known, correction, NAMES, "macro_f1", trained_share=EVEN[0].trained)
    model = EVEN[0]
    corrected, codes = ending.answer(bent(proba, 1.0, model), model)
    assert ending.decides_on == reads
    np.testing.assert_allclose(corrected, proba, rtol=1e-9)
    if kind == "argmax":
        assert (codes == bent(proba, 1.0, model).argmax(axis=1)).all()
        assert (codes != proba.argmax(axis=1)).mean() > 0.1
    elif kind == "prior_correction":  # corrected once, not twice
        twice = bent(proba, 1.0, Shares(EVEN[0].trained, NATURAL))
        assert (codes == proba.argmax(axis=1)).mean() > 0.98 > (twice.argmax(axis=1) == proba.argmax(axis=1)).mean()
    else:
        assert (codes == ending.rule.decide(proba)).mean() > 0.999


def test_least_cost_needs_probabilities_that_mean_what_they_say():
    known, _ = known_of(10, 2.5, EVEN)
    spec = decision("cost")
    codes = cross_decided(spec, known, fit_calibrations(DEFAULT, known), NAMES, "macro_f1")
    on_raw = cross_fitted(spec, known.raw, known.y, known.folds, NAMES, "macro_f1")
    rule = fit_postprocessing(spec, known, fit_calibration(("none",), known), NAMES, "macro_f1").rule
    assert rule.mean_cost(known.y, codes) < rule.mean_cost(known.y, on_raw) - 0.02


@pytest.mark.parametrize("kind", ["argmax", "multipliers", "cost"])
def test_without_a_correction_a_rule_is_judged_as_it_was(kind):
    known, _ = known_of(11)
    found = cross_decided(decision(kind), known, fit_calibrations(DEFAULT, known), NAMES, "macro_f1")
    assert (found == cross_fitted(decision(kind), known.raw, known.y, known.folds, NAMES, "macro_f1")).all()


@SETTINGS
@given(st.integers(0, 1_000), st.sampled_from([(AS_THEY_WERE,) * 3, EVEN, EVEN[:1]]), st.sampled_from([100, 5_000]))
@pytest.mark.parametrize("stacked", [False, True])
def test_some_of_the_others_are_those_of_all_the_others(stacked, seed, shares, n):
    known, _ = known_of(seed, shares=shares, n=600)
    if stacked:
        nested = tuple(others.raw**0.5 for others, _ in known.pairs())
        known = dataclasses.replace(known, nested=nested)
    few = list(known.some_others(n))
    assert len(few) == len(list(known.pairs()))
    for found, (others, _) in zip(few, known.pairs(), strict=True):
        for name in ("y", "raw", "natural", "folds"):
            np.testing.assert_array_equal(getattr(found, name), getattr(others.some(n), name))


@given(st.integers(0, 5), st.integers(1, 700))
@settings(max_examples=8, deadline=None)
def test_however_many_rows_are_corrected_at_a_time_they_come_out_the_same(seed, at_once):
    def corrected():
        known, _ = known_of(seed, 2.0, drifting(*np.random.default_rng(seed).dirichlet(np.ones(3), 3)), n=600)
        return known.natural, fit_calibrations(ALL, known).out_of_fold(known)

    whole = corrected()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("evenhand.postprocess.choose_calibration.ROWS_AT_ONCE", at_once)
        for mine, theirs in zip(corrected(), whole, strict=True):
            np.testing.assert_array_equal(mine, theirs)
