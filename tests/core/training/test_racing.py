"""A race stops what can't win, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.errors import ProblemError
from evenhand.evidence.baselines import ComparedCandidate
from evenhand.evidence.compare import compare_candidates
from evenhand.evidence.evaluation_rows import EvaluationRows
from evenhand.evidence.evaluation_set import EvaluatedCandidates
from evenhand.evidence.fold_variance import PooledVariance, moderated_spread, pooled_variance
from evenhand.evidence.influence import PROBABILITY_METRICS, influences
from evenhand.evidence.measure import EvidencePolicy, MeasuredCandidate
from evenhand.metrics.predictions import Predictions
from evenhand.problem import MultipliersDecision, SimpleDecision, parse_problem
from evenhand.problem.models import ExtraCandidate
from evenhand.training.candidates import candidates, fits
from evenhand.training.racing import Race, compared_fits, measured_candidate, protected_fits, ruled_out

CLASSES = ("common", "middle", "rare")
OF = 5
RACE = Race("macro_f1", OF)


def rows_of(n=6000, folds=2, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.choice(3, n, p=[0.6, 0.25, 0.15])
    return EvaluationRows(y, CLASSES, np.sort(rng.integers(0, folds, n)), (0.25,) * folds)


def codes_of(rows, skill, seed):
    """Right on about ``skill`` of the rows, anything on the others."""
    rng = np.random.default_rng((seed, 1))
    return np.where(rng.random(len(rows.y)) < skill, rows.y, rng.integers(0, 3, len(rows.y)))


def measured(rows, **skills):
    return {
        name: {name: MeasuredCandidate(codes_of(rows, skill, i), {})} for i, (name, skill) in enumerate(skills.items())
    }


def test_what_is_far_behind_is_stopped_with_a_message_and_what_is_near_is_not():
    rows = rows_of()
    out = ruled_out(rows, measured(rows, best=0.7, near=0.695, far=0.5), RACE)
    assert set(out) == {"far"}
    why = out["far"]
    assert (why.folds, why.of, why.leader) == (2, OF, "best")
    assert 0 < why.behind.low < why.behind.estimate < why.behind.high
    assert why.message.startswith("stopped after 2 of 5 folds: 0.")


def test_a_protected_fit_is_never_stopped():
    rows = rows_of()
    assert ruled_out(
        rows, measured(rows, best=0.7, far=0.3, baseline=0.3), Race("macro_f1", OF, {"baseline"})
    ).keys() == {"far"}


def test_a_fit_is_judged_by_the_best_of_its_candidates():
    rows = rows_of()
    answers = measured(rows, best=0.7, far=0.4)
    answers["far"]["far / rule"] = MeasuredCandidate(codes_of(rows, 0.7, 9), {})
    assert ruled_out(rows, answers, RACE) == {}


def test_folds_that_differ_keep_a_fit_in_the_race_that_rows_alone_would_stop():
    rows = rows_of()
    answers = measured(rows, best=0.7, steady=0.64)
    assert "steady" in ruled_out(rows, answers, RACE)
    first = rows.folds == 0
    answers["moody"] = {"m": MeasuredCandidate(np.where(first, codes_of(rows, 0.85, 3), codes_of(rows, 0.3, 4)), {})}
    assert "steady" not in ruled_out(rows, answers, RACE)


@pytest.mark.parametrize("metric", ["log_loss", "average_precision"])
def test_metrics_of_probabilities_race_in_their_own_direction(metric):
    rows = rows_of()
    rng = np.random.default_rng(1)

    def probabilities(skill):
        z = rng.normal(size=(len(rows.y), 3))
        z[np.arange(len(rows.y)), rows.y] += skill
        return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)

    answers = {}
    for name, skill in (("best", 2.0), ("near", 1.97), ("far", 1.0)):
        proba = probabilities(skill)
        known = Predictions(rows.y, proba, folds=rows.folds)
        answers[name] = {name: measured_candidate(rows, known, SimpleDecision(kind="argmax"), metric)}
        assert set(answers[name][name].metrics) == {metric} <= set(PROBABILITY_METRICS)
    assert set(ruled_out(rows, answers, Race(metric, OF))) == {"far"}


def test_rules_are_fitted_on_the_other_folds():
    rows = rows_of()
    proba = np.full((len(rows.y), 3), [0.6, 0.3, 0.1])
    proba[np.arange(len(rows.y)), rows.y] += 0.2
    proba /= proba.sum(axis=1, keepdims=True)
    known = Predictions(rows.y, proba, folds=rows.folds)
    plain = measured_candidate(rows, known, SimpleDecision(kind="argmax"), "macro_f1").codes
    ruled = measured_candidate(rows, known, MultipliersDecision(kind="multipliers"), "macro_f1").codes
    assert (ruled == rows.y).mean() > (plain == rows.y).mean()


@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=5), st.integers(0, 3), st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_the_leader_stays_and_order_makes_no_difference(skills, seed, random):
    rows = rows_of(600, seed=seed)
    answers = {str(i): {str(i): MeasuredCandidate(codes_of(rows, skill, i), {})} for i, skill in enumerate(skills)}
    out = ruled_out(rows, answers, RACE)
    right = {name: (one[name].codes == rows.y).mean() for name, one in answers.items()}
    assert len(out) < len(answers)
    assert all(answers.keys() - out.keys() and why.leader not in out for why in out.values())
    assert all(right[name] < right[why.leader] + 0.05 for name, why in out.items())
    shuffled = random.sample(list(answers), len(answers))
    again = ruled_out(rows, {name: answers[name] for name in shuffled}, RACE)
    assert again == out


def test_a_class_without_rows_and_a_race_of_one_are_no_matter():
    rows = rows_of()
    without = EvaluationRows(np.minimum(rows.y, 1), CLASSES, rows.folds, rows.ratios)
    assert set(ruled_out(without, measured(without, best=0.7, far=0.3), RACE)) == {"far"}
    assert ruled_out(rows, measured(rows, best=0.7), RACE) == {}
    assert ruled_out(rows, {}, RACE) == {}


def test_one_fold_is_taken_for_less_than_its_rows_say():
    rows = rows_of(folds=1)
    answers = measured(rows, best=0.7, behind=0.67, far=0.5)
    out = ruled_out(rows, answers, RACE)
    assert out.keys() == {"far"}
    half = out["far"].behind.high - out["far"].behind.estimate
    two = ruled_out(replace(rows, folds=np.arange(len(rows.y)) % 2, ratios=(0.25, 0.25)), answers, RACE)
    assert two.keys() == {"behind", "far"}
    assert half > 1.8 * (two["far"].behind.high - two["far"].behind.estimate)


def test_one_fold_with_few_rows_of_a_class_stops_nothing():
    rows = rows_of(folds=1)
    few = np.sort(np.r_[np.flatnonzero(rows.y < 2), np.flatnonzero(rows.y == 2)[:19]])
    tiny = EvaluationRows(rows.y[few], CLASSES, rows.folds[few], rows.ratios)
    assert ruled_out(tiny, measured(tiny, best=0.7, far=0.3), RACE) == {}
    assert ruled_out(rows, measured(rows, best=0.7, far=0.3), RACE).keys() == {"far"}


def test_what_a_running_fit_is_compared_with_runs_and_no_longer():
    rows = rows_of()
    answers = measured(rows, best=0.7, near=0.695, far=0.5, plain=0.4, plainer=0.4, plain_of_far=0.4)
    compared = {"near": {"near", "plain"}, "plain": {"plainer"}, "far": {"plain_of_far"}}
    out = ruled_out(rows, answers, Race("macro_f1", OF, baselines=compared))
    assert out.keys() == {"far", "plain_of_far"}


def protected(problem, **other):
    problem = problem.model_copy(update=other)
    grid = candidates(problem)
    return {fit.fit_name for fit in fits(grid)} & protected_fits(grid, problem)


def test_one_family_runs_every_strategy_to_the_end():
    from tasks.data.problems import load_problem

    problem = load_problem("toronto")
    strategies = {strategy.name for strategy in problem.strategies}
    assert protected(problem) == {f"lightgbm / {name}" for name in strategies}
    assert protected(problem, evidence_family="random_forest") == {f"random_forest / {name}" for name in strategies}
    others = tuple(model for model in problem.models if model.kind != "lightgbm")
    assert protected(problem, models=others, extra=()) == {f"gradient_boosting / {name}" for name in strategies}
    grid = candidates(problem)
    stacked = {fit.fit_name for fit in fits(grid)} & protected_fits(grid, problem, stacked=True)
    assert stacked == {*protected(problem), *(f"{model.name} / none" for model in problem.models)}


def test_the_evidence_family_is_one_of_the_models():
    from tasks.data.problems import load_problem

    problem = load_problem("toronto").model_dump(mode="json")
    with pytest.raises(ProblemError, match="no model 'forest'; there is: random_forest, gradient_boosting, lightgbm"):
        parse_problem({**problem, "evidence_family": "forest"}, "mine.yaml")


def test_a_fit_is_compared_with_its_model_s_own_without_a_strategy():
    from tasks.data.problems import load_problem

    problem = load_problem("toronto")
    more = ExtraCandidate(model="lightgbm", strategy="smote", features="enriched")
    grid = candidates(problem.model_copy(update={"extra": (*problem.extra, more)}))
    compared = compared_fits(grid)
    assert compared["lightgbm / smote / enriched"] == {"lightgbm / none / enriched"}
    assert compared["random_forest / smote"] == {"random_forest / none"}
    assert compared["lightgbm_large / none"] == {"lightgbm_large / none", "lightgbm / none"}


# --- what stopped candidates show ------------------------------------------------------------------------------------


def entry(strategy):
    return ComparedCandidate(f"lightgbm / {strategy}", "lightgbm", "lightgbm", strategy, strategy, "base", "argmax")


def answers_of(rows, skill, seed):
    codes = codes_of(rows, skill, seed)
    proba = np.full((len(codes), 3), 0.2)
    proba[np.arange(len(codes)), codes] = 0.6
    return MeasuredCandidate(
        codes, {"average_precision": influences(rows, proba, "average_precision", rows.support >= 50)}
    )


def evidence_with(skill):
    whole, some = rows_of(folds=5), rows_of(folds=2, n=2400, seed=5)
    answers = {"lightgbm / none": answers_of(whole, 0.6, 1), "lightgbm / smote": answers_of(whole, 0.62, 2)}
    stopped = {"lightgbm / capped": answers_of(some, skill, 3), "lightgbm / none": answers_of(some, 0.6, 4)}
    evaluated = EvaluatedCandidates(whole, answers, (EvaluatedCandidates(some, stopped),))
    return compare_candidates(
        [entry("none"), entry("smote"), entry("capped")], {"oof": evaluated}, "macro_f1", EvidencePolicy(resamples=300)
    )


def test_a_stopped_candidate_is_compared_on_its_rows_in_the_same_family_and_can_t_be_the_simplest():
    found = evidence_with(0.3)
    assert found.grounds["oof"].comparisons == 2
    one, other = (found.candidate(f"lightgbm / {name}").oof for name in ("capped", "smote"))
    assert (one.folds, other.folds) == (2, None)
    difference, whole = (place.metrics["macro_f1"].difference for place in (one, other))
    assert difference.basis == whole.basis == "folds"
    assert difference.conclusion == "hurts"
    assert len(one.metrics["macro_f1"].fold_values) == 2
    assert difference.p_adjusted >= difference.p
    widths = [d.interval.high - d.interval.low for d in (difference, whole)]
    assert widths[0] > widths[1]
    assert found.simplest.best == "lightgbm / smote"
    assert "lightgbm / capped" not in found.simplest.within
    assert any("1 candidate was stopped early" in note for note in found.grounds["oof"].notes)
    assert one.classes[0].recall_difference is not None


def test_a_stopped_candidate_like_its_reference_was_stopped_early_and_its_difference_is_not_bounded():
    difference = evidence_with(0.6).candidate("lightgbm / capped").difference("oof", "macro_f1")
    assert difference.conclusion == "stopped early"


def test_a_pooled_variance_is_that_of_the_comparisons_and_counts_fewer_degrees_where_they_vary_together():
    rng = np.random.default_rng(0)
    own, shared = rng.normal(size=(12, 5)), rng.normal(size=(1, 5))
    apart, together = (pooled_variance(0.003 * gains, [0.003**2 / 4] * 12) for gains in (own, 0.5 * own + shared))
    assert apart.ratio == pytest.approx(4, rel=0.5)
    assert together.degrees < apart.degrees <= 16
    one = pooled_variance([[0.1, 0.2, 0.3, 0.2, 0.1]], [0.001])
    assert one.degrees == 4
    unlike = pooled_variance(0.003 * own * np.geomspace(0.1, 10, 12)[:, None], [0.003**2] * 12)
    assert unlike.degrees < apart.degrees


def test_a_pooled_variance_is_no_smaller_than_that_of_drawing_rows_and_needs_folds_that_vary():
    assert pooled_variance([[0.1, 0.1001, 0.0999]] * 3, [0.01] * 3).ratio == 1
    assert pooled_variance([[0.1, 0.2]] * 3, [0.01] * 3) is None
    assert pooled_variance([[0.0, 0.0, 0.0]], [0.0]) is None
    assert pooled_variance([], []) is None
    used = pooled_variance([[0.0, 0.0, 0.0], [0.1, np.nan, 0.2], [0.1, 0.2, 0.3]], [0.0, 0.01, 0.001])
    assert used == pooled_variance([[0.1, 0.2, 0.3]], [0.001])


def test_few_folds_are_less_sure_than_all_and_their_own_variance_counts_the_more_the_more_there_are():
    pooled = PooledVariance(2.0, 6.0)
    widths = []
    for folds in (1, 2, 4):
        found = moderated_spread([0.1] * folds, [0.25] * folds, 0.0001, pooled, 0.95)
        assert found.degrees == 6 + folds - 1
        widths.append(found.interval.high - found.interval.low)
    assert widths == sorted(widths, reverse=True)
    wild = moderated_spread([0.0, 0.4], [0.25] * 2, 0.0001, pooled, 0.95)
    assert wild.p > moderated_spread([0.2, 0.2], [0.25] * 2, 0.0001, pooled, 0.95).p
    assert moderated_spread([np.nan, 0.1], [0.25] * 2, 0.0001, pooled, 0.95) is None
    assert moderated_spread([0.1], [0.25], 0.0, pooled, 0.95) is None


def test_one_fold_settles_what_is_ten_errors_wide_in_a_family_of_thirty():
    found = moderated_spread([0.045], [0.25], 0.002**2, PooledVariance(2.25, 6.0), 0.95)  # folds differ by 0.003
    assert found.p * 30 < 0.05
    assert moderated_spread([0.005], [0.25], 0.002**2, PooledVariance(2.25, 6.0), 0.95).p > 0.05
