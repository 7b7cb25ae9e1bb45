"""The light of a report, and what it says can be expected of each class."""

import dataclasses

import pytest

from evenhand.evidence.bootstrap import Interval
from evenhand.gate.verdict import Verdict
from evenhand.report.training.data import ClassLine, Measured
from evenhand.report.training.light import expectations, falls, largest_fall, light, scope
from evenhand.report.training.page import report_page
from tests.core.report.report_of_training import report


def sure(value, half=0.02):
    return Interval(value, max(0.0, value - half), min(1.0, value + half))


def line(name="Robbery", share=0.1, recall=0.6, precision=0.5, ranking=0.5, rows=500):
    known = {"recall": sure(recall), "precision": sure(precision), "F1": sure(0.5), "average precision": sure(ranking)}
    return ClassLine(name, rows, share, known)


def of(*lines, **changes):
    """A report of these classes whose recalls do not fall."""
    whole = report(**changes)
    same = dataclasses.replace(whole.winner, oof=whole.winner.test)
    return dataclasses.replace(whole, winner=same, measured=Measured(sure(0.5), None, lines))


def verdict(outcome):
    return Verdict(outcome=outcome, reasons=("because",), metric="macro_f1", rows=500)


class TestColour:
    def test_nothing_broken_is_green(self):
        assert light(of(line())) == light(of(line(), line("Arson")))
        assert (light(of(line())).colour, light(of(line())).reasons) == ("green", ())

    @pytest.mark.parametrize("outcome", ["reject", "error"])
    def test_a_verdict_against_it_is_red(self, outcome):
        assert light(of(line(), verdict=verdict(outcome))).colour == "red"

    def test_an_open_verdict_is_amber(self):
        found = light(of(line(), verdict=verdict("insufficient evidence")))
        assert (found.colour, len(found.reasons)) == ("amber", 1)

    @pytest.mark.parametrize(
        ("broken", "colour", "named"),
        [
            (line(ranking=0.115), "red", "better than chance"),
            (line(ranking=0.125), "green", ""),
            (line(recall=0.29), "amber", "29.0 % of its rows are found"),
            (line(precision=0.19), "amber", "19.0 % of its predictions"),
            (line(share=0.6, precision=0.85, ranking=0.9), "green", ""),
            (line(share=0.6, precision=0.75, ranking=0.9), "amber", "80.0 % is the limit"),
            (ClassLine("Arson", 7, 0.01, None), "amber", "7 held-out rows"),
        ],
    )
    def test_a_class_beyond_a_limit(self, broken, colour, named):
        found = light(of(line("Assault"), broken))
        assert found.colour == colour
        assert named in " ".join(found.reasons)
        assert bool(found.reasons) == (colour != "green")

    def test_limits_are_those_of_the_problem(self):
        whole = of(line(recall=0.29, precision=0.19))
        loose = whole.problem.report.model_copy(update={"min_recall": 0.2, "min_precision_lift": 1.5})
        changed = whole.problem.model_copy(update={"report": loose})
        assert light(dataclasses.replace(whole, problem=changed)).colour == "green"


class TestFall:
    def fallen(self, before, after):
        whole = of(line("Robbery"), line("Assault"))
        scores = whole.winner.test
        changed = {
            name: dataclasses.replace(scores.per_class[name], recall=before if name == "Robbery" else 0.5)
            for name in scores.per_class
        }
        later = {n: dataclasses.replace(c, recall=after if n == "Robbery" else 0.5) for n, c in changed.items()}
        oof, test = (dataclasses.replace(scores, per_class=found) for found in (changed, later))
        return dataclasses.replace(whole, winner=dataclasses.replace(whole.winner, oof=oof, test=test))

    def test_a_fall_is_named_by_class_and_makes_it_amber(self):
        whole = self.fallen(0.39, 0.17)
        assert falls(whole)[0].name == "Robbery"
        assert "Robbery: 39 % found out of fold, 17 % in the held-out period" in largest_fall(whole)
        assert light(whole).colour == "amber"
        assert "Robbery: 39 %" in report_page(whole).replace("\n", " ")

    def test_a_small_fall_is_named_and_breaks_no_limit(self):
        whole = self.fallen(0.39, 0.30)
        assert "39 %" in largest_fall(whole)
        assert light(whole).colour == "green"

    def test_a_rise_is_no_fall(self):
        assert largest_fall(self.fallen(0.3, 0.4)) == ""


def test_classes_are_put_in_words():
    lines = [line("Robbery", recall=0.17), *(ClassLine(f"Kind {number}", 7, 0.01, None) for number in range(9))]
    sentences = expectations(of(*lines))
    assert sentences[0].startswith("Of 100 true cases of Robbery it finds 17 (15 to 19); ")
    assert sentences[-1] == "2 more classes are in the table."
    assert scope(of(*lines)).startswith("Predicts kind of a recorded row, one of 10 classes.")


def test_a_page_without_held_out_scores_is_written():
    assert "No class was scored" in report_page(report(measured=None))
