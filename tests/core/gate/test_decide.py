"""A tie, a doubt or an error never passes the gate; a clearly better challenger does."""

import dataclasses
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.gate.decide import decide
from evenhand.gate.verdict import Case, Facts, Verdict, VersionPredictions, error_verdict
from evenhand.problem import METRICS, GatePolicy

CLASSES = ("Assault", "Auto Theft", "Robbery")
ROWS = "ab" * 32
QUICK = GatePolicy(resamples=200)
KNOWN = Facts(columns=("a",), available=("a", "b"), validated=True, leak_free=True)
# Calibration is no sum over rows: an overconfident model gets better calibrated when every probability is lowered.
ROW_METRICS = [metric for metric in METRICS if metric != "ece"]


def truth(counts=(600, 300, 150)):
    return np.repeat(np.array(CLASSES), counts)


def clean(*args, **changes):
    """Return a case whose facts all pass."""
    return Case(*args, **{"facts": KNOWN, **changes})


def scored(labels, skill, seed, name="version 2", classes=CLASSES, rows=ROWS):
    """Return calibrated predictions that depend on the truth by ``skill``; 0 is chance."""
    z = np.random.default_rng(seed).normal(size=(len(labels), len(classes)))
    z += skill * (labels[:, None] == np.array(classes))
    share = np.array([(labels == c).mean() for c in classes]) + 1e-3
    proba = np.exp((skill or 1) * z) * share
    proba /= proba.sum(axis=1, keepdims=True)
    return VersionPredictions(name, classes, proba, np.array(classes)[proba.argmax(axis=1)], rows, {})


def case(challenger_skill, champion_skill=None, labels=None, metric="macro_f1", review="required"):
    labels = truth() if labels is None else labels
    champion = None if champion_skill is None else scored(labels, champion_skill, 1, "version 1")
    return clean(labels, scored(labels, challenger_skill, 2), champion, metric, review)


def status(verdict, name):
    (found,) = [c for c in verdict.conditions if c.name.startswith(name)]
    return found.status


class TestFirstModel:
    def test_one_better_than_chance_on_every_class_goes_to_review(self):
        verdict = decide(case(2.0), QUICK)
        assert (verdict.outcome, verdict.passes, verdict.estimate) == ("promote (first)", True, None)
        assert "No champion yet" in verdict.reasons[0]
        assert "reviewer decides" in verdict.reasons[-1]
        assert [c.status for c in verdict.conditions] == ["pass"] * 7

    def test_one_at_chance_does_not(self):
        assert not any(decide(case_of_chance(seed), QUICK).passes for seed in range(20))

    def test_one_that_ranks_a_class_backwards_is_rejected_by_name(self):
        given_case = case(2.0)
        upside_down = given_case.challenger.proba.copy()
        upside_down[:, 2] = (1 - upside_down[:, 2]) / 2
        upside_down[:, :2] *= (1 - upside_down[:, 2:]) / upside_down[:, :2].sum(axis=1, keepdims=True)
        bad = dataclasses.replace(given_case.challenger, proba=upside_down)
        verdict = decide(dataclasses.replace(given_case, challenger=bad), QUICK)
        assert verdict.outcome == "reject"
        assert any("Robbery" in reason for reason in verdict.reasons)

    def test_a_class_with_too_few_rows_is_undecided_and_reports_how_many_are_missing(self):
        verdict = decide(case(2.0, labels=truth((600, 300, 20))), QUICK)
        assert verdict.outcome == "insufficient evidence"
        assert not verdict.passes
        assert any("20 held-out rows of the class and 50 are needed" in reason for reason in verdict.reasons)
        assert verdict.more_rows == 1380  # 30 more at 20 in 920 rows

    def test_a_class_without_rows_is_undecided(self):
        verdict = decide(case(2.0, labels=truth((600, 300, 0))), QUICK)
        assert (verdict.outcome, verdict.more_rows) == ("insufficient evidence", None)
        assert status(verdict, "average precision of Robbery") == "undecided"


def case_of_chance(seed):
    return clean(truth(), scored(truth(), 0.0, seed), None, "macro_f1")


