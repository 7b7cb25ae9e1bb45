"""Every condition of the gate passes, fails and is undecided where it should; evaluations spend the error rate."""

import dataclasses
import itertools
import re
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.evidence.bootstrap import Interval
from evenhand.gate.alpha_spending import evaluation_confidence
from evenhand.gate.conditions import rows_to_decide
from evenhand.gate.decide import decide, no_evaluation_left, reject_missing_columns
from evenhand.gate.verdict import Facts, VersionPredictions
from evenhand.metrics.scores import score
from evenhand.problem import LOWER_IS_BETTER, METRICS, Floor, Freshness, GatePolicy
from tests.core.gate.test_decide import CLASSES, KNOWN, QUICK, ROWS, case, clean, scored, truth

LABELS = truth((2000, 1000, 500))


def quick(**changes):
    return QUICK.model_copy(update=changes)


def found(verdict, kind):
    return [c for c in verdict.conditions if c.kind == kind]


def sharpened(model, power):
    """Return the same model, over- or underconfident."""
    proba = model.proba**power
    return dataclasses.replace(model, proba=proba / proba.sum(axis=1, keepdims=True))


class TestSigns:
    @pytest.mark.parametrize("metric", METRICS)
    def test_what_is_better_by_a_metric_is_promoted_and_what_is_worse_is_not(self, metric):
        good, bad = scored(LABELS, 2.0, 1), scored(LABELS, 1.0, 2)
        if metric == "ece":
            good, bad = scored(LABELS, 2.0, 1), sharpened(scored(LABELS, 2.0, 1), 0.4)
        policy = quick(ece_tolerance=None)
        assert decide(clean(LABELS, good, bad, metric), policy).outcome == "promote"
        worse = decide(clean(LABELS, bad, good, metric), policy)
        assert (worse.outcome, worse.high < 0) == ("reject", True)

    @pytest.mark.parametrize("metric", METRICS)
    def test_the_difference_is_that_of_the_metric_with_this_name_and_no_other(self, metric):
        one, two = scored(LABELS, 1.0, 1), scored(LABELS, 1.5, 2)
        y = np.array([CLASSES.index(label) for label in LABELS])
        first, second = (score(y, m.proba, CLASSES).metrics[metric] for m in (one, two))
        sign = -1 if metric in LOWER_IS_BETTER else 1
        verdict = decide(clean(LABELS, two, one, metric), quick(ece_tolerance=None))
        assert verdict.metric == metric
        assert verdict.estimate == pytest.approx(sign * (second - first), abs=1e-12)


class TestTolerance:
    def test_the_policy_sets_what_a_class_may_lose(self):
        labels = truth((3000, 1500, 1000))
        champion = scored(labels, 2.0, 1)
        taken = (labels == "Robbery") & (np.random.default_rng(0).random(len(labels)) < 0.2)
        predicted = np.where((labels == "Assault") | taken, "Assault", champion.predicted)
        whole = clean(labels, dataclasses.replace(champion, predicted=predicted), champion, "accuracy")
        outcomes = [decide(whole, quick(tolerance=t, margin=0.0)).outcome for t in (0.05, 0.3)]
        assert outcomes == ["reject", "promote"]


class TestFloors:
    def test_a_floor_binds_the_first_model_too(self):
        first = clean(LABELS, scored(LABELS, 1.5, 1), None, "macro_f1")
        assert decide(first, QUICK).passes
        for floor in (Floor(recall=0.99), Floor(average_precision=0.99)):
            verdict = decide(first, quick(floors={"Robbery": floor}))
            assert verdict.outcome == "reject"
            assert "Robbery, its floor" in verdict.reasons[1]
        assert decide(first, quick(floors={"Robbery": Floor(recall=0.05, average_precision=0.2)})).passes

    def test_a_value_at_the_floor_is_undecided(self):
        first = clean(LABELS, scored(LABELS, 1.5, 1), None, "macro_f1")
        at = found(decide(first, quick(floors={"Robbery": Floor(recall=0.1)})), "floor")[0].estimate
        verdict = decide(first, quick(floors={"Robbery": Floor(recall=at - 0.01)}))
        assert verdict.outcome == "insufficient evidence"
        assert verdict.more_rows > 0

    def test_a_class_with_too_few_rows_does_not_reach_its_floor(self):
        labels = truth((600, 300, 20))
        verdict = decide(
            clean(labels, scored(labels, 4.0, 1), None, "macro_f1"), quick(floors={"Robbery": Floor(recall=0.1)})
        )
        assert [c.status for c in found(verdict, "floor")] == ["undecided"]

    def test_a_class_that_does_not_exist_is_an_error(self):
        verdict = decide(case(2.0), quick(floors={"Arson": Floor(recall=0.1)}))
        assert verdict.outcome == "error"
        assert "no class Arson" in verdict.reasons[0]


