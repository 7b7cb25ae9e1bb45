"""The page of a training: the answer first, rare classes first, nothing from outside, nothing a name could inject."""

import dataclasses
import re

import numpy as np
import pytest

from evenhand.evidence.bootstrap import Interval
from evenhand.report.candidate_row import row_name
from evenhand.report.table_model import decimal, percentage
from evenhand.report.training.answer import answer, next_step
from evenhand.report.training.candidates import interval
from evenhand.report.training.data import CalibratedScores
from evenhand.report.training.intervals import CLASS_METRICS, HeldOut, measure
from evenhand.report.training.light import expectations, light, scope
from evenhand.report.training.page import SECTIONS, report_page
from evenhand.report.training.sentences import SYNTHETIC, scarce, widest_gap
from tests.core.report.report_of_training import (
    CLASSES,
    PUBLIC_KEY,
    ROWS,
    answers,
    evidence_of,
    figures,
    report,
    row,
)
from tests.core.report.test_gate_report import Reader

EVIL = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "Robbery & 'co'", "#1 https://evil.example")


def read(page):
    reader = Reader(page)
    return reader, " ".join(" ".join(reader.text).split())


@pytest.fixture(scope="module")
def whole():
    return report()


@pytest.fixture(scope="module")
def page(whole):
    return report_page(whole)


def test_it_is_complete_and_reaches_nothing_outside(whole):
    whole = dataclasses.replace(whole, figures=figures())
    page = report_page(whole)
    reader, _ = read(page)
    assert reader.outside == []
    assert reader.open == []
    assert not re.search(r"https?:|url\((?!#)|@import|\bnan\b|\bNone\b|<script", page)
    assert page.count('<svg class="drawn"') == len(whole.figures) + 4  # candidates, costs, effects, errors


def test_the_answer_comes_first_and_every_link_leads_to_a_section(whole, page):
    _, text = read(page)
    overall, expected = answer(whole)[0], expectations(whole)[-1]
    first = (light(whole).text, scope(whole), overall, next_step(whole), expected)
    parts = (*first, "What the gate decided", "All candidates", "How it was made")
    order = [text.index(part) for part in parts]
    assert order == sorted(order)
    assert re.findall(r'<a href="#(\w+)"', page) == re.findall(r'<section id="(\w+)"', page) == list(SECTIONS)


def test_every_study_shows_what_it_chose_on_which_rows_and_how_it_ended(whole, page):
    _, text = read(page)
    shown = text[text.index("What tuning chose") : text.index("What each strategy did")]
    for part in (
        "training rows of fold 1",
        "training rows of fold 2",
        "all training rows",
        "num_leaves 63, a<b 0.0714",
    ):
        assert part in shown
    assert "fold 2: random ones." in shown
    assert "a wall clock may end its studies" in shown
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


def test_every_class_is_there_the_rarest_first_and_too_few_rows_have_no_figures(whole, page):
    lines = whole.measured.classes
    assert [line.name for line in lines] == sorted(CLASSES, key=lambda name: ROWS[CLASSES.index(name)])
    assert lines[0].measures is None
    section = page[page.index('<section id="classes">') :]
    cells = re.search(r'<th scope="row">Arson</th>(.*?)</tr>', section).group(1)
    assert cells.count("not enough data") == len(CLASS_METRICS)
    assert "Arson (12 rows)" in scarce(whole)
    assert "Robbery" in answer(whole)[1]
    assert "Arson" not in answer(whole)[1]


def test_a_class_that_is_never_called_is_not_called_right_in_no_case_of_100(whole):
    test = whole.winner.test
    confusion = test.confusion.copy()
    confusion[:, list(test.per_class).index("Robbery")] = 0
    winner = dataclasses.replace(whole.winner, test=dataclasses.replace(test, confusion=confusion))
    assert "of 100 rows that it predicts as Robbery" in answer(whole)[1]
    assert answer(dataclasses.replace(whole, winner=winner))[1].endswith("it predicts Robbery for no held-out row.")