class TestAgainstAChampion:
    def test_a_clearly_better_one_is_promoted(self):
        verdict = decide(case(3.0, 1.0), QUICK)
        assert (verdict.outcome, verdict.passes) == ("promote", True)
        assert verdict.low > QUICK.margin
        assert verdict.low < verdict.estimate < verdict.high

    def test_a_worse_one_is_rejected_as_worse(self):
        verdict = decide(case(1.0, 3.0), QUICK)
        assert verdict.outcome == "reject"
        assert verdict.high < 0
        assert "worse" in verdict.reasons[0]

    @pytest.mark.parametrize("metric", METRICS)
    @pytest.mark.parametrize("margin", [0.0, 0.005])
    def test_a_tie_is_rejected_as_equivalent(self, metric, margin):
        one = scored(truth(), 2.0, 1)
        verdict = decide(clean(truth(), one, one, metric), GatePolicy(resamples=200, margin=margin))
        assert verdict.outcome == "reject"
        assert "equivalent" in verdict.reasons[0]

    @pytest.mark.parametrize("metric", ["log_loss", "brier"])
    def test_lower_is_better_where_it_is(self, metric):
        assert decide(case(3.0, 1.0, metric=metric), QUICK).outcome == "promote"
        assert decide(case(1.0, 3.0, metric=metric), QUICK).outcome == "reject"

    def test_an_undecided_case_reports_how_many_more_rows_would_decide(self):
        verdict = decide(case(1.1, 1.0), QUICK)
        assert verdict.outcome == "insufficient evidence"
        assert verdict.more_rows > 0
        assert f"{verdict.more_rows:,} more labelled rows" in " ".join(verdict.reasons)

    def test_an_estimate_above_the_margin_is_not_enough(self):
        verdict = decide(case(2.0, 1.6, labels=truth((3000, 1500, 1000))), QUICK)
        assert verdict.outcome == "promote"
        between = (verdict.low + verdict.estimate) / 2
        strict = decide(case(2.0, 1.6, labels=truth((3000, 1500, 1000))), GatePolicy(resamples=200, margin=between))
        assert {c.status for c in strict.conditions} == {"pass"}
        assert (strict.outcome, strict.passes) == ("insufficient evidence", False)
        assert strict.more_rows > 0

    def test_a_better_metric_does_not_make_up_for_a_lost_class(self):
        labels = truth((3000, 1500, 300))
        champion = scored(labels, 1.5, 1, "version 1")
        better = scored(labels, 4.0, 2)
        lost = np.where(labels == "Robbery", "Assault", better.predicted)
        verdict = decide(clean(labels, dataclasses.replace(better, predicted=lost), champion, "accuracy"), QUICK)
        assert verdict.low > QUICK.margin
        assert verdict.outcome == "reject"
        assert "recall of Robbery" in verdict.reasons[0]
        assert status(verdict, "recall of Robbery") == "fail"

    def test_a_rare_class_with_too_few_rows_holds_back_a_better_model(self):
        verdict = decide(case(3.0, 1.0, labels=truth((600, 300, 49))), QUICK)
        assert verdict.outcome == "insufficient evidence"
        assert verdict.low > QUICK.margin
        assert status(verdict, "recall of Robbery") == "undecided"

    def test_a_problem_without_review_is_reported(self):
        verdict = decide(case(3.0, 1.0, review="never"), QUICK)
        assert verdict.review == "never"
        assert "without a reviewer" in verdict.reasons[-1]
        assert "stays" in decide(case(1.0, 3.0, review="never"), QUICK).reasons[-1]


def broken(change, side="champion"):
    whole = case(3.0, 1.0)
    return dataclasses.replace(
        whole, **{side: dataclasses.replace(getattr(whole, side), **change(getattr(whole, side)))}
    )


