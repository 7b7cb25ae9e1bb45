"""The page of a training: the answer first, rare classes first, nothing from outside, nothing a name could inject."""

import dataclasses
import re

import numpy as np
import pytest

from evenhand.evidence.bootstrap import Interval
from evenhand.report.training.data import Corrected, Made, row_name
from evenhand.report.training.intervals import CLASS_METRICS, measure
from evenhand.report.training.page import SECTIONS, SYNTHETIC, report_page
from evenhand.report.training.parts import Ranked, rank_plot, sure
from evenhand.report.training.sentences import answer, decimal, percentage, scarce
from evenhand.report.training.winner import KEPT, worst_gap
from tests.core.report.report_of_training import CLASSES, ROWS, answers, evidence_of, report, row
from tests.core.report.test_gate_report import Reader as GateReader

EVIL = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "Robbery & 'co'", "#1 https://evil.example")


class Reader(GateReader):
    """As for the gate's page; pictures that are in the page and links within it are no way outside."""

    def handle_starttag(self, tag, attrs):
        before = len(self.outside)
        if tag == "img":
            self.outside += [(k, v) for k, v in attrs if k == "src" and not v.startswith("data:image/png;base64,")]
            return
        super().handle_starttag(tag, attrs)
        self.outside[before:] = [one for one in self.outside[before:] if not (one[0] == "a" and one[2][0] == "#")]


def read(page):
    reader = Reader(page)
    return reader, " ".join(" ".join(reader.text).split())


@pytest.fixture(scope="module")
def whole():
    return report()


def test_it_is_whole_and_reaches_nothing_outside(whole):
    page = report_page(whole)
    reader, _ = read(page)
    assert reader.outside == []
    assert reader.open == []
    assert not re.search(r"https?:|url\(|@import|\bnan\b|\bNone\b|<script", page)
    assert page.count("data:image/png;base64,") == len(whole.figures)


def test_the_answer_comes_first_and_every_link_leads_to_a_section(whole):
    page = report_page(whole)
    _, text = read(page)
    overall, rarest = answer(whole)
    places = [text.index(said) for said in (overall, rarest, "What the gate said", "All candidates", "How it was made")]
    assert places == sorted(places)
    assert re.findall(r'<a href="#(\w+)"', page) == re.findall(r'<section id="(\w+)"', page) == list(SECTIONS)


def test_every_study_tells_what_it_chose_on_which_rows_and_how_it_ended(whole):
    _, text = read(report_page(whole))
    told = text[text.index("What tuning chose") : text.index("What each strategy did")]
    for said in (
        "training rows of fold 1",
        "training rows of fold 2",
        "all training rows",
        "num_leaves 63, a<b 0.0714",
    ):
        assert said in told
    assert "fold 2: random ones." in told
    assert "a wall clock may end its studies" in told
    assert "What tuning chose" not in report_page(
        dataclasses.replace(whole, summary=whole.summary.model_copy(update={"tuning": ()}))
    )


def test_names_are_text_whatever_they_hold():
    page = report_page(report(classes=EVIL, title=EVIL[0]))
    reader, text = read(page)
    assert reader.outside == []
    assert reader.open == []
    assert "<script" not in page
    for name in EVIL:
        assert name in text


def test_every_class_is_there_the_rarest_first_and_too_few_rows_have_no_figures(whole):
    lines = whole.measured.classes
    assert [line.name for line in lines] == sorted(CLASSES, key=lambda name: ROWS[CLASSES.index(name)])
    assert lines[0].measures is None
    cells = re.search(r"<td><b>Arson</b></td>(.*?)</tr>", report_page(whole)).group(1)
    assert cells.count("not enough data") == len(CLASS_METRICS)
    assert "Arson (12 rows)" in scarce(whole)
    assert "Robbery" in answer(whole)[1]
    assert "Arson" not in answer(whole)[1]