class TestCalibration:
    def test_a_better_model_that_is_much_worse_calibrated_is_rejected(self):
        unsure = sharpened(scored(LABELS, 3.0, 2), 0.3)
        verdict = decide(clean(LABELS, unsure, scored(LABELS, 1.0, 1), "macro_f1"), QUICK)
        assert verdict.low > QUICK.margin
        assert verdict.outcome == "reject"
        assert "growth of the calibration error" in verdict.reasons[0]
        assert "calibrate the model's probabilities" in verdict.reasons[0]
        again = quick(ece_tolerance=None)
        assert decide(clean(LABELS, unsure, scored(LABELS, 1.0, 1), "macro_f1"), again).outcome == "promote"

    def test_one_that_is_much_better_calibrated_passes(self):
        unsure = sharpened(scored(LABELS, 1.0, 1), 0.3)
        verdict = decide(clean(LABELS, scored(LABELS, 2.0, 2), unsure, "macro_f1"), QUICK)
        (growth,) = found(verdict, "calibration")
        assert growth.status == "pass"
        assert growth.high < 0

    def test_an_absolute_limit_binds_the_first_model(self):
        unsure = sharpened(scored(LABELS, 2.0, 1), 0.3)
        assert decide(clean(LABELS, unsure, None, "macro_f1"), quick(max_ece=0.05)).outcome == "reject"
        assert decide(clean(LABELS, scored(LABELS, 2.0, 1), None, "macro_f1"), quick(max_ece=0.08)).passes

    def test_the_interval_holds_its_estimate(self):
        verdict = decide(clean(LABELS, scored(LABELS, 2.0, 1), None, "macro_f1"), quick(max_ece=0.08))
        (error,) = found(verdict, "calibration")
        assert error.low < error.estimate < error.high

    @pytest.mark.parametrize("offset", [-0.001, 0.001])
    def test_a_value_close_to_its_bound_is_undecided_on_either_side(self, offset):
        whole = clean(LABELS, scored(LABELS, 2.0, 2), scored(LABELS, 1.0, 1), "macro_f1")
        unsure = dataclasses.replace(whole, challenger=sharpened(whole.challenger, 0.6))
        (growth,) = found(decide(unsure, quick(ece_tolerance=1.0)), "calibration")
        verdict = decide(unsure, quick(ece_tolerance=growth.estimate + offset))
        assert found(verdict, "calibration")[0].status == "undecided"
        assert verdict.outcome == "insufficient evidence"