class TestErrorsNeverPass:
    @pytest.mark.parametrize("side", ["champion", "challenger"])
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda s: {"rows_sha256": "cd" * 32}, "other rows"),
            (lambda s: {"classes": ("Assault", "Auto Theft", "Arson")}, "Robbery|Arson"),
            (lambda s: {"classes": ("Assault", "Robbery", "Robbery")}, "Auto Theft|Robbery"),
            (lambda s: {"proba": s.proba * np.nan}, "1050 rows hold a value that is negative or not finite"),
            (
                lambda s: {"proba": np.where(np.arange(len(s.proba))[:, None] == 7, np.nan, s.proba)},
                "1 rows hold a value .* row 7",
            ),
            (lambda s: {"proba": s.proba[:-1]}, "shape"),
            (lambda s: {"predicted": s.predicted[:-1]}, "shape"),
            (lambda s: {"predicted": np.where(s.predicted == "Robbery", "Arson", s.predicted)}, "Arson"),
        ],
    )
    def test_a_case_that_cannot_be_compared_is_an_error(self, side, change, message):
        verdict = decide(broken(change, side), QUICK)
        assert verdict.outcome == "error"
        assert not verdict.passes
        assert re.search(message, verdict.reasons[0])

    def test_a_metric_that_does_not_exist_is_an_error(self):
        verdict = decide(case(3.0, 1.0, metric="f1"), QUICK)
        assert verdict.outcome == "error"
        assert "no metric 'f1'" in verdict.reasons[0]

    def test_a_metric_without_a_value_is_an_error(self):
        verdict = decide(case(3.0, 1.0, metric="roc_auc", labels=truth((600, 0, 0))), QUICK)
        assert verdict.outcome == "error"
        assert "roc_auc is not defined" in verdict.reasons[0]

    def test_a_held_out_class_that_no_model_knows_is_an_error(self):
        labels = truth()
        whole = case(3.0, 1.0, labels=labels)
        new = labels.astype(object)
        new[0] = "Arson"
        verdict = decide(dataclasses.replace(whole, truth=new), QUICK)
        assert verdict.outcome == "error"
        assert "Arson" in verdict.reasons[0]


def test_only_the_two_promotions_pass():
    outcomes = Verdict.model_fields["outcome"].annotation.__args__
    verdicts = {o: Verdict(outcome=o, reasons=("why",), metric="macro_f1") for o in outcomes}
    assert [o for o, v in verdicts.items() if v.passes] == ["promote", "promote (first)"]
    assert not error_verdict("broken", "macro_f1").passes


def test_a_verdict_survives_its_json():
    verdict = decide(case(3.0, 1.0), QUICK)
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict


@given(
    seed=st.integers(0, 2**16), metric=st.sampled_from(ROW_METRICS), skill=st.floats(0, 4), loss=st.floats(0.05, 0.9)
)
@settings(max_examples=25, deadline=None)
def test_a_challenger_worse_on_every_row_is_never_promoted(seed, metric, skill, loss):
    labels = truth((120, 80, 60))
    champion = scored(labels, skill, seed, "version 1")
    right = labels[:, None] == np.array(CLASSES)
    proba = np.where(right, champion.proba * (1 - loss), champion.proba)
    proba += np.where(right, 0, (1 - proba.sum(axis=1, keepdims=True)) / (len(CLASSES) - 1))
    worse = VersionPredictions("version 2", CLASSES, proba, np.array(CLASSES)[proba.argmax(axis=1)], ROWS, {})
    verdict = decide(clean(labels, worse, champion, metric), QUICK)
    assert not verdict.passes


@given(
    seed=st.integers(0, 2**16),
    metric=st.sampled_from(METRICS),
    order=st.permutations(range(len(CLASSES))),
    first=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_the_order_of_rows_and_classes_changes_nothing(seed, metric, order, first):
    labels = truth((120, 80, 60))
    champion = None if first else scored(labels, 1.0, seed, "version 1")
    given_case = clean(labels, scored(labels, 1.5, seed + 1), champion, metric)
    rows = np.random.default_rng(seed).permutation(len(labels))

    def shuffled(model, columns):
        return dataclasses.replace(
            model,
            proba=model.proba[rows][:, columns],
            classes=tuple(model.classes[c] for c in columns),
            predicted=model.predicted[rows],
        )

    again = clean(
        labels[rows],
        shuffled(given_case.challenger, list(order)),
        champion and shuffled(champion, [2, 0, 1]),
        metric,
    )
    assert decide(again, QUICK) == decide(given_case, QUICK)
