"""Scores: equal to scikit-learn's, unmoved by row order, nan where undefined."""

from __future__ import annotations

import json
import math
import re
import unicodedata
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric_name
from sklearn import metrics as sk

from evenhand.metrics.checks import MetricsError
from evenhand.metrics.ranking import Ranking
from evenhand.metrics.scores import headline, metric_slugs, recalls, score, to_record
from evenhand.problem import METRICS

SETTINGS = settings(max_examples=40, deadline=None)
NAMES = ["Assault", "Auto Theft", "Break and Enter", "Robbery", "Theft Over"]


@st.composite
def scored_rows(draw):
    """Truth, probabilities, chosen classes and names; often with ties, sometimes with a class that has no rows."""
    k, n = draw(st.integers(2, 5)), draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weights = rng.dirichlet(np.ones(k)) + 0.01
    if draw(st.booleans()):
        weights[draw(st.integers(0, k - 1))] = 0.0
    y = rng.choice(k, n, p=weights / weights.sum())
    proba = rng.dirichlet(np.ones(k), n)
    if draw(st.booleans()):
        proba = (np.round(proba * 4) + 1) / (np.round(proba * 4) + 1).sum(axis=1, keepdims=True)
    predicted = rng.integers(0, k, n) if draw(st.booleans()) else proba.argmax(axis=1)
    return y, proba, predicted, NAMES[:k]


@SETTINGS
@given(scored_rows())
def test_equals_scikit_learn_with_ties_and_absent_classes(rows):
    y, proba, predicted, classes = rows
    k = len(classes)
    found = score(y, proba, classes, predicted)
    present = np.unique(y)
    options = {"labels": present, "zero_division": 0.0}
    expected = {
        "macro_f1": sk.f1_score(y, predicted, average="macro", **options),
        "weighted_f1": sk.f1_score(y, predicted, average="weighted", **options),
        "macro_precision": sk.precision_score(y, predicted, average="macro", **options),
        "macro_recall": sk.recall_score(y, predicted, average="macro", **options),
        "accuracy": sk.accuracy_score(y, predicted),
        "log_loss": sk.log_loss(y, proba, labels=list(range(k))),
        "brier": ((proba - np.eye(k)[y]) ** 2).sum() / len(y),
        "average_precision": np.mean([sk.average_precision_score(y == c, proba[:, c]) for c in present]),
        "majority_accuracy": np.bincount(y).max() / len(y),
    }
    with warnings.catch_warnings():  # of scikit-learn, about a truth that lacks a class
        warnings.simplefilter("ignore", UserWarning)
        expected["mcc"] = sk.matthews_corrcoef(y, predicted)
        expected["balanced_accuracy"] = sk.balanced_accuracy_score(y, predicted)
    if len(present) > 1:
        expected["roc_auc"] = np.mean([sk.roc_auc_score(y == c, proba[:, c]) for c in present])
    recalls = sk.recall_score(y, predicted, average=None, **options)
    expected["g_mean"] = float(np.prod(recalls)) ** (1 / len(present))
    for name, value in expected.items():
        assert found.metrics[name] == pytest.approx(value, abs=1e-12), name
    assert (found.confusion == sk.confusion_matrix(y, predicted, labels=range(k))).all()
    assert tuple(found.metrics) == (*METRICS, "majority_accuracy")


@SETTINGS
@given(scored_rows())
def test_per_class_equals_scikit_learn(rows):
    y, proba, predicted, classes = rows
    found = score(y, proba, classes, predicted)
    assert list(found.per_class) == classes
    options = {"labels": list(range(len(classes))), "average": None, "zero_division": 0.0}
    precision, recall, f1, support = sk.precision_recall_fscore_support(y, predicted, **options)
    for code, name in enumerate(classes):
        one = found.per_class[name]
        assert one.support == support[code]
        if not one.support:
            assert all(math.isnan(v) for v in (one.precision, one.recall, one.f1, one.average_precision, one.roc_auc))
            continue
        assert (one.precision, one.recall, one.f1) == pytest.approx((precision[code], recall[code], f1[code]))
        assert one.average_precision == pytest.approx(sk.average_precision_score(y == code, proba[:, code]), abs=1e-12)