class TestSlices:
    sex = np.where(np.arange(len(LABELS)) % 2, "F", "M")

    def case(self, challenger, champion=None, **groups):
        return clean(LABELS, challenger, champion, "macro_f1", groups=groups or {"sex": self.sex})

    def unfair(self, skill=3.0):
        """Better than the champion for one group only."""
        good, poor = scored(LABELS, skill, 2), scored(LABELS, 1.0, 3)
        mine = self.sex == "M"
        return dataclasses.replace(
            good,
            proba=np.where(mine[:, None], good.proba, poor.proba),
            predicted=np.where(mine, good.predicted, poor.predicted),
        )

    def test_a_better_model_that_widens_the_gap_is_rejected(self):
        champion = scored(LABELS, 1.0, 1)
        policy = quick(min_slice_rows=500)
        verdict = decide(self.case(self.unfair(), champion), policy)
        assert verdict.low > policy.margin
        assert verdict.outcome == "reject"
        assert "between groups of sex" in verdict.reasons[0]
        assert decide(self.case(scored(LABELS, 3.0, 2), champion), policy).outcome == "promote"
        assert decide(self.case(self.unfair(), champion), quick(slice_tolerance=None)).outcome == "promote"

    def test_an_absolute_limit_binds_the_first_model(self):
        policy = quick(min_slice_rows=500, max_slice_gap=0.15)
        assert decide(self.case(self.unfair()), policy).outcome == "reject"
        assert decide(self.case(scored(LABELS, 3.0, 2)), policy).passes
        assert not found(decide(self.case(self.unfair()), quick()), "slices")

    def test_a_small_group_is_left_out(self):
        sex = np.where(np.arange(len(LABELS)) % 100 == 0, "X", self.sex)
        verdict = decide(self.case(scored(LABELS, 3.0, 2), scored(LABELS, 1.0, 1), sex=sex), quick(min_slice_rows=500))
        assert verdict.outcome == "promote"

    @pytest.mark.parametrize(
        ("groups", "why"),
        [
            (np.full(len(LABELS), "all"), "1 of its groups have 500 held-out rows"),
            (np.where(LABELS == "Assault", "street", "house"), "no class has 50 rows in every one of its groups"),
        ],
    )
    def test_without_two_groups_to_compare_it_is_no_pass(self, groups, why):
        verdict = decide(
            self.case(scored(LABELS, 3.0, 2), scored(LABELS, 1.0, 1), place=groups), quick(min_slice_rows=500)
        )
        assert (verdict.outcome, verdict.more_rows) == ("insufficient evidence", None)
        assert why in " ".join(verdict.reasons)


class TestFacts:
    RULE = Freshness(column="when", as_of=date(2021, 6, 1), max_age_days=100)

    @pytest.mark.parametrize(
        ("policy", "good", "bad"),
        [
            ({}, {"columns": ("a",), "available": ("a", "b")}, {"columns": ("a", "c"), "available": ("a", "b")}),
            ({}, {"validated": True}, {"validated": False}),
            ({}, {"leak_free": True}, {"leak_free": False}),
            ({"training_age": RULE}, {"newest": date(2021, 2, 21)}, {"newest": date(2021, 2, 20)}),
            ({"min_rows_per_second": 100.0}, {"rows_per_second": 100.0}, {"rows_per_second": 99.0}),
            ({"max_model_mb": 1.0}, {"size_bytes": 1_000_000}, {"size_bytes": 1_000_001}),
        ],
    )
    def test_each_fact_passes_and_fails(self, policy, good, bad):
        better = dataclasses.replace(case(3.0, 1.0))
        known = [dataclasses.replace(KNOWN, **facts) for facts in (good, bad)]
        outcomes = [decide(dataclasses.replace(better, facts=facts), quick(**policy)).outcome for facts in known]
        assert outcomes == ["promote", "reject"]

    @pytest.mark.parametrize("champion", [1.0, None])
    @pytest.mark.parametrize(
        ("fact", "kind", "message"),
        [
            ("leak_free", "leaks", "leak sentinel: its training was not checked"),
            ("validated", "validation", "validation of its training data: not recorded"),
            ("columns", "signature", "columns it needs: they are not known"),
            ("available", "signature", "columns it needs: they are not known"),
        ],
    )
    def test_an_unknown_fact_never_passes(self, champion, fact, kind, message):
        unknown = dataclasses.replace(KNOWN, **{fact: None})
        verdict = decide(dataclasses.replace(case(3.0, champion), facts=unknown), QUICK)
        assert verdict.outcome == "insufficient evidence"
        assert [c.status for c in verdict.conditions if c.status != "pass"] == ["undecided"]
        assert [c.status for c in found(verdict, kind)] == ["undecided"]
        assert any(message in reason for reason in verdict.reasons)

    @pytest.mark.parametrize("policy", [{"training_age": RULE}, {"min_rows_per_second": 1.0}, {"max_model_mb": 1.0}])
    def test_a_limit_on_something_not_measured_is_undecided(self, policy):
        assert decide(case(3.0, 1.0), quick(**policy)).outcome == "insufficient evidence"

    def test_a_challenger_that_cannot_be_scored_is_rejected_before(self):
        facts = Facts(columns=("a", "c"), available=("a",), validated=False)
        verdict = reject_missing_columns(facts, "macro_f1", "required", QUICK)
        assert verdict.outcome == "reject"
        assert "needs c" in verdict.reasons[0]
        assert (
            reject_missing_columns(
                Facts(columns=("a",), available=("a",), validated=False), "macro_f1", "required", QUICK
            )
            is None
        )