def test_a_class_that_is_never_called_is_not_called_right_in_no_case_of_100(whole):
    test = whole.winner.test
    confusion = test.confusion.copy()
    confusion[:, list(test.per_class).index("Robbery")] = 0
    winner = dataclasses.replace(whole.winner, test=dataclasses.replace(test, confusion=confusion))
    assert "of 100 rows that it calls Robbery" in answer(whole)[1]
    assert answer(dataclasses.replace(whole, winner=winner))[1].endswith("it calls not one held-out row Robbery.")


def test_figures_are_those_of_the_scores():
    model = answers(0.6, 2)
    found = measure(model, None, CLASSES, "macro_f1", report().problem.gate, resamples=60)
    scores = row("lightgbm", "smote", 0.6, CLASSES).test
    assert found.primary.estimate == pytest.approx(scores.metrics["macro_f1"])
    assert found.difference is None
    for line in found.classes:
        known = scores.per_class[line.name]
        assert line.rows == known.support
        if line.measures is not None:
            expected = (known.recall, known.precision, known.f1, known.average_precision)
            assert [line.measures[name].estimate for name in CLASS_METRICS] == pytest.approx(expected)
            assert all(i.low <= i.estimate <= i.high for i in line.measures.values())


def test_the_answer_follows_the_interval_of_the_difference(whole):
    def said(low, high):
        d = Interval((low + high) / 2, low, high)
        return answer(dataclasses.replace(whole, measured=dataclasses.replace(whole.measured, difference=d)))[0]

    assert " is better than " in said(0.1, 0.2)
    assert " is worse than " in said(-0.2, -0.1)
    assert " is not shown to be better than " in said(-0.1, 0.2)
    for value in (whole.winner.test.metrics["macro_f1"], whole.reference.test.metrics["macro_f1"], 0.1, 0.2):
        assert decimal(value) in said(0.1, 0.2)
    alone = answer(dataclasses.replace(whole, reference=None))[0]
    assert "against" not in alone
    assert f"best of {len(whole.rows)} candidates" in alone


def test_for_a_loss_less_is_better():
    problem = report().problem.model_copy(update={"metric": "log_loss"})
    better = answers(0.6, 2)
    found = measure(better, answers(0.2, 2), CLASSES, "log_loss", problem.gate, resamples=60)
    assert found.difference.low > 0
    overall = answer(report(problem=problem, measured=found))[0]
    assert " is better than " in overall
    assert f"a difference of {-found.difference.estimate:+.3f}" in overall


def test_synthetic_data_say_so_before_anything_else():
    _, text = read(report_page(report(synthetic=True)))
    assert text.index(SYNTHETIC) < text.index(answer(report())[1][:20])
    assert SYNTHETIC not in read(report_page(report()))[1]


def test_absent_parts_are_left_out():
    bare = report(measured=None, reference=None, ledger=(), figures={}, grouped=False)
    page = report_page(bare)
    reader, text = read(page)
    assert reader.open == []
    assert re.findall(r'<section id="(\w+)"', page) == re.findall(r'<a href="#(\w+)"', page)
    assert not {"groups", "ledger", "classes"} & set(re.findall(r'<section id="(\w+)"', page))
    assert "data:" not in page
    assert not re.search(r"\bnan\b|\bNone\b", text)


def test_calibration_shows_before_and_after_where_it_was_corrected(whole):
    name = row_name(whole.winner)
    after = Corrected("temperature", whole.rows[0].oof, whole.rows[0].test)
    _, text = read(report_page(dataclasses.replace(whole, corrected={name: after})))
    assert "corrected (temperature)" in text
    assert f"{after.test.metrics['ece']:.4f}" in text
    assert "corrected (" not in read(report_page(whole))[1]
    kept = dataclasses.replace(after, method="none")
    _, text = read(report_page(dataclasses.replace(whole, corrected={name: kept})))
    assert KEPT in text
    assert "corrected (" not in text