def test_figures_are_those_of_the_scores():
    model = answers(0.6, 2)
    found = measure(HeldOut(CLASSES, model), "macro_f1", report().problem.gate, resamples=60)
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
    def overall(low, high):
        d = Interval((low + high) / 2, low, high)
        return answer(dataclasses.replace(whole, measured=dataclasses.replace(whole.measured, difference=d)))[0]

    assert " is better than " in overall(0.1, 0.2)
    assert " is worse than " in overall(-0.2, -0.1)
    assert " is not shown to be better than " in overall(-0.1, 0.2)
    for value in (whole.winner.test.metrics["macro_f1"], whole.baseline.test.metrics["macro_f1"], 0.1, 0.2):
        assert decimal(value) in overall(0.1, 0.2)
    alone = answer(dataclasses.replace(whole, baseline=None))[0]
    assert "against" not in alone
    assert f"best of {len(whole.rows)} candidates" in alone


def test_for_a_loss_less_is_better():
    problem = report().problem.model_copy(update={"metric": "log_loss"})
    better = answers(0.6, 2)
    found = measure(HeldOut(CLASSES, better, answers(0.2, 2)), "log_loss", problem.gate, resamples=60)
    assert found.difference.low > 0
    overall = answer(report(problem=problem, measured=found))[0]
    assert " is better than " in overall
    assert f"a difference of {-found.difference.estimate:+.3f}" in overall


def test_synthetic_data_are_marked_before_anything_else(page):
    _, text = read(report_page(report(synthetic=True)))
    assert text.index(SYNTHETIC) < text.index(answer(report())[1][:20])
    assert SYNTHETIC not in read(page)[1]


def test_absent_parts_are_left_out():
    bare = report(measured=None, baseline=None, records=(), explanation=None, errors=None, grouped=False)
    page = report_page(bare)
    reader, text = read(page)
    assert reader.open == []
    assert re.findall(r'<section id="(\w+)"', page) == re.findall(r'<a href="#(\w+)"', page)
    assert not {"groups", "records", "classes", "effects", "errors"} & set(re.findall(r'<section id="(\w+)"', page))
    assert page.count("<svg") == 1  # the candidates
    assert not re.search(r"\bnan\b|\bNone\b", text)


def test_calibration_shows_before_and_after_where_it_was_calibrated(whole, page):
    name = row_name(whole.winner)
    after = CalibratedScores("temperature", whole.rows[0].oof, whole.rows[0].test)
    _, text = read(report_page(dataclasses.replace(whole, calibrated={name: after})))
    assert "calibrated (temperature)" in text
    assert f"{after.test.metrics['ece']:.4f}" in text
    assert "calibrated (" not in read(page)[1]
    kept = dataclasses.replace(after, method="none")
    _, text = read(report_page(dataclasses.replace(whole, calibrated={name: kept})))
    assert "no calibration method clearly improved them" in text
    assert "calibrated (" not in text


def test_evidence_gives_every_candidate_its_interval_and_the_conclusion(whole):
    found = evidence_of(whole.rows)
    reader, text = read(report_page(dataclasses.replace(whole, evidence=found)))
    assert reader.outside == reader.open == []
    for candidate in found.candidates:
        for place in (candidate.oof, candidate.test):
            near = place.metrics["macro_f1"].interval
            assert f"{decimal(near.low)} to {decimal(near.high)}" in text
    for part in (found.conclusion, found.warnings[0], found.grounds["test"].classes[0].text, "one standard error"):
        assert part in text


def test_a_gain_that_the_folds_do_not_show_has_a_warning(whole):
    assert "not confirmed" not in answer_of(whole, "helps")
    assert "not confirmed: no difference larger than 0." in answer_of(whole, "no difference larger than")
    lost = Interval(-0.1, -0.2, -0.05)
    worse = dataclasses.replace(whole, measured=dataclasses.replace(whole.measured, difference=lost))
    assert "not confirmed" not in answer_of(worse, "no difference larger than")