class TestUnknownCells:
    def verdict(self, challenger=None, champion=None, **changes):
        whole = case(3.0, 1.0)
        sides = {"challenger": challenger or {}, "champion": champion or {}}
        given = {side: dataclasses.replace(getattr(whole, side), unknown_cells=u) for side, u in sides.items()}
        return decide(dataclasses.replace(whole, **given), quick(**changes))

    @pytest.mark.parametrize("side", ["challenger", "champion"])
    @pytest.mark.parametrize(("share", "outcome"), [(0.2, "promote"), (0.21, "insufficient evidence")])
    def test_beyond_the_limit_the_gate_cannot_decide(self, side, share, outcome):
        verdict = self.verdict(**{side: {"City": share, "State": 0.1}})
        assert verdict.outcome == outcome
        undecided = [c for c in verdict.conditions if c.status == "undecided"]
        if outcome == "promote":
            assert not undecided
        else:
            assert [c.name for c in undecided] == [f"cells that the {side} does not know"]
            assert undecided[0].detail == "City 21.0%, allowed is at most 20% of a column"

    def test_the_limit_is_that_of_the_policy_and_none_turns_it_off(self):
        assert self.verdict({"City": 0.3}, max_unknown=0.3).passes
        assert self.verdict({"City": 1.0}, max_unknown=None).passes

    def test_what_was_not_measured_never_passes(self):
        whole = case(3.0, 1.0)
        unmeasured = dataclasses.replace(whole.challenger, unknown_cells=None)
        assert not decide(dataclasses.replace(whole, challenger=unmeasured), QUICK).passes


class TestEvaluations:
    @given(st.floats(0.5, 0.999, exclude_min=True), st.integers(1, 400), st.lists(st.integers(1, 400), unique=True))
    @settings(max_examples=50, deadline=None)
    def test_all_evaluations_together_spend_no_more_than_the_error_rate(self, confidence, most, some):
        spent = [1 - evaluation_confidence(confidence, number) for number in range(1, most + 1)]
        assert all(a > b for a, b in itertools.pairwise(spent))
        assert sum(spent) <= 1 - confidence + 1e-12
        assert sum(1 - evaluation_confidence(confidence, number) for number in some) <= 1 - confidence + 1e-12

    def test_there_is_no_look_before_the_first(self):
        with pytest.raises(ValueError, match="from 1"):
            evaluation_confidence(0.95, 0)

    @given(evaluation=st.integers(1, 9), skill=st.floats(1.0, 1.6), seed=st.integers(0, 2**16))
    @settings(max_examples=15, deadline=None)
    def test_a_later_evaluation_never_passes_what_an_earlier_one_did_not(self, evaluation, skill, seed):
        labels = truth((300, 200, 150))
        whole = clean(
            labels, scored(labels, skill, seed), scored(labels, 1.0, seed + 1), "macro_f1", evaluation=evaluation
        )
        earlier, later = (decide(dataclasses.replace(whole, evaluation=k), QUICK) for k in (evaluation, evaluation + 1))
        assert later.low <= earlier.low
        assert later.high >= earlier.high
        assert earlier.passes or not later.passes

    def test_the_verdict_says_which_look_it_was_and_how_many_are_left(self):
        verdict = decide(dataclasses.replace(case(3.0, 1.0), evaluation=3), quick(evaluations=4))
        assert (verdict.evaluation, verdict.evaluations_left) == (3, 1)
        assert verdict.confidence == pytest.approx(1 - 0.05 / 12)

    @pytest.mark.parametrize("champion", [1.0, None])
    def test_past_the_last_look_there_is_no_evidence_left(self, champion):
        verdict = decide(dataclasses.replace(case(3.0, champion), evaluation=11), QUICK)
        assert (verdict.outcome, verdict.estimate, verdict.conditions) == ("insufficient evidence", None, ())
        assert "used for 10 evaluations" in verdict.reasons[0]
        assert verdict == no_evaluation_left("macro_f1", "required", QUICK, ROWS, len(truth()))


