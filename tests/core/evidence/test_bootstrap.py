"""Intervals agree with the scores and with a plain bootstrap, whatever the order of rows and classes."""

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from evenhand.evidence.bootstrap import (
    BootstrapSettings,
    Interval,
    class_intervals,
    intervals,
    metric_interval,
    paired_class_differences,
    paired_difference,
)
from evenhand.metrics.checks import MetricsError
from evenhand.metrics.predictions import Predictions
from evenhand.metrics.scores import score
from evenhand.problem import LOWER_IS_BETTER, METRICS

SHARES = (0.55, 0.25, 0.12, 0.08)
K = len(SHARES)
NAMES = [f"class {code}" for code in range(K)]


def truth(n=400, seed=0):
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(K), np.round(np.array(SHARES) * n).astype(int)))


def model(y, skill, seed, decimals=2):
    """Return probabilities that depend on the truth by ``skill``, rounded so that many rows share a threshold."""
    z = np.random.default_rng(seed).normal(size=(len(y), K))
    z[np.arange(len(y)), y] += skill
    proba = np.exp(z).round(decimals) + 0.01
    proba /= proba.sum(axis=1, keepdims=True)
    return Predictions(y, proba, proba.argmax(axis=1))


def value_of(m, metric):
    return score(m.y, m.proba, NAMES, m.predicted).metrics[metric]


@pytest.mark.parametrize("metric", METRICS)
class TestEveryMetric:
    def test_the_estimate_is_the_difference_of_the_scores(self, metric):
        y = truth()
        a, b = model(y, 0.5, 1), model(y, 1.0, 2)
        sign = -1 if metric in LOWER_IS_BETTER else 1
        expected = sign * (value_of(b, metric) - value_of(a, metric))
        assert paired_difference(a, b, metric, BootstrapSettings(resamples=200)).estimate == pytest.approx(
            expected, abs=1e-12
        )
        assert metric_interval(a, metric, BootstrapSettings(resamples=200)).estimate == pytest.approx(
            value_of(a, metric), abs=1e-12
        )

    def test_a_class_without_rows_is_left_out_as_in_the_scores(self, metric):
        y = np.where(truth() == 3, 0, truth())
        a = model(y, 0.5, 1)
        assert metric_interval(a, metric, BootstrapSettings(resamples=50)).estimate == pytest.approx(
            value_of(a, metric), abs=1e-12
        )

    def test_a_model_against_itself_differs_by_nothing(self, metric):
        y = truth()
        a = model(y, 0.7, 3)
        same = Predictions(y, a.proba.copy(), a.predicted.copy())
        assert paired_difference(a, same, metric, BootstrapSettings(resamples=200)) == Interval(0.0, 0.0, 0.0)

    def test_the_order_of_the_rows_makes_no_difference(self, metric):
        y = truth()
        a, b = model(y, 0.5, 1), model(y, 1.0, 2)
        rows = np.random.default_rng(9).permutation(len(y))
        ordered = paired_difference(a, b, metric, BootstrapSettings(resamples=200))
        assert paired_difference(a.take(rows), b.take(rows), metric, BootstrapSettings(resamples=200)) == ordered

    def test_swapping_the_models_reverses_the_estimate(self, metric):
        y = truth()
        a, b = model(y, 0.5, 1), model(y, 1.0, 2)
        forth = paired_difference(a, b, metric, BootstrapSettings(resamples=400))
        back = paired_difference(b, a, metric, BootstrapSettings(resamples=400))
        assert back.estimate == pytest.approx(-forth.estimate, abs=1e-12)
        assert back.low == pytest.approx(-forth.high, abs=0.3 * (forth.high - forth.low))

    def test_bounds_agree_with_a_plain_bootstrap_of_rows(self, metric, plain_bootstrap):
        a, b, bounds = plain_bootstrap
        found = paired_difference(a, b, metric, BootstrapSettings(resamples=2000))
        low, high = sorted(bounds[metric])
        noise = 0.2 * (high - low)
        assert found.low == pytest.approx(low, abs=noise)
        assert found.high == pytest.approx(high, abs=noise)


