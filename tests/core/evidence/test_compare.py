"""The evidence finds what helps and what hurts, and concludes nothing from too little data."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_rel

from evenhand.evidence.baselines import ComparedCandidate, baseline_of, method_of, simplicity
from evenhand.evidence.bootstrap import BootstrapSettings, metric_interval, paired_difference
from evenhand.evidence.class_recall import bonett_price, wilson
from evenhand.evidence.compare import compare_candidates, headline
from evenhand.evidence.evaluation_rows import (
    EvaluationRows,
    drawn_confusions,
    spread_of_draws,
    variance_of,
)
from evenhand.evidence.evaluation_set import EvaluatedCandidates
from evenhand.evidence.fold_variance import fold_spread
from evenhand.evidence.influence import PROBABILITY_METRICS, influences
from evenhand.evidence.measure import EvidencePolicy, MeasuredCandidate
from evenhand.evidence.multiplicity import conclusion_of, detectable, holm
from evenhand.evidence.sentences import conclusion
from evenhand.metrics.confusion_metrics import metric_over
from evenhand.metrics.predictions import Predictions
from evenhand.metrics.scores import score
from evenhand.problem import LOWER_IS_BETTER, METRICS
from evenhand.report.evidence_tables import by_candidate, by_method
from evenhand.report.evidence_text import as_markdown, as_text

CLASSES = ("Common", "Rare", "Rarest")
FOLDS = 5
POLICY = EvidencePolicy(resamples=400)


def candidate(model="lightgbm", strategy="none", features="base", decision="argmax", kind=None):
    parts = [
        model,
        strategy,
        *([features] if features != "base" else []),
        *([decision] if decision != "argmax" else []),
    ]
    return ComparedCandidate(" / ".join(parts), model, kind or model, strategy, strategy, features, decision)


def rows_of(n=1500, seed=0, folds=FOLDS, blocks=None, shares=(0.6, 0.25, 0.15)):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat([0, 1, 2], np.round(np.array(shares) * n).astype(int)))
    of_row = rng.integers(0, folds, len(y)) if folds else None
    return EvaluationRows(y, CLASSES, of_row, (1 / (folds - 1),) * folds if folds > 1 else (0.5,) * folds, blocks)


def proba_of(y, skill, seed):
    z = np.random.default_rng(seed).normal(size=(len(y), 3))
    z[np.arange(len(y)), y] += skill
    p = np.exp(z)
    return p / p.sum(axis=1, keepdims=True)


def measured_of(rows, proba, metric="macro_f1", codes=None):
    known = rows.support >= POLICY.min_positives
    metrics = {m: influences(rows, proba, m, known) for m in headline(metric) if m in PROBABILITY_METRICS}
    return MeasuredCandidate(proba.argmax(axis=1) if codes is None else codes, metrics)


GRID = (candidate(), candidate(strategy="smote"), candidate(strategy="random_under"), candidate(decision="multipliers"))
PROBA = {"none": (1.0, 1), "smote": (1.5, 2), "random_under": (0.4, 3)}


def evaluated_of(rows, metric="macro_f1", probas=PROBA):
    made = {s: proba_of(rows.y, *how) for s, how in probas.items()}
    codes = {e.name: (made[e.strategy] * ([1, 1, 1] if e.decision == "argmax" else [1, 2, 2])).argmax(axis=1)
             for e in GRID}  # fmt: skip
    return EvaluatedCandidates(rows, {e.name: measured_of(rows, made[e.strategy], metric, codes[e.name]) for e in GRID})


@pytest.fixture(scope="module")
def evidence():
    evaluated = {"oof": evaluated_of(rows_of()), "test": evaluated_of(rows_of(seed=7, folds=0))}
    return compare_candidates(GRID, evaluated, "macro_f1", POLICY)


# --- conclusions --------------------------------------------------------------------------------------------------


def test_a_planted_improvement_is_found_and_a_planted_loss_too(evidence):
    smote, under = evidence.candidate("lightgbm / smote"), evidence.candidate("lightgbm / random_under")
    for where in ("oof", "test"):
        for metric in evidence.metrics:
            assert smote.difference(where, metric).conclusion == "helps"
            assert under.difference(where, metric).conclusion == "hurts"
    assert evidence.candidate("lightgbm / none").difference("oof", "macro_f1") is None
    assert "macro_f1 is better with smote (+0.1" in evidence.conclusion
    assert "and worse with random_under (-0." in evidence.conclusion
    assert "Average precision is worse with random_under (-0.2" in evidence.conclusion


@pytest.mark.parametrize("metric", METRICS)
def test_better_is_positive_whatever_the_metric(metric):
    found = compare_candidates(GRID[:2], {"test": evaluated_of(rows_of(folds=0), metric)}, metric, POLICY)
    difference = found.candidates[1].difference("test", metric)
    if metric != "ece":  # more skill does not mean better calibration
        assert difference.conclusion == "helps"
    value = found.candidates[1].test.metrics[metric].estimate - found.candidates[0].test.metrics[metric].estimate
    assert difference.estimate == pytest.approx(-value if metric in LOWER_IS_BETTER else value)


def test_equal_predictions_have_no_difference_and_no_conclusion():
    rows = rows_of()
    proba = proba_of(rows.y, 1.0, 1)
    for of in (rows, replace(rows, folds=None, ratios=())):
        measured = {e.name: measured_of(of, proba.copy()) for e in GRID[:2]}
        found = compare_candidates(GRID[:2], {"oof": EvaluatedCandidates(of, measured)}, "macro_f1", POLICY).candidates[
            1
        ]
        for metric in ("macro_f1", "average_precision"):
            difference = found.difference("oof", metric)
            assert (difference.estimate, difference.p, difference.p_adjusted) == (0.0, 1.0, 1.0)
            assert difference.conclusion == "no difference larger than"


def test_estimates_are_those_of_the_scores(evidence):
    rows = rows_of()
    proba = proba_of(rows.y, *PROBA["smote"])
    scores = score(rows.y, proba, CLASSES).metrics
    found = evidence.candidate("lightgbm / smote").oof.metrics
    for metric in evidence.metrics:
        assert found[metric].estimate == pytest.approx(scores[metric], abs=1e-12)
        each = [score(rows.y[rows.folds == f], proba[rows.folds == f], CLASSES).metrics[metric] for f in range(FOLDS)]
        assert found[metric].fold_values == pytest.approx(each, abs=1e-12)


def test_folds_carry_the_p_value_out_of_fold_and_rows_where_there_are_too_few(evidence):
    smote = evidence.candidate("lightgbm / smote")
    assert smote.difference("oof", "macro_f1").basis == "folds"
    assert smote.difference("oof", "macro_f1").interval == smote.difference("oof", "macro_f1").folds
    assert smote.difference("test", "macro_f1").basis == "rows"
    two = compare_candidates(GRID, {"oof": evaluated_of(rows_of(folds=2))}, "macro_f1", POLICY)
    assert two.candidate("lightgbm / smote").difference("oof", "macro_f1").basis == "rows"
    assert "2 folds, three are needed to measure how much fits vary" in two.grounds["oof"].notes[0]


# --- what makes no difference --------------------------------------------------------------------------------------


def values_of(found):
    return {
        (c.name, where, metric): (d.estimate, d.p, d.p_adjusted, d.interval.low, d.interval.high, d.conclusion)
        for c in found.candidates for where in ("oof", "test") for metric in found.metrics
        if (d := c.difference(where, metric))
    }  # fmt: skip


def test_the_order_of_the_rows_changes_nothing(evidence):
    def shuffled(evaluated):
        order = np.random.default_rng(3).permutation(len(evaluated.rows.y))
        r = evaluated.rows
        rows = replace(r, y=r.y[order], folds=None if r.folds is None else r.folds[order])
        made = {s: proba_of(r.y, *how)[order] for s, how in PROBA.items()}
        measured = {
            e.name: measured_of(rows, made[e.strategy], codes=evaluated.candidates[e.name].codes[order]) for e in GRID
        }
        return EvaluatedCandidates(rows, measured)

    again = compare_candidates(
        GRID,
        {"oof": shuffled(evaluated_of(rows_of())), "test": shuffled(evaluated_of(rows_of(seed=7, folds=0)))},
        "macro_f1",
        POLICY,
    )
    assert_same(values_of(again), values_of(evidence))
    assert again.conclusion == evidence.conclusion


@pytest.mark.parametrize("order", [(1, 2, 0), (2, 1, 0)])
def test_renaming_the_classes_changes_nothing(evidence, order):
    code_of = np.argsort(order)

    def renamed(evaluated):
        r = evaluated.rows
        rows = replace(r, y=code_of[r.y], classes=tuple(f"class {n}" for n in range(3)))
        made = {s: proba_of(r.y, *how)[:, list(order)] for s, how in PROBA.items()}
        measured = {
            e.name: measured_of(rows, made[e.strategy], codes=code_of[evaluated.candidates[e.name].codes]) for e in GRID
        }
        return EvaluatedCandidates(rows, measured)

    oof, test = renamed(evaluated_of(rows_of())), renamed(evaluated_of(rows_of(seed=7, folds=0)))
    again = compare_candidates(GRID, {"oof": oof, "test": test}, "macro_f1", POLICY)
    assert_same(values_of(again), values_of(evidence))


def assert_same(found, expected):
    assert list(found) == list(expected)
    for key, values in found.items():
        assert values[:-1] == pytest.approx(expected[key][:-1], abs=1e-9), key
        assert values[-1] == expected[key][-1], key


# --- too little data ---------------------------------------------------------------------------------------------


def test_a_class_with_few_rows_gets_no_number_and_is_left_out_of_means():
    rows = rows_of(shares=(0.6, 0.38, 0.02))
    found = compare_candidates(GRID, {"test": evaluated_of(replace(rows, folds=None, ratios=()))}, "macro_f1", POLICY)
    ground = found.grounds["test"]
    assert ground.left_out == ("Rarest",)
    assert "fewer than 50 rows of Rarest (30)" in " ".join(ground.notes)
    smote = found.candidate("lightgbm / smote").test
    assert [c.text for c in smote.classes][2] == "not enough data"
    assert smote.classes[2].recall is None
    assert smote.classes[2].recall_difference is None
    scores = score(rows.y, proba_of(rows.y, *PROBA["smote"]), CLASSES)
    kept = [scores.per_class[name].f1 for name in CLASSES[:2]]
    assert smote.metrics["macro_f1"].estimate == pytest.approx(np.mean(kept))
    kept = [scores.per_class[name].average_precision for name in CLASSES[:2]]
    assert smote.metrics["average_precision"].estimate == pytest.approx(np.mean(kept))
    assert "ot enough data on Rarest (30 rows)" in found.conclusion


def test_with_one_class_of_enough_rows_nothing_is_conclusion_of():
    rows = rows_of(n=100, folds=0)
    found = compare_candidates(GRID, {"test": evaluated_of(rows)}, "macro_f1", POLICY)
    assert found.grounds["test"].left_out == ("Rare", "Rarest")
    for candidate in found.candidates[1:]:
        for metric in found.metrics:
            difference = candidate.difference("test", metric)
            assert difference.conclusion == "not enough data"
            assert math.isnan(difference.estimate)
            assert math.isnan(difference.p_adjusted)
    assert "Not enough data for" in found.conclusion
    assert "not enough data" in by_candidate(found, "test")["macro_f1"].to_list()
    assert "NaN" not in json.dumps(found.to_record())


def test_the_detectable_change_shrinks_with_the_rows_and_never_below_six_changed_rows():
    found = [
        compare_candidates(GRID, {"test": evaluated_of(rows_of(n, folds=0))}, "macro_f1", POLICY) for n in (400, 4000)
    ]
    supports = [one.grounds["test"].classes for one in found]
    for few, many in zip(*supports, strict=True):
        assert many.detectable < few.detectable
        assert few.detectable >= 6 / few.positives
    assert "a change in recall below 0." in supports[0][2].text
    assert "can't be detected" in supports[0][2].text


# --- what readers must know beside the comparisons ------------------------------------------------------------------


def test_a_warning_ends_the_conclusion(evidence):
    warning = "Expect macro_f1 0.271, not 0.530."
    given = {"oof": evaluated_of(rows_of())}
    found = compare_candidates(GRID, given, "macro_f1", POLICY, (warning,))
    assert found.warnings == (warning,)
    assert found.conclusion.endswith(warning)
    assert evidence.warnings == ()


# --- what is not settled -------------------------------------------------------------------------------------------


def unsettled(evidence, stopped=()):
    """The same evidence, but no difference is shown, and some candidates were stopped after one fold."""
    candidates = []
    for candidate in evidence.candidates:
        metric, oof = candidate.oof.metrics["macro_f1"], candidate.oof
        if metric.difference is not None:
            found = "stopped early" if candidate.name in stopped else "no difference larger than"
            none = replace(metric.difference, conclusion=found, detectable=0.063, at_most=0.0217)
            metrics = {**oof.metrics, "macro_f1": replace(metric, difference=none)}
            oof = replace(oof, metrics=metrics, folds=1 if candidate.name in stopped else None)
        candidates.append(replace(candidate, oof=oof))
    return conclusion(replace(evidence, candidates=tuple(candidates)), ())


def test_what_is_complete_says_how_large_a_difference_may_be_and_what_was_stopped_how_to_complete_it(evidence):
    compared = [c.name for c in evidence.candidates if c.difference("oof", "macro_f1")]
    text = unsettled(evidence)
    assert "No difference larger than the number given with " in text
    assert "(0.022" in text
    assert "racing" not in text
    assert "Stopped early" not in text
    text = unsettled(evidence, compared)
    assert "No difference larger" not in text
    assert "too soon to distinguish a gain over their own baselines below 0.063 from chance: " in text
    assert "Set `racing: false` to complete them." in text
    some = unsettled(evidence, compared[:1])
    assert "Stopped early" in some
    assert "No difference larger" in some


def test_a_difference_is_bounded_by_the_end_of_its_interval_that_is_further_from_0(evidence):
    differences = [c.difference("oof", "macro_f1") for c in evidence.candidates]
    for one in (one for one in differences if one is not None):
        assert one.at_most == max(abs(one.interval.low), abs(one.interval.high))
        bounded = replace(one, conclusion="no difference larger than", at_most=0.0217)
        assert bounded.text == "no difference larger than 0.022"
        assert replace(one, conclusion="helps").text == "helps"


def test_a_method_s_line_counts_the_candidates_that_were_not_scored_on_the_held_out_period(evidence):
    compared = [c for c in evidence.candidates if c.method]
    left = [replace(c, test=None) if c is compared[0] else c for c in evidence.candidates]
    before, after = (
        table.set_index("method")["held-out"][compared[0].method]
        for table in (by_method(evidence), by_method(replace(evidence, candidates=tuple(left))))
    )
    assert "not scored" not in before
    assert "1 not scored" in after


def concluded(candidate, found):
    """The same candidate with another conclusion out of fold."""
    metric = candidate.oof.metrics["macro_f1"]
    changed = replace(metric, difference=replace(metric.difference, conclusion=found))
    return replace(candidate, oof=replace(candidate.oof, metrics={**candidate.oof.metrics, "macro_f1": changed}))


def test_candidates_that_help_are_confirmed_by_those_that_the_held_out_period_has(evidence):
    helping = [concluded(c, "helps") if c.method else c for c in evidence.candidates]
    compared = [c.name for c in helping if c.method]

    def text(without):
        left = [replace(c, test=None) if c.name in without else c for c in helping]
        return conclusion(replace(evidence, candidates=tuple(left)), ())

    assert len(compared) == 3
    assert "(on the held-out period 1 of these 3 candidates are)" in text([])
    assert "(on the held-out period 1 of the 2 that were scored there are)" in text(compared[2:])
    assert "(not scored on the held-out period)" in text(compared)


# --- baselines and simplicity --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "baseline", "method"),
    [
        (candidate(strategy="smote"), "lightgbm / none", "smote"),
        (candidate(features="enriched"), "lightgbm / none", "enriched"),
        (candidate(features="enriched", decision="multipliers"), "lightgbm / none / enriched", "multipliers"),
        (candidate(features="other", strategy="smote"), "lightgbm / none", "smote + other"),
        (candidate("brf", kind="balanced_random_forest"), "random_forest / none", "brf"),
        (candidate(strategy="smote", decision="prior_correction"), "lightgbm / none", "smote + prior_correction"),
    ],
)
def test_a_difference_has_one_cause(one, baseline, method):
    grid = [candidate(), candidate(features="enriched"), candidate("random_forest"), one]
    found = baseline_of(one, grid)
    assert found.name == baseline
    assert method_of(one, found) == method


def test_the_plain_model_has_no_baseline():
    assert baseline_of(candidate(), [candidate(), candidate(strategy="smote"), candidate("random_forest")]) is None


def test_fewer_moving_parts_are_simpler():
    order = [
        candidate(),
        candidate(model="random_forest"),
        candidate(features="enriched"),
        candidate(strategy="class_weight"),
        candidate(decision="multipliers"),
        candidate(features="enriched", decision="multipliers"),
        candidate(strategy="random_under"),
        candidate(strategy="random_over"),
        candidate(strategy="smote"),
        candidate(strategy="unknown"),
        candidate("b", kind="balanced_random_forest"),
    ]
    assert sorted(order[::-1], key=simplicity) == order


def test_the_simplest_is_within_one_standard_error_of_the_best(evidence):
    one = evidence.simplest
    assert one.best == "lightgbm / smote"
    values = {c.name: c.oof.metrics["macro_f1"].estimate for c in evidence.candidates}
    assert one.bound == pytest.approx(values[one.best] - one.standard_error)
    assert set(one.within) == {name for name, value in values.items() if value >= one.bound}
    alike = {**PROBA, "none": PROBA["smote"], "smote": PROBA["smote"]}
    tied = compare_candidates(GRID, {"oof": evaluated_of(rows_of(), probas=alike)}, "macro_f1", POLICY)
    assert tied.simplest.name == "lightgbm / none"


# --- the statistics ------------------------------------------------------------------------------------------------


def test_holm_as_in_a_textbook():
    """Of four tests at 0.005, 0.01, 0.03 and 0.04 the first two are rejected at 0.05."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.01, math.nan, 0.04]) == pytest.approx([0.02, math.nan, 0.04], nan_ok=True)
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
@settings(max_examples=50, deadline=None)
def test_holm_is_monotone_and_between_p_and_bonferroni(p):
    adjusted = holm(p)
    order = np.argsort(p, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()
    for mine, other in zip(adjusted, p, strict=True):
        assert min(1, other) <= mine <= min(1, other * len(p)) + 1e-12


def test_fold_spread_without_shared_training_rows_is_the_plain_t_test():
    a, b = np.random.default_rng(0).normal(size=(2, 6))
    found = fold_spread(a - b, [0.0] * 6, 0.95)
    plain = ttest_rel(a, b)
    assert found.p == pytest.approx(plain.pvalue)
    assert (found.interval.low, found.interval.high) == pytest.approx(plain.confidence_interval(0.95))
    wider = fold_spread(a - b, [0.2] * 6, 0.95)
    assert wider.standard_error == pytest.approx(found.standard_error * math.sqrt((1 / 6 + 0.2) / (1 / 6)))


@pytest.mark.parametrize("values", [[0.1, 0.2], [0.1, math.nan, 0.2], [0.1, 0.1, 0.1]])
def test_folds_without_information_give_no_interval(values):
    assert fold_spread(values, [0.5] * len(values), 0.95) is None


@pytest.mark.parametrize("metric", sorted(PROBABILITY_METRICS))
def test_influence_is_the_derivative_by_the_weight_of_a_row(metric):
    """Weights are copies: 200 of every row, then one more of one row."""
    rows = rows_of(n=60, folds=0)
    proba = proba_of(rows.y, 1.0, 1).round(1) + 0.01
    proba /= proba.sum(axis=1, keepdims=True)
    known = np.ones(3, dtype=bool)
    found = influences(rows, proba, metric, known)
    assert found.estimate == pytest.approx(score(rows.y, proba, CLASSES).metrics[metric])
    assert found.by_row.sum() == pytest.approx(0, abs=1e-9)
    for row in (0, 7, 31):
        copies = np.append(np.repeat(np.arange(len(rows.y)), 200), row)
        moved = score(rows.y[copies], proba[copies], CLASSES).metrics[metric] - found.estimate
        assert moved * 200 == pytest.approx(found.by_row[row], abs=0.03 * np.abs(found.by_row).max())


@pytest.mark.parametrize("metric", ["average_precision", "roc_auc", "log_loss", "brier"])
def test_influence_gives_the_interval_of_the_bootstrap(metric):
    rows = rows_of(folds=0)
    a, b = (proba_of(rows.y, skill, seed) for skill, seed in ((1.0, 1), (1.3, 2)))
    measured = {e.name: measured_of(rows, p, metric) for e, p in zip(GRID, (a, b), strict=False)}
    found = compare_candidates(GRID[:2], {"test": EvaluatedCandidates(rows, measured)}, metric, POLICY).candidates[1]
    pa, pb = (Predictions(rows.y, p) for p in (a, b))
    for mine, other in (
        (
            found.difference("test", metric).interval,
            paired_difference(pa, pb, metric, BootstrapSettings(resamples=1000)),
        ),
        (found.test.metrics[metric].rows, metric_interval(pb, metric, BootstrapSettings(resamples=1000))),
    ):
        assert mine.estimate == pytest.approx(other.estimate)
        assert mine.high - mine.low == pytest.approx(other.high - other.low, rel=0.15)


def test_intervals_of_class_metrics_are_those_of_the_paired_bootstrap():
    rows = rows_of(folds=0)
    evaluated = evaluated_of(rows)
    found = (
        compare_candidates(GRID[:2], {"test": evaluated}, "macro_f1", POLICY)
        .candidates[1]
        .difference("test", "macro_f1")
        .interval
    )
    pa, pb = (Predictions(rows.y, proba_of(rows.y, *PROBA[s]), evaluated.candidates[e.name].codes) for s, e in
              zip(("none", "smote"), GRID, strict=False))  # fmt: skip
    other = paired_difference(pa, pb, "macro_f1")
    assert found.estimate == pytest.approx(other.estimate)
    assert (found.low, found.high) == pytest.approx((other.low, other.high), abs=0.15 * (other.high - other.low))


@given(shift=st.floats(-4, 4), seed=st.integers(0, 50))
@settings(max_examples=30, deadline=None)
def test_p_is_below_the_level_where_the_interval_leaves_zero_out(shift, seed):
    draws = np.append(shift, np.random.default_rng(seed).normal(shift, 1, 2000))
    found = spread_of_draws(draws, 0.95)
    outside = found.interval.low > 0 or found.interval.high < 0
    assert outside == (found.p < 0.05) or abs(found.p - 0.05) < 0.002


def test_blocks_of_dependent_rows_widen_an_interval_and_single_rows_as_blocks_do_not():
    rng = np.random.default_rng(0)
    rows = rows_of(folds=0)
    day = rng.integers(0, 60, len(rows.y))
    right = rng.random(60)[day] < 0.6  # a model right or wrong on whole days
    codes = np.where(right, rows.y, (rows.y + 1) % 3)
    known = np.ones(3, dtype=bool)

    def width(of):
        found = spread_of_draws(metric_over("macro_f1", known)(drawn_confusions(of, [codes], 500))[0], 0.95).interval
        return found.high - found.low

    alone, by_day = replace(rows, blocks=np.arange(len(rows.y))), replace(rows, blocks=day)
    assert width(by_day) > 2.5 * width(rows)
    assert width(alone) == pytest.approx(width(rows), rel=0.25)
    assert width(replace(rows, blocks=np.full(len(rows.y), -1))) == pytest.approx(width(alone), rel=0.25)
    gain = (right - right.mean()) / len(right)
    assert variance_of(by_day, gain) > 6 * variance_of(alone, gain)


def test_rows_are_drawn_class_by_class_so_that_differences_of_classes_add_no_spread():
    rows = rows_of(folds=0)
    assert variance_of(rows, np.array([0.1, -0.2, 0.3])[rows.y]) == pytest.approx(0, abs=1e-12)
    assert variance_of(replace(rows, blocks=np.arange(len(rows.y))), np.array([0.1, -0.2, 0.3])[rows.y]) > 1


def test_few_blocks_give_no_conclusion():
    rows = replace(rows_of(folds=0), blocks=np.arange(1500) % 5)
    found = compare_candidates(GRID, {"test": evaluated_of(rows)}, "macro_f1", POLICY)
    assert {c.difference("test", "macro_f1").conclusion for c in found.candidates[1:]} == {"not enough data"}
    assert "5 blocks are too few" in " ".join(found.grounds["test"].notes)


def test_intervals_of_rare_hits_keep_their_level():
    """Fifty rows, a recall of 0.1 and changes in few rows, by simulation."""
    rng = np.random.default_rng(0)
    hits = rng.binomial(50, 0.1, 4000)
    held = [(i := wilson(h / 50, 50, 1.96)).low <= 0.1 <= i.high for h in hits]
    assert 0.93 <= np.mean(held) <= 0.985
    counts = rng.multinomial(50, [0.1, 0.04, 0.86], 4000)
    held = [(i := bonett_price(w / 50, lost / 50, 50, 1.96)).low <= 0.06 <= i.high for w, lost, _ in counts]
    assert 0.93 <= np.mean(held) <= 0.985


def test_conclusions_need_both_signs_and_numbers():
    assert conclusion_of([0.1, 0.1], 0.01, 0.05) == "helps"
    assert conclusion_of([-0.1, -0.2], 0.01, 0.05) == "hurts"
    assert conclusion_of([0.1, -0.1], 0.01, 0.05) == "no difference larger than"
    assert conclusion_of([0.1], 0.05, 0.05) == "no difference larger than"
    assert conclusion_of([0.1], 0.05, 0.05, complete=False) == "stopped early"
    assert conclusion_of([math.nan], 0.01, 0.05) == "not enough data"


def test_a_detectable_difference_is_found_with_a_power_of_80_percent():
    rng = np.random.default_rng(0)
    true = detectable(1.0, 0.05)
    found = np.abs(rng.normal(true, 1, 20_000)) > 1.96
    assert found.mean() == pytest.approx(0.8, abs=0.01)


# --- for readers ---------------------------------------------------------------------------------------------------


def test_tables_and_text_name_every_method_once(evidence):
    methods = by_method(evidence)
    assert methods["method"].to_list() == ["smote", "multipliers", "random_under"]
    assert methods["candidates"].to_list() == [1, 1, 1]
    assert methods["out-of-fold"].to_list()[0] == "1 help"
    for text in (as_text(evidence), as_markdown(evidence)):
        assert text.replace("\n", " ").count("Out of fold, macro_f1 is better with") == 1
        assert "within one standard error" in text.replace("\n", " ")
    assert max(map(len, as_text(evidence).splitlines())) <= 110
    assert len(by_candidate(evidence, "oof")) == 3


def test_the_record_is_plain_data(evidence):
    record = json.loads(json.dumps(evidence.to_record(), allow_nan=False))
    assert record["candidates"][1]["oof"]["metrics"]["macro_f1"]["difference"]["conclusion"] == "helps"
    assert record["grounds"]["test"]["classes"][0]["positives"] == 900
