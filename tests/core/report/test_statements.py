"""What a training prints does not contradict itself: intervals hold their estimates, sentences follow from numbers."""

from dataclasses import replace

import numpy as np
import pytest

from evenhand.evidence.bootstrap import Interval, intervals
from evenhand.evidence.compare import compare_candidates
from evenhand.evidence.evaluation_set import EvaluatedCandidates
from evenhand.evidence.measure import EvidencePolicy
from evenhand.gate.verdict import Condition, Verdict
from evenhand.report.candidate_row import row_name
from evenhand.report.evidence_text import as_markdown
from evenhand.report.expected_score import expected_score
from evenhand.report.model_card import model_card
from evenhand.report.summary import ExpectedSummary
from evenhand.report.training.candidates import interval
from evenhand.report.training.page import report_page
from tests.core.evidence.test_compare import GRID, evaluated_of, rows_of
from tests.core.report.report_of_training import evidence_of, report
from tests.statements import intervals_that_miss, stored_intervals_that_miss, text_of

POLICY = EvidencePolicy(resamples=200)


def test_the_search_finds_what_a_reader_would():
    assert intervals_that_miss("macro F1 0.438 (0.401 to 0.463) and 25 % (26 % to 30 %)") == ["25 % (26 % to 30 %)"]
    assert intervals_that_miss("0.101 below lightgbm / none [0.017, 0.084]") != []
    assert stored_intervals_that_miss({"a": [{"estimate": 0.4, "low": 0.5, "high": 0.6}]}) == [".a[0]"]
    assert stored_intervals_that_miss({"estimate": 0.4, "interval": {"estimate": 0.5, "low": 0.45, "high": 0.6}})


@pytest.mark.parametrize("shares", [(0.6, 0.25, 0.15), (0.9, 0.08, 0.02), (0.34, 0.33, 0.33)])
@pytest.mark.parametrize("n", [120, 400])
def test_every_interval_of_the_evidence_holds_its_estimate(n, shares):
    """Few rows: the mean over folds differs from the score on all rows, which is the one that is printed."""
    for seed in range(4):
        given = {"oof": evaluated_of(rows_of(n, seed, shares=shares)),
                 "test": evaluated_of(rows_of(n, seed + 9, folds=0, shares=shares))}  # fmt: skip
        found = compare_candidates(GRID, given, "macro_f1", replace(POLICY, min_positives=5))
        assert stored_intervals_that_miss(found.to_record()) == []
        assert intervals_that_miss(as_markdown(found)) == []


def test_a_biased_bootstrap_still_prints_an_interval_that_holds_its_estimate():
    draws = np.append(0.10, np.linspace(0.12, 0.20, 400))[:, None]
    assert intervals(draws, 0.95)[0].low == 0.10


def test_an_all_class_score_has_no_bounds_of_the_classes_that_are_judged():
    """The evidence leaves a class with few rows out of its means; the leaderboard's score has it in."""
    given = report()
    judged = evidence_of(given.rows)
    row = given.rows[0]
    assert interval(replace(given, evidence=judged), row, "oof").low < row.oof.metrics["macro_f1"]
    moved = []
    for one in judged.candidates:
        near = one.oof.metrics["macro_f1"]
        other = replace(near, estimate=near.estimate + 0.2, folds=Interval(0.9, 0.8, 0.95))
        moved.append(replace(one, oof=replace(one.oof, metrics={**one.oof.metrics, "macro_f1": other})))
    found = interval(replace(given, evidence=replace(judged, candidates=tuple(moved))), row, "oof")
    assert found.low == found.high == found.estimate
    page = text_of(report_page(replace(given, evidence=replace(judged, candidates=tuple(moved)))))
    assert "A score without an interval is a mean over all classes" in page


def test_pages_print_intervals_that_hold_their_estimates():
    for given in (report(), report(evidence=evidence_of(report().rows))):
        assert intervals_that_miss(text_of(report_page(given))) == []
        assert intervals_that_miss(text_of(model_card(given))) == []


@pytest.mark.parametrize("outcome", ["reject", "insufficient evidence", "error", "promote (first)"])
def test_a_card_says_that_a_reviewer_decides_only_where_one_does(outcome):
    verdict = Verdict(outcome=outcome, reasons=("As it is.",), metric="macro_f1", rows=622)
    text = text_of(model_card(report(verdict=verdict)))
    assert ("A named reviewer decides" in text) == (outcome == "promote (first)")
    assert ("not promoted" in text) == (outcome != "promote (first)")


def test_a_verdict_that_a_reviewer_may_acknowledge_says_so():
    open_ = Condition(name="the champion keeps its promise", status="undecided", detail="not known", kind="promise")
    verdict = Verdict(
        outcome="insufficient evidence", reasons=("Undecided.",), metric="macro_f1", rows=622, conditions=(open_,)
    )
    assert verdict.acknowledgeable
    assert "may acknowledge" in text_of(model_card(report(verdict=verdict)))
    assert "a reviewer may acknowledge" in text_of(report_page(report(verdict=verdict)))


@pytest.mark.parametrize(
    ("value", "effect"), [(0.6, "makes that too good by 0.020"), (0.6199, "makes no difference to it")]
)
def test_the_expected_score_is_on_page_and_card_and_its_numbers_add_up(value, effect):
    known = ExpectedSummary(value=value, low=0.5, high=0.7, out_of_fold=0.62, candidates=24)
    given = report()
    given = replace(given, summary=given.summary.model_copy(update={"expected": known}))
    sentence = expected_score(known, "macro F1")
    assert effect in sentence
    for text in (text_of(report_page(given)), text_of(model_card(given))):
        assert sentence in text


def test_the_card_calls_the_newer_period_worse_only_outside_of_what_was_expected():
    given = report()
    value = given.winner.oof.metrics["macro_f1"]

    def drift(half, expected=value):
        known = ExpectedSummary(
            value=expected, low=expected - half, high=expected + half, out_of_fold=value, candidates=4
        )
        card = model_card(replace(given, summary=given.summary.model_copy(update={"expected": known})))
        return next(line for line in card.splitlines() if line.startswith("- Time: "))

    assert "than expected" not in drift(0.5)
    assert "That is worse than expected" in drift(0.01, value + 0.3)
    assert "That is better than expected" in drift(0.01, value - 0.3)


def test_the_candidates_of_a_partial_comparison_hold_their_estimates_too():
    rows = rows_of(300, 3)
    whole = evaluated_of(rows)
    first = rows.folds == 0
    part = replace(rows, y=rows.y[first], folds=rows.folds[first], ratios=(0.25,))
    few = evaluated_of(part)
    names = [row for row in whole.candidates if row != "lightgbm / smote"]
    complete = EvaluatedCandidates(rows, {name: whole.candidates[name] for name in names}, (few,))
    found = compare_candidates(GRID, {"oof": complete}, "macro_f1", replace(POLICY, min_positives=5))
    assert found.candidate("lightgbm / smote").oof.folds == 1
    assert stored_intervals_that_miss(found.to_record()) == []
    assert row_name(report().rows[0]) == "lightgbm / none"