@pytest.fixture(scope="module")
def plain_bootstrap():
    """Bounds of every metric's difference by drawing rows and scoring them, without vectorising."""
    rng = np.random.default_rng(5)
    y = truth(300)
    a, b = model(y, 0.5, 1), model(y, 1.0, 2)
    classes = [np.flatnonzero(y == code) for code in range(K)]
    draws = {metric: [] for metric in METRICS}
    for _ in range(300):
        rows = np.concatenate([rng.choice(of, size=len(of)) for of in classes])
        in_a, in_b = (score(y[rows], m.proba[rows], NAMES, m.predicted[rows]).metrics for m in (a, b))
        for metric in METRICS:
            draws[metric].append((in_b[metric] - in_a[metric]) * (-1 if metric in LOWER_IS_BETTER else 1))
    return a, b, {metric: np.quantile(found, [0.025, 0.975]) for metric, found in draws.items()}


@pytest.mark.parametrize("metric", ["recall", "average_precision"])
def test_by_class_the_estimates_are_those_of_the_scores(metric):
    y = np.where(truth() == 2, 0, truth())
    a, b = model(y, 0.5, 1), model(y, 1.0, 2)
    in_a, in_b = (score(y, m.proba, NAMES, m.predicted).per_class for m in (a, b))
    expected = [getattr(in_b[name], metric) - getattr(in_a[name], metric) for name in NAMES]
    found = paired_class_differences(a, b, metric, BootstrapSettings(resamples=100))
    assert [i.estimate for i in found] == pytest.approx(expected, abs=1e-12, nan_ok=True)
    assert np.isnan([found[2].estimate, found[2].low, found[2].high]).all()
    assert [i.estimate for i in class_intervals(a, metric, BootstrapSettings(resamples=50))] == pytest.approx(
        [getattr(in_a[name], metric) for name in NAMES], abs=1e-12, nan_ok=True
    )


