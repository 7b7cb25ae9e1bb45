"""Decision rules: exact, fitted without the rows they are evaluated on, and the same for every class order."""

from __future__ import annotations

import json
import warnings
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from sklearn import metrics as sk

from evenhand.data.out_of_fold import fitting_rows
from evenhand.errors import ProblemError
from evenhand.metrics.checks import MetricsError
from evenhand.metrics.confusion_metrics import CONFUSION_METRICS
from evenhand.metrics.predictions import Predictions
from evenhand.postprocess import multipliers
from evenhand.postprocess.fit_rules import cross_fitted, fit_rule, period_groups
from evenhand.postprocess.multipliers import OBJECTIVES
from evenhand.postprocess.rules import Capacity, LargestWeighted, LeastCost
from evenhand.problem import LABEL_METRICS, Decision

SETTINGS = settings(max_examples=15, deadline=None, derandomize=True)
NAMES = ("Assault", "Auto Theft", "Break and Enter", "Robbery", "Theft Over")
TRUSTED = [f"evenhand.postprocess.rules.{rule.__name__}" for rule in (LargestWeighted, LeastCost, Capacity)]
SPECS = (
    "argmax",
    "multipliers",
    "prior_power",
    "prior_correction",
    {"kind": "cost", "costs": {"Robbery": {"Assault": 7}}},
    {"kind": "capacity", "class_name": "Robbery", "share": 0.1},
)


def rule_spec(raw):
    return TypeAdapter(Decision).validate_python(raw)


