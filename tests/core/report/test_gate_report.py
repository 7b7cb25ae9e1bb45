"""The gate report stands alone: nothing from outside, nothing a class name could inject, the verdict first."""

import dataclasses
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from evenhand.gate.decide import decide, no_evaluation_left
from evenhand.gate.verdict import VersionPredictions, error_verdict
from evenhand.metrics.scores import score
from evenhand.report.gate.details import describe, reliability
from evenhand.report.gate.page import gate_report
from evenhand.report.gate.verdict_view import About, Change
from tests.core.gate.test_decide import CLASSES, QUICK, case, clean, scored, truth

VOID = {"meta", "line", "circle", "path", "use"}


def about(**changes):
    values = {
        "problem": "Tiny", "model": "evenhand-tiny", "version": "7", "champion": "5",
        "judged_at": "2026-01-01T00:00:00+00:00", "case": "ab" * 32, "policy": QUICK,
    }  # fmt: skip
    return About(**{**values, **changes})


def report(whole, **changes):
    verdict = decide(whole, QUICK)
    return verdict, gate_report(verdict, about(**changes), describe(whole, QUICK))


class Reader(HTMLParser):
    """Text, and what would reach outside the page; links within it do not."""

    def __init__(self, page):
        super().__init__()
        self.text, self.outside, self.open, self.skip = [], [], [], 0
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        self.outside += [
            (tag, k, v)
            for k, v in attrs
            if (k in ("href", "src", "srcset", "action") and not v.startswith("#")) or k.startswith("on")
        ]
        self.outside += [tag] if tag in ("script", "link", "iframe", "img", "object", "form") else []

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text.append(data)


OUTCOMES = {
    "promote": case(3.0, 1.0),
    "promote (first)": case(2.0),
    "reject": case(1.0, 3.0),
    "insufficient evidence": case(1.1, 1.0),
}


class TestPage:
    @pytest.mark.parametrize("outcome", OUTCOMES)
    def test_the_verdict_comes_first_then_why(self, outcome):
        verdict, page = report(OUTCOMES[outcome])
        assert verdict.outcome == outcome
        text = " ".join(Reader(page).text)
        places = [text.index(part) for part in (outcome, verdict.reasons[0], "Each class", "How it was compared")]
        assert places == sorted(places)
        assert page.index("<h1>") < page.index("</header>") < page.index("<section ")
        if outcome.startswith("promote"):
            assert "Conditions: 7 pass" in text or "Conditions: 12 pass" in text

    @pytest.mark.parametrize("outcome", [*OUTCOMES, "error", "no evaluation left"])
    def test_it_is_whole_and_reaches_nothing_outside(self, outcome):
        if outcome == "error":
            page = gate_report(error_verdict("no champion <here>", "macro_f1"), about())
        elif outcome == "no evaluation left":
            page = gate_report(no_evaluation_left("macro_f1", "required", QUICK, "cd" * 32, 100), about())
        else:
            page = report(OUTCOMES[outcome])[1]
        reader = Reader(page)
        assert reader.outside == []
        assert reader.open == []
        assert not re.search(r"https?:|url\((?!#)|@import|nan", page)

    def test_names_are_text_whatever_they_hold(self):
        evil = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "Robbery & 'co'")
        whole = case(3.0, 1.0)
        name_of = dict(zip(CLASSES, evil, strict=True))

        def renamed(model):
            predicted = np.array([name_of[n] for n in model.predicted])
            return dataclasses.replace(model, classes=evil, predicted=predicted)

        named = clean(
            np.array([name_of[n] for n in whole.truth]), renamed(whole.challenger), renamed(whole.champion), "macro_f1",
            groups={evil[0]: np.where(np.arange(len(whole.truth)) % 2, evil[1], evil[0])},
        )  # fmt: skip
        changes = (Change(evil[0], evil[1], evil[2]),)
        _, page = report(named, problem=evil[0], model=evil[1], champion=evil[0], changes=changes)
        reader = Reader(page)
        assert reader.outside == []
        assert reader.open == []
        assert evil[0] in "".join(reader.text)

    def test_it_shows_how_it_was_judged_and_what_changed(self):
        verdict, page = report(case(3.0, 1.0), changes=(Change("winner", "a", "b"),), alike=3, held_out="of 2021")
        text = " ".join(Reader(page).text)
        for shown in (
            verdict.rows_sha256,
            "1; 9 left",
            "97.5%",
            "1,050 rows of 2021",
            "gate.margin",
            "3 other settings",
        ):
            assert shown in text
        assert '<th scope="row">winner</th><td>a</td><td>b</td>' in page

    def test_without_a_champion_nothing_is_compared_with_one(self):
        page = report(case(2.0), champion="")[1]
        text = " ".join(Reader(page).text)
        assert "it is the first" in text
        assert "since the champion" not in text
        assert "#challenger" not in page

    def test_a_long_list_of_reasons_is_cut_at_the_top_and_whole_below(self):
        labels = truth((60, 60, 60))
        whole = clean(labels, scored(labels, 1.0, 2), scored(labels, 1.0, 1), "macro_f1")
        verdict, page = report(whole)
        assert len(verdict.reasons) > 7
        head = page[: page.index("</header>")]
        assert head.count("<li>") == 6
        assert "more, see the conditions below" in head
        assert page.count('<b class="undecided">') == sum(c.status == "undecided" for c in verdict.conditions)

    def test_a_rejection_says_in_its_title_which_of_the_two_it_is(self):
        assert "not better than the champion" in report(case(1.0, 3.0))[1].partition("</h1>")[0]
        lost = case(3.0, 1.0)
        predicted = np.where(lost.challenger.predicted == "Robbery", "Assault", lost.challenger.predicted)
        lost = dataclasses.replace(
            lost, challenger=dataclasses.replace(lost.challenger, predicted=predicted), metric="accuracy"
        )
        assert "a condition fails" in report(lost)[1].partition("</h1>")[0]