@given(
    y=st.lists(st.integers(0, K - 1), min_size=5, max_size=40),
    metric=st.sampled_from(METRICS),
    seed=st.integers(0, 2**16),
    order=st.permutations(range(K)),
)
@example(y=[0, 0, 0, 2, 0], metric="ece", seed=10786, order=[1, 2, 0, 3])
@settings(max_examples=40, deadline=None)
def test_renaming_the_classes_keeps_the_estimate(y, metric, seed, order):
    y = np.array(y)
    a, b = model(y, 0.5, seed), model(y, 1.0, seed + 1)
    assume(not (top_ties(a) or top_ties(b)))  # the calibration error takes the first of two most likely classes
    found = paired_difference(a, b, metric, BootstrapSettings(resamples=20))
    again = paired_difference(*renamed(a, b, order), metric, BootstrapSettings(resamples=20))
    assert again.estimate == pytest.approx(found.estimate, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("metric", METRICS)
def test_renaming_the_classes_moves_the_bounds_by_noise_only(metric):
    y = truth()
    a, b = model(y, 0.5, 1), model(y, 1.0, 2)
    found = paired_difference(a, b, metric, BootstrapSettings(resamples=2000))
    again = paired_difference(*renamed(a, b, [2, 0, 3, 1]), metric, BootstrapSettings(resamples=2000))
    assert (again.low, again.high) == pytest.approx((found.low, found.high), abs=0.1 * (found.high - found.low))


def top_ties(m):
    runner_up, top = np.sort(m.proba, axis=1).T[-2:]
    return (runner_up == top).any()


def renamed(a, b, order):
    code_of = np.argsort(order)
    return [Predictions(code_of[m.y], m.proba[:, list(order)], code_of[m.predicted]) for m in (a, b)]


def test_the_interval_covers_the_true_difference_about_as_often_as_its_confidence():
    """The true accuracies are known: about 95 of 100 intervals must hold their difference."""
    rng, held = np.random.default_rng(11), 0
    y = np.repeat([0, 1], 200)
    flat = np.full((400, 2), 0.5)
    for seed in range(200):
        right_a, right_b = rng.random(400) < 0.6, rng.random(400) < 0.7
        a, b = (Predictions(y, flat, np.where(right, y, 1 - y)) for right in (right_a, right_b))
        found = paired_difference(a, b, "accuracy", BootstrapSettings(resamples=400, seed=seed))
        held += found.low <= 0.1 <= found.high
    assert 180 <= held <= 199


def test_a_bound_with_too_few_draws_beyond_it_is_extrapolated_as_a_normal_one():
    y = truth(1000)
    a, b = model(y, 0.5, 1), model(y, 1.0, 2)
    usual, far = (
        paired_difference(a, b, "accuracy", BootstrapSettings(confidence, 1000)) for confidence in (0.95, 0.9999)
    )
    ratio = 3.8906 / 1.96  # of the quantiles of a normal distribution
    assert far.high - far.low == pytest.approx(ratio * (usual.high - usual.low), rel=0.1)
    many = paired_difference(a, b, "accuracy", BootstrapSettings(0.9999, 200_000))
    assert (far.low, far.high) == pytest.approx((many.low, many.high), abs=0.1 * (many.high - many.low))


def test_a_centred_interval_has_its_estimate_in_the_middle_of_the_draws():
    """Drawing rows twice makes any model look worse calibrated than it is."""
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.ones(K), 1500)
    y = np.array([rng.choice(K, p=row) for row in proba])
    m = Predictions(y, proba)
    plain, centred = (metric_interval(m, "ece", BootstrapSettings(resamples=400), centred=c) for c in (False, True))
    assert centred.estimate == plain.estimate
    assert centred.low < centred.estimate < centred.high
    assert plain.estimate < (plain.low + plain.high) / 2 - 0.2 * (plain.high - plain.low)
    assert abs(centred.estimate - (centred.low + centred.high) / 2) < 0.2 * (centred.high - centred.low)


def test_two_thousand_draws_of_toronto_size_take_a_moment():
    rng = np.random.default_rng(0)
    y = rng.choice(5, 28_900, p=[0.53, 0.2, 0.18, 0.06, 0.03])
    flat = np.full((len(y), 5), 0.2)
    a, b = (Predictions(y, flat, np.where(rng.random(len(y)) < 0.5, y, rng.integers(0, 5, len(y)))) for _ in "ab")
    start = time.process_time()
    paired_difference(a, b, "macro_f1", BootstrapSettings(resamples=2000))
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (lambda m: {"proba": np.full_like(m.proba, np.nan)}, "400 rows hold a value that is negative or not finite"),
        (lambda m: {"proba": m.proba * 2}, "400 rows do not sum to 1; row 0 sums to 2"),
        (lambda m: {"predicted": m.predicted + K}, "predicted classes: .* allowed are 0 to 3"),
        (lambda m: {"predicted": m.predicted.astype(float)}, "needed whole-number class codes"),
        (lambda m: {"y": m.y[1:]}, r"truth: found shape \(399,\), needed \(400,\)"),
        (lambda m: {"y": m.y[:0], "proba": m.proba[:0], "predicted": m.predicted[:0]}, "found no rows"),
    ],
)
def test_invalid_predictions_are_refused(changes, message):
    model_ = model(truth(), 0.5, 1)
    with pytest.raises(MetricsError, match=message):
        metric_interval(replace(model_, **changes(model_)), "macro_f1", BootstrapSettings(resamples=10))