def test_evidence_gives_every_candidate_its_interval_and_the_conclusion(whole):
    found = evidence_of(whole.rows)
    reader, text = read(report_page(dataclasses.replace(whole, evidence=found)))
    assert reader.outside == reader.open == []
    for candidate in found.candidates:
        for place in (candidate.oof, candidate.test):
            near = place.metrics["macro_f1"].interval
            assert f"{decimal(near.low)} to {decimal(near.high)}" in text
    for told in (found.conclusion, found.warnings[0], found.grounds["test"].classes[0].text, "one standard error"):
        assert told in text


def test_a_gain_that_the_folds_do_not_show_is_not_told_alone(whole):
    assert "not confirmed" not in answer_of(whole, "helps")
    assert "not confirmed: no difference shown" in answer_of(whole, "no difference shown")
    lost = Interval(-0.1, -0.2, -0.05)
    worse = dataclasses.replace(whole, measured=dataclasses.replace(whole.measured, difference=lost))
    assert "not confirmed" not in answer_of(worse, "no difference shown")


def answer_of(whole, conclusion):
    page = report_page(dataclasses.replace(whole, evidence=evidence_of(whole.rows, conclusion)))
    return read(page[: page.index("</header>")])[1]


def test_groups_name_the_widest_gap_with_its_interval(whole):
    (found,) = whole.measured.groups
    gap = found.gaps["macro recall"]
    values = [group.values["macro recall"].estimate for group in found.groups]
    assert gap.estimate == pytest.approx(max(values) - min(values))
    assert f"{100 * gap.low:.1f} to {100 * gap.high:.1f}" in worst_gap((found,))
    model = answers(0.6, 2)
    few = measure(
        model, None, CLASSES, "macro_f1", whole.problem.gate, {"place": np.array(["here"] * len(model.y))}, resamples=60
    )
    assert worst_gap(few.groups).startswith("No group can be compared")


def test_the_ledger_tells_counts_adaptations_and_what_did_not_run(whole):
    _, text = read(report_page(whole))
    assert "smote: k_neighbors lowered to 3" in text
    assert "forest / smote: not run, the smallest class has 2 rows" in text


def test_accuracy_stands_beside_the_majority(whole):
    scores = whole.winner.test.metrics
    _, text = read(report_page(whole))
    told = re.search(r"Accuracy misleads here: always saying Assault is right on (.*?) of .* right on (.*?)\.", text)
    assert told.groups() == (percentage(scores["majority_accuracy"]), percentage(scores["accuracy"]))


def test_it_says_how_it_was_made_and_keeps_what_proves_a_reviewer(whole):
    _, text = read(report_page(whole))
    for told in (
        "aa11",
        "bb22",
        "cc33",
        "dd44",
        "42",
        "2014-01-01",
        "622 rows with year from 2021",
        "hour is a number",
    ):
        assert told in text
    assert "Ada" in text
    assert "ADA_KEY" not in text
    assert "0" * 64 not in text


def test_a_quick_look_says_so(whole):
    summary = whole.summary.model_copy(update={"preset": "quick"})
    assert "quick look" in read(report_page(dataclasses.replace(whole, summary=summary)))[1]


def test_a_label_that_is_cut_still_tells_the_rule():
    stack, sure_of = "stack / lightgbm none enriched + gradient_boosting none", Interval(0.4, 0.3, 0.5)
    ranked = [Ranked(f"{stack} / {rule}", sure_of, None, rule == "multipliers") for rule in ("multipliers", "argmax")]
    labels = re.findall(r'class="label"[^>]*>([^<]+)<', rank_plot([*ranked, Ranked("a / b", sure_of, None)], "all"))
    assert [label.rpartition("… / ")[2] for label in labels] == ["multipliers", "argmax", "a / b"]
    assert [len(label) <= longest for label, longest in zip(labels, (38, 44, 44), strict=True)] == [True] * 3
    assert all(label.startswith("stack / lightgbm") for label in labels[:2])


def test_a_plot_without_values_is_none():
    assert rank_plot([], "nothing") == ""
    assert sure(Interval(float("nan"), float("nan"), float("nan"))) == "#not defined"
    assert Made("a", "b", None, None, "s", 1, 0, 2).identity == ""