class TestDetails:
    def test_cells_that_a_model_does_not_know_are_shown_by_column(self):
        whole = case(2.0, 1.0)
        sides = {"challenger": {"City": 0.125, "age": 0.0}, "champion": {"age": 0.0, "State": 0.01}}
        known = {side: dataclasses.replace(getattr(whole, side), unknown_cells=u) for side, u in sides.items()}
        page = report(dataclasses.replace(whole, **known))[1]
        assert re.search(r'<th scope="row">City</th><td[^>]*>not read</td><td[^>]*>12 %</td>', page)
        assert '<th scope="row">age</th>' not in page
        assert "Cells that a model does not know" not in report(case(2.0, 1.0))[1]

    def test_numbers_are_those_of_the_scores(self):
        whole = case(2.0, 1.0)
        found = describe(whole, QUICK)
        y = np.array([CLASSES.index(name) for name in whole.truth])
        expected = score(y, whole.challenger.proba, CLASSES)
        assert found.challenger.scores.metrics == expected.metrics
        assert (found.challenger.scores.confusion == expected.confusion).all()
        bins = found.challenger.reliability
        error = (bins.rows * np.abs(bins.confidence - bins.accuracy)).sum() / bins.rows.sum()
        assert error == pytest.approx(expected.metrics["ece"])

    def test_a_sure_and_right_model_is_on_the_diagonal(self):
        found = reliability(np.array([0, 1, 1]), np.eye(2)[[0, 1, 1]])
        assert (found.confidence.tolist(), found.accuracy.tolist(), found.rows.tolist()) == ([1.0], [1.0], [3])

    def test_one_that_is_too_sure_lies_below_it(self):
        found = reliability(np.array([0, 1]), np.array([[0.9, 0.1], [0.9, 0.1]]))
        assert (found.confidence.tolist(), found.accuracy.tolist()) == ([0.9], [0.5])

    def test_a_class_without_rows_is_not_defined_rather_than_a_number(self):
        labels = truth((300, 200, 0))
        whole = clean(labels, scored(labels, 2.0, 2), scored(labels, 1.0, 1), "accuracy")
        page = gate_report(decide(whole, QUICK), about(), describe(whole, QUICK))
        assert "not defined" in page
        assert "nan" not in page


def test_a_verdict_of_another_model_is_not_drawn_where_it_could_not_be_scored():
    whole = case(3.0, 1.0)
    other = dataclasses.replace(
        whole, champion=VersionPredictions("x", CLASSES, whole.champion.proba, whole.truth, "cd" * 32)
    )
    verdict = decide(other, QUICK)
    assert verdict.outcome == "error"
    assert "Each class" not in gate_report(verdict, about())