def rows(seed, n, k, sharpness=1.0):
    """Truth drawn from probabilities in which the first class is the common one."""
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.linspace(3, 0.4, k) * sharpness, n)
    proba = (proba + 1e-9) / (proba + 1e-9).sum(axis=1, keepdims=True)
    y = (proba.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(0, k - 1)
    return proba, y, np.bincount(y, minlength=k) / n


def fitted(raw, proba, y, metric="macro_f1", classes=NAMES, **more):
    return fit_rule(rule_spec(raw), Predictions(y, proba), classes[: proba.shape[1]], metric, **more)


def cross_fitted_on(raw, proba, y, folds, classes=NAMES, **more):
    return cross_fitted(rule_spec(raw), Predictions(y, proba, folds=folds), classes, "macro_f1", **more)


def metric_of(metric, y, proba, codes):
    k = proba.shape[1]
    return CONFUSION_METRICS[metric](np.bincount(y * k + codes, minlength=k * k).reshape(k, k))[0]


some_rows = st.builds(rows, st.integers(0, 10_000), st.integers(20, 60), st.integers(2, 5))
label_metrics = st.sampled_from(LABEL_METRICS)
coarse_rows = st.sampled_from([10, multipliers.COARSE])  # rows that the searches start on


def as_found():
    """Take multipliers as the search found them, not shrunk for few rows."""
    return mock.patch.object(multipliers, "FEW", 1e-12)


# --- multipliers ---------------------------------------------------------------------------------------------------


def test_every_label_metric_has_an_objective():
    assert set(OBJECTIVES) == set(LABEL_METRICS)


@SETTINGS
@given(st.integers(0, 10_000), label_metrics, st.booleans())
def test_with_two_classes_no_threshold_scores_higher(seed, metric, coarse):
    proba, y, _prior = rows(seed, 40, 2)
    if coarse:  # many ties
        proba = (np.round(proba * 6) + 1) / (np.round(proba * 6) + 1).sum(axis=1, keepdims=True)
    value = {
        "macro_f1": lambda c: sk.f1_score(y, c, average="macro", labels=np.unique(y), zero_division=0),
        "weighted_f1": lambda c: sk.f1_score(y, c, average="weighted", labels=np.unique(y), zero_division=0),
        "balanced_accuracy": lambda c: sk.recall_score(y, c, average="macro", labels=np.unique(y), zero_division=0),
        "accuracy": lambda c: sk.accuracy_score(y, c),
        "mcc": lambda c: sk.matthews_corrcoef(y, c),
        "g_mean": lambda c: metric_of("g_mean", y, proba, c),
    }[metric]
    thresholds = np.concatenate([[-1.0], np.unique(proba[:, 1]), [2.0]])
    best = max(value((proba[:, 1] > threshold).astype(int)) for threshold in thresholds)
    with as_found():
        assert value(fitted("multipliers", proba, y, metric).decide(proba)) == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("metric", LABEL_METRICS)
def test_rows_that_tie_move_together(metric):
    for seed in range(20):
        proba, y, _prior = rows(seed, 40, 2)
        proba[:, 1] = (np.round(proba[:, 1] * 4) + 1) / 6
        proba[:, 0] = 1 - proba[:, 1]
        chosen = [(proba[:, 1] > threshold).astype(int) for threshold in [0, *np.unique(proba[:, 1])]]
        best = max(metric_of(metric, y, proba, codes) for codes in chosen)
        with as_found():
            reached = metric_of(metric, y, proba, fitted("multipliers", proba, y, metric).decide(proba))
        assert reached == pytest.approx(best, abs=1e-9)


@SETTINGS
@given(some_rows, label_metrics, coarse_rows)
def test_no_change_of_one_multiplier_scores_higher(found, metric, few):
    proba, y, _prior = found
    with mock.patch.object(multipliers, "COARSE", few), as_found():
        weights = np.array(fitted("multipliers", proba, y, metric).weights)
    reached = metric_of(metric, y, proba, (proba * weights).argmax(axis=1))
    for code in np.unique(y):
        others = np.delete(proba * weights, code, axis=1).max(axis=1)
        points = np.unique(others / proba[:, code])
        for weight in [points[0] / 2, *np.sqrt(points[1:] * points[:-1]), points[-1] * 2]:
            tried = weights.copy()
            tried[code] = weight
            assert metric_of(metric, y, proba, (proba * tried).argmax(axis=1)) <= reached + 1e-9


@SETTINGS
@given(some_rows, label_metrics, st.booleans(), coarse_rows)
def test_multipliers_never_score_below_argmax_on_their_own_rows(found, metric, coarse, few):
    proba, y, _prior = found
    if coarse:  # many ties, and zeros
        proba = np.round(proba * 4)
        proba[proba.sum(axis=1) == 0] = 1
        proba /= proba.sum(axis=1, keepdims=True)
    with mock.patch.object(multipliers, "COARSE", few):
        codes = fitted("multipliers", proba, y, metric).decide(proba)
    assert metric_of(metric, y, proba, codes) >= metric_of(metric, y, proba, proba.argmax(axis=1)) - 1e-12


def test_a_search_that_begins_on_some_of_the_rows_ends_as_high_as_one_on_all():
    rng = np.random.default_rng(0)
    y = rng.choice(4, 3_000, p=[0.6, 0.25, 0.1, 0.05])
    logits = rng.normal(size=(len(y), 4)) + np.eye(4)[y] * 1.5 + np.log([0.6, 0.25, 0.1, 0.05])
    proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    _prior, reached = np.bincount(y) / len(y), []
    for few in (len(y), 300):
        with mock.patch.object(multipliers, "COARSE", few):
            codes = fitted("multipliers", proba, y, "macro_f1").decide(proba)
        reached.append(metric_of("macro_f1", y, proba, codes))
    whole, coarse = reached
    assert coarse >= whole - 0.003
    assert coarse > metric_of("macro_f1", y, proba, proba.argmax(axis=1)) + 0.02


@SETTINGS
@given(some_rows, label_metrics, st.randoms(use_true_random=False))
def test_multipliers_do_not_depend_on_the_order_of_classes_or_rows(found, metric, random):
    proba, y, _prior = found
    order = list(range(proba.shape[1]))
    random.shuffle(order)
    lines = list(range(len(y)))
    random.shuffle(lines)
    plain = np.array(fitted("multipliers", proba, y, metric).weights)
    place = np.argsort(order)
    moved = fitted("multipliers", proba[lines][:, order], place[y[lines]], metric, [NAMES[code] for code in order])
    np.testing.assert_allclose(moved.weights, plain[order], rtol=1e-9)


@SETTINGS
@given(some_rows, label_metrics, st.permutations(range(len(NAMES))))
def test_a_search_that_starts_on_some_rows_does_not_depend_on_the_order_of_classes(found, metric, shuffled):
    proba, y, _prior = found
    order = [code for code in shuffled if code < proba.shape[1]]
    names = [NAMES[code] for code in order]
    with mock.patch.object(multipliers, "COARSE", 10):
        plain = np.array(fitted("multipliers", proba, y, metric).weights)
        moved = fitted("multipliers", proba[:, order], np.argsort(order)[y], metric, names)
    np.testing.assert_allclose(moved.weights, plain[order], rtol=1e-9)


@SETTINGS
@given(some_rows, st.floats(0.01, 100))
def test_only_the_ratios_of_multipliers_count(found, factor):
    proba, y, _prior = found
    rule = fitted("multipliers", proba, y)
    scaled = LargestWeighted(rule.name, rule.classes, tuple(np.array(rule.weights) * factor))
    assert (scaled.decide(proba) == rule.decide(proba)).all()


@pytest.mark.parametrize("times", [1, 5, 100])
def test_multipliers_of_few_rows_are_nearer_to_argmax_and_with_many_rows_as_found(times):
    """Copies of the rows change what the search finds in nothing, and how much of it is believed in the number only."""
    proba, y, _prior = rows(1, 60, 3, sharpness=2)
    proba, y = np.repeat(proba, times, axis=0), np.repeat(y, times)
    shrunk = np.log(fitted("multipliers", proba, y).weights)
    with as_found():
        found = np.log(fitted("multipliers", proba, y).weights)
    counts = np.bincount(y)
    meant = found * counts / (counts + 10)
    argmax, then = (metric_of("macro_f1", y, proba, (proba * np.exp(one)).argmax(axis=1)) for one in (0, meant))
    assert np.abs(found).max() > 0.1
    np.testing.assert_allclose(shrunk, meant - meant.mean() if then > argmax else np.zeros(3), atol=1e-9)
    assert (then > argmax) == (times > 1)


def test_multipliers_improve_macro_f1_on_new_rows():
    proba, y, _prior = rows(1, 6_000, 4, sharpness=2)
    rule = fitted("multipliers", proba[:4000], y[:4000])
    new, truth = proba[4000:], y[4000:]
    assert metric_of("macro_f1", truth, new, rule.decide(new)) > metric_of("macro_f1", truth, new, new.argmax(1)) + 0.02


def test_a_tiny_probability_gives_no_warning_and_moves_no_multiplier():
    proba, y, _prior = rows(3, 500, 4)
    nearly = np.where(np.arange(500)[:, None] % 7 == 0, [0.6, 0.3, 0.1, 1e-310], proba)
    gone = np.where(np.arange(500)[:, None] % 7 == 0, [0.6, 0.3, 0.1, 0.0], proba)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fitted("multipliers", nearly, y).weights == fitted("multipliers", gone, y).weights


@pytest.mark.parametrize("seed", [9, 117, 126, 819, 1611, 1685, *range(200, 240)])
def test_no_multiplier_is_zero_where_probabilities_are_of_every_size(seed):
    generator = np.random.default_rng(seed)
    n_classes, n = int(generator.integers(2, 6)), int(generator.integers(10, 60))
    y = np.r_[np.arange(n_classes), generator.choice(n_classes, n)]
    proba = generator.choice([0, 5e-324, 1e-320, 1e-300, 1e-200, 0.1, 0.5, 1], (len(y), n_classes))
    proba[np.arange(len(y)), generator.choice(n_classes, len(y))] = 1
    proba /= proba.sum(axis=1, keepdims=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        weights = fitted("multipliers", proba, y).weights
    assert np.isfinite(weights).all()
    assert min(weights) > 0


def test_a_class_without_rows_is_still_chosen_somewhere():
    proba, y, _ = rows(2, 500, 4)
    rule = fitted("multipliers", proba, np.where(y == 3, 0, y))
    assert (rule.decide(proba) == 3).any()


def test_multipliers_refuse_a_metric_of_probabilities():
    proba, y, _prior = rows(0, 30, 3)
    with pytest.raises(ProblemError, match="can't be fitted for log_loss; allowed: macro_f1"):
        fitted("multipliers", proba, y, "log_loss")


# --- priors --------------------------------------------------------------------------------------------------------


@SETTINGS
@given(some_rows)
def test_prior_power_goes_from_argmax_to_equal_weight_of_classes(found):
    proba, y, _ = found
    k = proba.shape[1]
    proba, y = np.vstack([proba, np.full((k, k), 1 / k)]), np.append(y, np.arange(k))  # every class has a row
    prior = np.bincount(y) / len(y)
    none = fitted({"kind": "prior_power", "tau": 0}, proba, y).decide(proba)
    half = fitted("prior_power", proba, y).decide(proba)
    assert (none == proba.argmax(axis=1)).all()
    assert (half == (proba / np.sqrt(prior)).argmax(axis=1)).all()
    rarest = prior.argmin()
    assert (half == rarest).sum() >= (none == rarest).sum()


def test_prior_correction_undoes_resampling_and_is_argmax_without_it():
    proba, y, prior = rows(3, 200, 4)
    share = np.array([0.1, 0.2, 0.4, 0.3])
    resampled = proba * share / prior / (proba * share / prior).sum(axis=1, keepdims=True)
    back = fitted("prior_correction", resampled, y, trained_share=share)
    assert (back.decide(resampled) == proba.argmax(axis=1)).all()
    assert (fitted("prior_correction", proba, y).decide(proba) == proba.argmax(axis=1)).all()


def test_the_weight_of_an_absent_class_is_finite():
    proba, y, _ = rows(4, 50, 3)
    rule = fitted("prior_power", proba, np.minimum(y, 1))
    assert rule.weights[2] == rule.weights[1]


# --- costs ---------------------------------------------------------------------------------------------------------


@st.composite
def cost_tables(draw):
    k = draw(st.integers(2, 5))
    costs = np.array(draw(st.lists(st.lists(st.floats(0, 9), min_size=k, max_size=k), min_size=k, max_size=k)))
    np.fill_diagonal(costs, costs.min(axis=1))
    return costs


@SETTINGS
@given(cost_tables(), st.integers(0, 999), st.floats(0.1, 50), st.randoms(use_true_random=False))
def test_a_costlier_miss_never_means_fewer_catches(costs, seed, more, random):
    proba, y, _prior = rows(seed, 50, len(costs))
    truth = random.randrange(len(costs))
    costlier = costs.copy()
    costlier[truth, np.arange(len(costs)) != truth] += more
    before, after = (
        fitted({"kind": "cost", "costs": table.tolist()}, proba, y).decide(proba) for table in (costs, costlier)
    )
    assert (after[before == truth] == truth).all()


@SETTINGS
@given(cost_tables(), st.integers(0, 999))
def test_a_miss_never_scores_above_a_catch(costs, seed):
    proba, y, _prior = rows(seed, 50, len(costs))
    rule = fitted({"kind": "cost", "costs": costs.tolist()}, proba, y)
    predicted = rule.decide(proba)
    for row in range(len(y)):
        caught = predicted.copy()
        caught[row] = y[row]
        assert rule.mean_cost(y, caught) <= rule.mean_cost(y, predicted) + 1e-12


def test_no_choice_has_a_lower_expected_cost():
    proba, y, _prior = rows(5, 60, 3)
    costs = [[0, 1, 4], [2, 0, 1], [30, 10, 0]]
    chosen = fitted({"kind": "cost", "costs": costs}, proba, y).decide(proba)
    for row, code in zip(proba, chosen, strict=True):
        expected = [sum(row[t] * costs[t][p] for t in range(3)) for p in range(3)]
        assert expected[code] == min(expected)


def test_equal_costs_are_argmax_and_named_costs_move_the_named_class():
    proba, y, _prior = rows(6, 300, 5)
    plain = fitted({"kind": "cost", "costs": {}}, proba, y).decide(proba)
    assert (plain == proba.argmax(axis=1)).all()
    costly = fitted({"kind": "cost", "costs": {"Robbery": {"Assault": 20}}}, proba, y)
    assert costly.costs[3] == (20.0, 1.0, 1.0, 0.0, 1.0)
    assert (costly.decide(proba) == 0).sum() < (plain == 0).sum()


@pytest.mark.parametrize(
    ("costs", "message"),
    [
        ({"Arson": {"Assault": 2}}, "no class 'Arson'; allowed: Assault, Auto Theft"),
        ({"Assault": {"Arson": 2}}, "no class 'Arson'"),
        ({"Assault": {"Assault": 2}}, "Assault called Auto Theft costs 1, less than called rightly"),
        (
            [[0, 1], [1, 0]],
            "needed 3 rows of 3 costs in the order Assault, Auto Theft, Break and Enter; found rows of 2",
        ),
        ([[0, 1, 1], [1, 0, 1], [1, 0.5, 0.7]], "Break and Enter called Auto Theft costs 0.5"),
    ],
)
def test_costs_that_make_no_sense_are_refused(costs, message):
    proba, y, _prior = rows(0, 30, 3)
    with pytest.raises(ProblemError, match=message):
        fitted({"kind": "cost", "costs": costs}, proba, y)


# --- capacity ------------------------------------------------------------------------------------------------------

PER_DAY = {"kind": "capacity", "class_name": "Robbery", "k": 3, "per": "day"}


def test_k_a_group_is_exact_and_takes_the_highest():
    proba, y, _prior = rows(7, 200, 4)
    days = np.arange(200) % 9
    days[:2] = 9  # a group with fewer rows than k
    rule = fitted(PER_DAY, proba, y, groups=days)
    chosen = rule.decide(proba, days) == 3
    for day in range(10):
        here = days == day
        assert chosen[here].sum() == min(3, here.sum())
        assert proba[here & chosen, 3].min() >= proba[here & ~chosen, 3].max(initial=0)


@SETTINGS
@given(st.integers(0, 999), st.integers(1, 20), st.booleans())
def test_a_threshold_takes_no_more_than_the_share_and_all_that_fits(seed, percent, coarse):
    proba, y, _prior = rows(seed, 100, 4)
    if coarse:
        proba = (np.round(proba * 5) + 1) / (np.round(proba * 5) + 1).sum(axis=1, keepdims=True)
    rule = fitted({**PER_DAY, "k": None, "per": None, "share": percent / 100}, proba, y)
    chosen = rule.decide(proba) == 3
    next_best = proba[~chosen, 3].max()
    assert chosen.sum() <= percent < chosen.sum() + (proba[:, 3] == next_best).sum()
    assert (proba[chosen, 3] > next_best).all()


def test_k_a_day_becomes_a_threshold_for_single_rows():
    proba, y, _prior = rows(8, 4_000, 4)
    days = np.arange(4_000) % 40
    rule = fitted(PER_DAY, proba, y, groups=days)
    assert rule.share == pytest.approx(0.03)
    new, _, _ = rows(9, 4_000, 4)
    alone = np.concatenate([rule.decide(new[[row]]) for row in range(200)])
    assert (alone == rule.decide(new)[:200]).all()
    assert 2 < (rule.decide(new) == 3).sum() / 40 < 4


def test_rows_without_a_day_are_decided_by_the_threshold():
    proba, y, _prior = rows(8, 400, 4)
    days = np.where(np.arange(400) < 100, -1, np.arange(400) % 10)
    rule = fitted(PER_DAY, proba, y, groups=days)
    chosen = rule.decide(proba, days) == 3
    assert (chosen[:100] == (proba[:100, 3] >= rule.threshold)).all()
    assert chosen[100:].sum() == 30


def test_rows_past_the_capacity_get_their_most_probable_other_class():
    proba, y, _prior = rows(10, 100, 4)
    codes = fitted(PER_DAY, proba, y, groups=np.zeros(100, dtype=int)).decide(proba)
    rest = codes != 3
    assert (codes[rest] == proba[rest, :3].argmax(axis=1)).all()


def test_cross_fitting_counts_k_over_complete_days_not_over_their_folds():
    proba, y, _ = rows(11, 300, 4)
    days, folds = np.arange(300) // 30, np.arange(300) % 3
    codes = cross_fitted_on(PER_DAY, proba, y, folds, NAMES[:4], groups=days)
    assert (np.bincount(days[codes == 3]) == 3).all()


def test_a_capacity_without_its_groups_or_its_class_is_refused():
    proba, y, _prior = rows(0, 30, 4)
    with pytest.raises(MetricsError, match="k = 3 per day needs the day of each of 30 rows"):
        fitted(PER_DAY, proba, y)
    with pytest.raises(ProblemError, match="no class 'Arson'; allowed: Assault"):
        fitted({"kind": "capacity", "class_name": "Arson", "share": 0.1}, proba, y)
    with pytest.raises(ProblemError, match="period day needs times"):
        period_groups(pd.Series(["a"]), rule_spec({**PER_DAY, "period": "day"}))


# --- all rules -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", SPECS)
def test_a_rule_is_plain_data_that_repeats_stores_and_compares(raw):
    proba, y, _prior = rows(12, 150, 5)
    share = np.full(5, 0.2)
    rule, again = (fitted(raw, proba, y, trained_share=share) for _ in range(2))
    assert rule == again
    assert json.loads(json.dumps(rule.to_record())) == rule.to_record()
    back = skops.io.loads(skops.io.dumps(rule), trusted=TRUSTED)
    assert back == rule
    assert (back.decide(proba) == rule.decide(proba)).all()
    other = fitted(raw, proba[:, ::-1], y, trained_share=share, classes=NAMES[::-1])
    assert other != rule


@pytest.mark.parametrize("raw", SPECS)
@pytest.mark.parametrize("folds", [3, 1])
def test_labels_of_the_evaluated_rows_never_reach_their_rule(raw, folds):
    proba, y, _ = rows(13, 240, 5)
    fold = np.arange(240) % folds
    plain = cross_fitted_on(raw, proba, y, fold)
    for _, evaluated in fitting_rows(fold, y):
        planted = y.copy()
        planted[evaluated] = np.roll(y[evaluated], 7)
        if folds == 1:  # the halves are drawn by class, so keep them while labels move within one
            fold_then = np.isin(np.arange(240), evaluated).astype(int)
            plain = cross_fitted_on(raw, proba, y, fold_then)
        else:
            fold_then = fold
        found = cross_fitted_on(raw, proba, planted, fold_then)
        assert (found[evaluated] == plain[evaluated]).all()


def test_one_fold_is_cut_into_halves_with_every_class_in_both():
    _, y, _ = rows(14, 301, 4)
    pairs = fitting_rows(np.zeros(301), y)
    assert sorted(np.concatenate([evaluated for _, evaluated in pairs])) == list(range(301))
    for fitted_on, evaluated in pairs:
        assert not set(fitted_on) & set(evaluated)
        assert np.abs(np.bincount(y[fitted_on], minlength=4) - np.bincount(y[evaluated], minlength=4)).max() <= 1


def test_a_cross_fitted_score_is_not_optimistic_where_there_is_nothing_to_learn():
    rng = np.random.default_rng(15)
    proba, y = rng.dirichlet(np.ones(5), 150), rng.integers(0, 5, 150)
    own = fitted("multipliers", proba, y).decide(proba)
    honest = cross_fitted_on("multipliers", proba, y, np.arange(150) % 3)
    assert metric_of("macro_f1", y, proba, own) > metric_of("macro_f1", y, proba, honest) + 0.01


@pytest.mark.parametrize(
    ("proba", "message"),
    [
        (np.full((2, 3), 1 / 3), r"found shape \(2, 3\), needed 5 columns"),
        (np.array([[0.2] * 5, [np.nan, 0.25, 0.25, 0.25, 0.25]]), "1 rows hold a value that is negative or not finite"),
        (np.array([[np.inf, 0.25, 0.25, 0.25, 0.25]]), "1 rows hold a value that is negative or not finite"),
        (np.array([[-0.2, 0.3, 0.3, 0.3, 0.3]]), "row 0"),
        (np.zeros((1, 5)), "zeros only"),
    ],
)
@pytest.mark.parametrize("raw", SPECS)
def test_no_rule_decides_on_invalid_probabilities(raw, proba, message):
    good, y, _prior = rows(16, 60, 5)
    with pytest.raises(MetricsError, match=message):
        fitted(raw, good, y).decide(proba)


def test_labels_and_shares_that_do_not_match_are_refused():
    proba, y, prior = rows(17, 60, 5)
    for bad in (y[:-1], y + 5, y.astype(float), -1 - y):
        with pytest.raises(MetricsError, match=r"truth: found"):
            fitted("multipliers", proba, bad)
    for bad in (prior[:-1], -prior, prior * 0, prior * np.nan):
        with pytest.raises(MetricsError, match="trained_share: needed 5 class shares"):
            fitted("prior_correction", proba, y, trained_share=bad)


@pytest.mark.parametrize(
    "raw",
    [
        "softmax",
        {"kind": "prior_power", "tau": 2},
        {"kind": "multipliers", "metric": "log_loss"},
        {"kind": "cost", "costs": {"A": {"B": float("inf")}}},
        {"kind": "cost", "costs": {"A": {"B": -1}}},
        {"kind": "capacity", "class_name": "A"},
        {"kind": "capacity", "class_name": "A", "k": 5},
        {"kind": "capacity", "class_name": "A", "share": 0.1, "k": 5, "per": "day"},
        {"kind": "argmax", "tau": 0.5},
    ],
)
def test_an_invalid_decision_is_refused_when_the_file_is_read(raw):
    with pytest.raises(ValidationError):
        rule_spec(raw)