@SETTINGS
@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 1e-300, 0.1, 0.1 + 1e-16, 0.25, 0.5, 1.0])), min_size=1))
def test_one_sort_gives_both_areas_of_scikit_learn(pairs):
    positive = np.array([p for p, _ in pairs])
    values = np.array([v for _, v in pairs])
    ranking = Ranking.of(positive, values)
    precision, auc = ranking.average_precision, ranking.roc_auc
    if not positive.any():
        assert math.isnan(precision)
        assert math.isnan(auc)
        return
    assert precision == pytest.approx(sk.average_precision_score(positive, values), abs=1e-12)
    if positive.all():
        assert math.isnan(auc)
    else:
        assert auc == pytest.approx(sk.roc_auc_score(positive, values), abs=1e-12)


@SETTINGS
@given(scored_rows(), st.randoms(use_true_random=False))
def test_row_order_changes_nothing(rows, random):
    y, proba, predicted, classes = rows
    order = list(range(len(y)))
    random.shuffle(order)
    before = score(y, proba, classes, predicted)
    after = score(y[order], proba[order], classes, predicted[order])
    assert after.metrics == pytest.approx(before.metrics, abs=1e-12, nan_ok=True)
    assert (after.confusion == before.confusion).all()


@SETTINGS
@given(scored_rows(), st.randoms(use_true_random=False))
def test_class_order_only_permutes_the_classes(rows, random):
    y, proba, predicted, classes = rows
    order = list(range(len(classes)))
    random.shuffle(order)  # new code i is old code order[i]
    new_code = np.argsort(order)
    before = score(y, proba, classes, predicted)
    after = score(new_code[y], proba[:, order], [classes[c] for c in order], new_code[predicted])
    assert list(after.per_class) == [classes[c] for c in order]
    assert (after.confusion == before.confusion[np.ix_(order, order)]).all()
    for name in classes:
        assert repr(after.per_class[name]) == repr(before.per_class[name])
    changing = {"ece"}  # among equally probable classes the first counts as the choice
    same = {name: value for name, value in before.metrics.items() if name not in changing}
    assert {n: v for n, v in after.metrics.items() if n not in changing} == pytest.approx(same, abs=1e-12, nan_ok=True)


def test_perfect_probabilities_score_one():
    y = np.array([0, 0, 0, 1, 1, 2])
    found = score(y, np.eye(3)[y], NAMES[:3]).metrics
    losses = {"log_loss", "brier", "ece"}
    assert [found[name] for name in losses] == pytest.approx([0.0] * 3, abs=1e-6)
    best = {name: value for name, value in found.items() if name not in {*losses, "majority_accuracy"}}
    assert best == pytest.approx(dict.fromkeys(best, 1.0))
    assert found["majority_accuracy"] == 0.5


def test_a_constant_answer_is_worth_nothing_but_looks_accurate():
    y = np.array([0] * 95 + [1] * 5)
    found = score(y, np.tile([0.95, 0.05], (100, 1)), ["Common", "Rare"])
    assert found.metrics["mcc"] == 0.0
    assert found.metrics["g_mean"] == 0.0
    assert found.metrics["balanced_accuracy"] == 0.5
    assert found.metrics["accuracy"] == found.metrics["majority_accuracy"] == 0.95
    assert found.metrics["roc_auc"] == 0.5
    assert found.metrics["ece"] == pytest.approx(0.0, abs=1e-12)
    assert found.per_class["Rare"].precision == 0.0
    assert found.per_class["Rare"].average_precision == 0.05


def test_calibration_error_of_a_known_gap():
    y = np.array([0, 0, 0, 1])
    assert score(y, np.tile([0.9, 0.1], (4, 1)), ["a", "b"]).metrics["ece"] == pytest.approx(0.15)