@pytest.mark.parametrize(
    ("interval", "more"),
    [
        ((0.02, 0.0, 0.04), 800),  # width 0.02 for a distance of 0.015: 16/9 of the rows
        ((0.005, 0.0, 0.01), None),
        ((0.0051, -0.02, 0.03), None),
    ],
)
def test_rows_that_would_decide(interval, more):
    assert rows_to_decide(Interval(*interval), 0.005, 1000) == more


@given(
    seed=st.integers(0, 2**16),
    metric=st.sampled_from([m for m in METRICS if m != "ece"]),
    loss=st.floats(0.05, 0.9),
    generous=st.booleans(),
)
@settings(max_examples=15, deadline=None)
def test_no_policy_promotes_a_challenger_worse_on_every_row(seed, metric, loss, generous):
    labels = truth((120, 80, 60))
    champion = scored(labels, 1.5, seed, "version 1")
    right = labels[:, None] == np.array(CLASSES)
    proba = np.where(right, champion.proba * (1 - loss), champion.proba)
    proba += np.where(right, 0, (1 - proba.sum(axis=1, keepdims=True)) / (len(CLASSES) - 1))
    worse = VersionPredictions("version 2", CLASSES, proba, np.array(CLASSES)[proba.argmax(axis=1)], ROWS, {})
    policy = quick(margin=0.0, tolerance=1.0, ece_tolerance=None, min_positives=1) if generous else QUICK
    assert not decide(clean(labels, worse, champion, metric), policy).passes


@given(seed=st.integers(0, 2**16), order=st.permutations(range(3)), evaluation=st.integers(1, 3), first=st.booleans())
@settings(max_examples=10, deadline=None)
def test_the_order_of_rows_and_classes_changes_no_condition(seed, order, evaluation, first):
    labels = truth((200, 150, 120))
    sex = np.where(np.random.default_rng(seed).random(len(labels)) < 0.5, "F", "M")
    champion = None if first else scored(labels, 1.0, seed, "version 1")
    whole = clean(
        labels, scored(labels, 1.5, seed + 1), champion, "macro_f1", evaluation=evaluation, groups={"sex": sex}
    )
    rows = np.random.default_rng(seed).permutation(len(labels))

    def shuffled(model, columns):
        names = tuple(model.classes[c] for c in columns)
        changed = {"proba": model.proba[rows][:, columns], "classes": names, "predicted": model.predicted[rows]}
        return dataclasses.replace(model, **changed)

    again = dataclasses.replace(
        whole,
        truth=labels[rows],
        challenger=shuffled(whole.challenger, list(order)),
        champion=champion and shuffled(champion, [2, 0, 1]),
        groups={"sex": sex[rows]},
    )
    policy = GatePolicy(
        resamples=200, min_slice_rows=50, max_slice_gap=0.4, max_ece=0.2, floors={"Robbery": Floor(recall=0.1)}
    )
    assert decide(again, policy) == decide(whole, policy)


def test_the_page_about_the_gate_names_every_key_with_its_default():
    page = (Path(__file__).parents[3] / "docs" / "gate.md").read_text()
    defaults = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", page, re.MULTILINE))
    plain = {None: "off", (): "none"}
    for name, field in GatePolicy.model_fields.items():
        default = field.default
        assert defaults[name].strip() == ("none" if default in ((), {}) else plain.get(default, str(default))), name