def answer_of(whole, conclusion):
    page = report_page(dataclasses.replace(whole, evidence=evidence_of(whole.rows, conclusion)))
    return read(page[: page.index("</header>")])[1]


def test_groups_name_the_widest_gap_with_its_interval(whole):
    (found,) = whole.measured.groups
    gap = found.gaps["macro recall"]
    values = [group.values["macro recall"].estimate for group in found.groups]
    assert gap.estimate == pytest.approx(max(values) - min(values))
    assert f"{100 * gap.low:.1f} to {100 * gap.high:.1f}" in widest_gap((found,))
    model = answers(0.6, 2)
    rows = HeldOut(CLASSES, model, groups={"place": np.array(["here"] * len(model.y))})
    few = measure(rows, "macro_f1", whole.problem.gate, resamples=60)
    assert widest_gap(few.groups).startswith("No group can be compared")


def test_the_resampling_record_shows_adaptations_and_what_did_not_run(page):
    _, text = read(page)
    assert "smote: k_neighbors lowered to 3" in text
    assert "forest / smote: not run, the smallest class has 2 rows" in text


def test_accuracy_is_shown_with_that_of_the_majority(whole, page):
    scores = whole.winner.test.metrics
    _, text = read(page)
    shown = re.search(
        r"Accuracy misleads here: always predicting Assault is right on (.*?) of .* right on (.*?)\.", text
    )
    assert shown.groups() == (percentage(scores["majority_accuracy"]), percentage(scores["accuracy"]))


def test_it_shows_how_it_was_made_without_the_keys_of_reviewers(page):
    _, text = read(page)
    for part in (
        "aa11",
        "bb22",
        "cc33",
        "dd44",
        "42",
        "2014-01-01",
        "622 rows with year from 2021",
        "hour is a number",
    ):
        assert part in text
    assert "Ada" in text
    assert PUBLIC_KEY.split()[1] not in text


def test_a_quick_training_is_marked(whole):
    summary = whole.summary.model_copy(update={"preset": "quick"})
    assert "a quick training on a sample" in read(report_page(dataclasses.replace(whole, summary=summary)))[1]


def test_every_table_has_a_caption_or_headings_of_its_rows_and_columns(page):
    tables = re.findall(r"<table.*?</table>", page, re.DOTALL)
    assert tables
    for table in tables:
        lines = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
        headed = '<th scope="col"' in table
        assert "<caption>" in table or 'class="facts"' in table
        assert all(line.count('<th scope="row">') == 1 for line in lines[headed:])


def test_a_page_is_in_english_and_its_figures_have_labels(page):
    assert '<html lang="en">' in page
    assert page.count("<svg") == len(re.findall(r'<svg [^>]*role="img" aria-label="[^"]+"', page)) > 0


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"outcome": "promote"}, "a reviewer approves or rejects version 7"),
        ({"outcome": "promote", "review": "never"}, "needs no review"),
        ({"outcome": "reject"}, "nothing changes"),
        ({"outcome": "insufficient evidence", "more_rows": 1200}, "about 1,200 more held-out rows would decide"),
        ({"outcome": "error"}, "train again"),
    ],
)
def test_what_to_do_follows_from_the_verdict(whole, changes, expected):
    verdict = whole.verdict.model_copy(update=changes)
    assert expected in next_step(dataclasses.replace(whole, verdict=verdict))


def test_bounds_are_the_estimate_where_none_are_known(whole):
    bare = dataclasses.replace(whole, measured=None)
    assert all(interval(bare, one, "test").low == one.test.metrics["macro_f1"] for one in whole.rows if one.test)
    assert interval(whole, whole.winner, "test") == whole.measured.primary