@SETTINGS
@given(scored_rows())
def test_calibration_error_is_the_mean_gap_over_fifteen_bins(rows):
    y, proba, _, classes = rows
    confidence, right = proba.max(axis=1), proba.argmax(axis=1) == y
    gap = 0.0
    for low in range(15):
        inside = np.floor(confidence * 15).clip(max=14) == low
        if inside.any():
            gap += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    assert score(y, proba, classes).metrics["ece"] == pytest.approx(gap, abs=1e-12)


def test_a_decision_rule_moves_labels_not_probability_metrics():
    rng = np.random.default_rng(5)
    y, proba = rng.integers(0, 3, 200), rng.dirichlet(np.ones(3), 200)
    plain, ruled = (score(y, proba, NAMES[:3], rule) for rule in (None, np.full(200, 2)))
    for name in ("log_loss", "brier", "ece", "average_precision", "roc_auc"):
        assert plain.metrics[name] == ruled.metrics[name]
    assert ruled.metrics["mcc"] == 0.0 != plain.metrics["mcc"]
    assert ruled.confusion[:, 2].sum() == 200


def test_log_loss_of_a_sure_and_wrong_row_is_bounded():
    assert score(np.array([0]), np.array([[0.0, 1.0]]), ["a", "b"]).metrics["log_loss"] == pytest.approx(
        16.118, abs=0.01
    )


def test_no_warning_where_something_is_undefined():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = score(np.array([1, 1]), np.array([[0.2, 0.8], [0.6, 0.4]]), ["a", "b"])
    assert math.isnan(found.metrics["roc_auc"])
    assert found.per_class["a"].support == 0
    assert found.metrics["macro_recall"] == 0.5


GOOD_Y, GOOD_P = np.array([0, 1]), np.array([[0.5, 0.5], [0.1, 0.9]])


@pytest.mark.parametrize(
    ("y", "proba", "classes", "predicted", "message"),
    [
        (np.array([0, 2]), GOOD_P, ["a", "b"], None, "truth: found class codes from 0 to 2, allowed are 0 to 1"),
        (np.array([-1, 1]), GOOD_P, ["a", "b"], None, "truth: found class codes from -1 to 1"),
        (np.array([0.0, 1.0]), GOOD_P, ["a", "b"], None, "truth: found float64 values"),
        (np.array([0]), GOOD_P, ["a", "b"], None, r"truth: found shape \(1,\), needed \(2,\)"),
        (GOOD_Y, GOOD_P, ["a", "b", "c"], None, r"probabilities: found shape \(2, 2\), needed 3 columns"),
        (GOOD_Y[:0], GOOD_P[:0], ["a", "b"], None, "truth: found no rows"),
        (GOOD_Y, GOOD_P, ["a", "a"], None, "classes: two or more different names"),
        (GOOD_Y, np.array([[0.5, 0.5], [np.nan, 0.9]]), ["a", "b"], None, "1 rows hold a value .* row 1"),
        (GOOD_Y, np.array([[1.5, -0.5], [0.1, 0.9]]), ["a", "b"], None, "1 rows hold a value .* row 0"),
        (GOOD_Y, np.array([[0.5, 0.5], [0.0, 0.0]]), ["a", "b"], None, "1 rows do not sum to 1; row 1 sums to 0"),
        (GOOD_Y, GOOD_P, ["a", "b"], np.array([0, 5]), "predicted classes: found class codes from 0 to 5"),
    ],
)
def test_invalid_predictions_are_refused(y, proba, classes, predicted, message):
    with pytest.raises(MetricsError, match=message):
        score(y, proba, classes, predicted)


def test_single_precision_probabilities_are_accepted():
    rng = np.random.default_rng(0)
    y, proba = rng.integers(0, 5, 300), rng.dirichlet(np.ones(5), 300)
    wide, narrow = score(y, proba, NAMES), score(y, proba.astype(np.float32), NAMES)
    assert narrow.metrics == pytest.approx(wide.metrics, abs=1e-5)