def test_models_of_other_rows_or_classes_are_not_compared():
    a = model(truth(), 0.5, 1)
    with pytest.raises(MetricsError, match="their true classes differ"):
        paired_difference(a, replace(a, y=a.y[::-1]), "macro_f1", BootstrapSettings(resamples=10))
    with pytest.raises(MetricsError, match=r"found shape \(400, 3\), needed 4 columns"):
        paired_difference(a, replace(a, proba=a.proba[:, 1:]), "macro_f1", BootstrapSettings(resamples=10))


def test_an_unknown_metric_is_named_with_those_that_exist():
    with pytest.raises(MetricsError, match=r"no metric 'f1'.*macro_f1"):
        metric_interval(model(truth(), 0.5, 1), "f1")


BLOCK_METRICS = [m for m in METRICS if m != "ece"]


@pytest.mark.parametrize("metric", METRICS)
class TestBlocks:
    """Rows that were copied are no more evidence than the rows they were copied from, if copies are drawn together."""

    def copied(self, times):
        y = truth()
        models = [model(y, 0.5, 1), model(y, 1.0, 2)]
        copies = np.repeat(np.arange(len(y)), times)
        return [m.take(copies) for m in models], copies

    def test_copies_as_blocks_give_the_interval_of_the_rows(self, metric):
        (a, b), blocks = self.copied(4)
        alone, _ = self.copied(1)
        once = paired_difference(*alone, metric, BootstrapSettings(resamples=500, blocks=np.arange(len(alone[0].y))))
        many = paired_difference(a, b, metric, BootstrapSettings(resamples=500, blocks=blocks))
        assert (many.estimate, many.low, many.high) == pytest.approx((once.estimate, once.low, once.high), abs=1e-6)
        by_row = paired_difference(a, b, metric, BootstrapSettings(resamples=500))
        assert many.high - many.low > 1.6 * (by_row.high - by_row.low)

    def test_neither_the_order_of_rows_nor_the_numbers_of_blocks_change_it(self, metric):
        (a, b), blocks = self.copied(2)
        blocks = np.where(np.arange(len(blocks)) % 7 == 0, -1, blocks // 2)  # some rows of no known block
        rows, names = np.random.default_rng(9).permutation(len(blocks)), np.random.default_rng(8).permutation(400)
        found = paired_difference(a, b, metric, BootstrapSettings(resamples=200, blocks=blocks))
        shuffled = BootstrapSettings(resamples=200, blocks=blocks[rows])
        assert paired_difference(a.take(rows), b.take(rows), metric, shuffled) == found
        if metric in BLOCK_METRICS and metric not in ("log_loss", "brier", "average_precision", "roc_auc"):
            renamed_blocks = BootstrapSettings(resamples=200, blocks=np.where(blocks < 0, -1, names[blocks]))
            assert paired_difference(a, b, metric, renamed_blocks) == found

    def test_single_rows_as_blocks_are_about_as_wide_as_rows(self, metric):
        y = truth(2000)
        a, b = model(y, 0.5, 1), model(y, 1.0, 2)
        by_row = paired_difference(a, b, metric, BootstrapSettings(resamples=500))
        by_block = paired_difference(a, b, metric, BootstrapSettings(resamples=500, blocks=np.arange(len(y))))
        assert by_block.high - by_block.low == pytest.approx(by_row.high - by_row.low, rel=0.2)


@pytest.mark.parametrize("metric", ["recall", "average_precision"])
def test_draws_of_blocks_without_a_row_of_a_class_are_left_out(metric):
    y = np.repeat([0, 1, 2, 3], [300, 200, 100, 4])
    blocks = np.where(y == 3, 0, np.arange(len(y)) % 50)  # the rare class is in one block of fifty
    found = class_intervals(model(y, 1.0, 1), metric, BootstrapSettings(resamples=400, blocks=blocks))
    assert all(np.isfinite([i.low, i.high]).all() for i in found)
    nowhere = np.where(y == 3, np.nan, 0.0)
    assert np.isnan(intervals(np.tile(nowhere[-1:], (50, 1)), 0.95)[0].low)