def test_record_is_plain_json_with_null_for_undefined():
    found = score(np.array([0, 0]), GOOD_P, ["a", "b"])
    record = json.loads(json.dumps(to_record(found), allow_nan=False))
    assert record["metrics"]["roc_auc"] is None
    assert record["per_class"]["b"] == {
        "precision": None, "recall": None, "f1": None, "support": 0, "average_precision": None, "roc_auc": None,
    }  # fmt: skip
    assert record["classes"] == ["a", "b"]
    assert record["confusion"] == [[1, 1], [0, 0]]


def test_the_few_metrics_of_a_run_are_safe_finite_and_begin_with_what_is_compared_first():
    found = score(np.array([0, 1, 1]), np.full((3, 3), 1 / 3), ["Auto Theft", "Drugs/Other (all)", ".."])
    values = headline(found, "oof", "g_mean") | recalls(found, "oof")
    assert values["oof_macro_f1"] == found.metrics["macro_f1"]
    assert values["oof_g_mean"] == found.metrics["g_mean"]
    assert values["oof_more_ece"] == found.metrics["ece"]
    assert values["oof_recall_Auto_Theft"] == found.per_class["Auto Theft"].recall
    assert sum(name.startswith("oof_recall_") for name in values) == 2, "no value of a class without rows"
    assert all(re.fullmatch(r"[A-Za-z0-9_.\-]+", name) and math.isfinite(value) for name, value in values.items())
    names = sorted(headline(found, "oof", "macro_f1") | recalls(found, "oof") | headline(found, "test", "macro_f1"))
    assert names[:2] == ["oof_average_precision", "oof_macro_f1"]
    assert "oof_ece" in headline(found, "oof", "ece")
    assert "oof_more_ece" not in headline(found, "oof", "ece")


@SETTINGS
@given(st.lists(st.text(max_size=300), min_size=2, max_size=6, unique=True))
def test_every_class_keeps_a_metric_name_of_its_own(names):
    slugs = metric_slugs(names)
    assert len(set(slugs)) == len(names)
    assert all(re.fullmatch(r"[\w.\-]{1,200}", slug) for slug in slugs)
    assert metric_slugs(names[::-1]) == slugs[::-1]


@pytest.mark.parametrize(
    "names",
    [
        ["Кража", "Грабёж", "窃盗", "Theft"],
        ["चोरी", "चोरा", "चारी", "डकैती"],
        ["x" * 400, "x" * 399 + "y", "x" * 180],
        ["../../etc", "a/b//c/", "!!", "??", "a\nb", "a b", "🔥", "💧"],
    ],
    ids=ascii,
)
def test_a_class_keeps_its_metric_name_in_a_training_with_other_classes(names):
    slugs = metric_slugs(names)
    assert len({slug.casefold() for slug in slugs}) == len(names)
    for name in names:
        _validate_metric_name(f"oof_average_precision_{metric_slugs([name, 'other'])[0]}")
    assert [metric_slugs([name, "other"])[0] for name in names] == slugs


@pytest.mark.parametrize(
    "names", [["Caf\u00e9", "Cafe\u0301", "cafe"], ["theft", "THEFT", "Theft"], ["a b", "a_b"]], ids=ascii
)
def test_names_that_a_store_may_take_for_one_are_kept_apart(names):
    slugs = metric_slugs(names)
    assert len({unicodedata.normalize("NFC", slug).casefold() for slug in slugs}) == len(names)
    assert metric_slugs(names[::-1]) == slugs[::-1]


def test_a_decomposed_name_has_the_metric_name_of_the_composed_one():
    assert metric_slugs(["Cafe\u0301", "b"]) == metric_slugs(["Caf\u00e9", "b"]) == ["Caf\u00e9", "b"]
