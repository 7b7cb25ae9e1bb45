"""Every strategy of the evidence family: complete candidates only, class by class, with intervals."""

import dataclasses

import pytest

from evenhand.report.summary import class_values, summed_up
from evenhand.report.training.page import report_page
from evenhand.report.training.strategies import class_tables, scored_strategies, strategies
from tests.core.report.report_of_training import CLASSES, evidence_of, report, row

FAMILY = "lightgbm"


@pytest.fixture(scope="module")
def rows():
    return [row(FAMILY, name, skill, CLASSES) for name, skill in (("smote", 0.6), ("none", 0.2), ("capped", 0.4))]


def test_only_complete_candidates_of_the_family_on_its_base_columns_are_shown_the_baseline_first(rows):
    others = [
        dataclasses.replace(rows[0], strategy="enn", stopped="stopped after 1 of 5 folds", test=None),
        dataclasses.replace(rows[0], features="enriched"),
        dataclasses.replace(rows[0], model="large", variant_of=FAMILY),
        dataclasses.replace(rows[0], model="forest"),
        dataclasses.replace(rows[0], strategy="tomek", oof=None, test=None, skipped="two rows"),
    ]
    assert [one.strategy for one in scored_strategies([*rows, *others], FAMILY)] == ["none", "smote", "capped"]
    assert scored_strategies(others, FAMILY) == []


def test_each_class_has_the_scores_of_every_strategy_with_intervals_the_rarest_with_enough_rows_first(rows):
    tables = class_tables(rows, min_positives=50)
    assert [table.caption.split(":")[0] for table in tables] == ["Robbery", "Fraud", "Assault", "Arson"]
    for table in tables[:-1]:
        name = table.caption.split(":")[0]
        for one, (strategy, recall, precision, f1, area) in zip(rows, table.rows, strict=True):
            found = one.test.per_class[name]
            assert strategy == one.strategy
            assert recall.text == f"{100 * found.recall:.0f} %"
            assert precision.text == f"{100 * found.precision:.0f} %"
            assert f1.text == f"{found.f1:.3f}"
            assert area.text == f"{found.average_precision:.3f}"
            low, high = f1.detail.split(" to ")
            assert float(low) < found.f1 < float(high)
    assert {str(cell) for line in tables[-1].rows for cell in line[1:]} == {"not enough data"}


def test_the_page_shows_differences_and_conclusions_of_both_evaluation_sets():
    whole = report()
    whole = dataclasses.replace(whole, evidence=evidence_of(whole.rows, "no difference larger than"))
    page = report_page(whole)
    assert "Every strategy on lightgbm" in page
    assert page.count("no difference larger than 0.150") >= 2
    assert "+0.050 to +0.150" in page
    alone = dataclasses.replace(whole, rows=whole.rows[:1])
    assert strategies(alone) is None


def test_the_summary_has_every_conclusion_and_each_class(rows):
    whole = report()
    found = summed_up(evidence_of(whole.rows, "no difference larger than"), FAMILY)
    assert found.evidence_family == FAMILY
    assert found.no_difference_larger_than == {"lightgbm / smote": 0.15}
    assert found.helps == found.hurts == found.stopped_early == ()
    assert summed_up(evidence_of(whole.rows, "stopped early")).stopped_early == ("lightgbm / smote",)
    assert summed_up(evidence_of(whole.rows, "hurts")).hurts == ("lightgbm / smote",)
    classes = class_values(rows[0].test)
    assert classes["Robbery"].recall == rows[0].test.per_class["Robbery"].recall
    assert classes["Arson"].support == 12
    assert class_values(None) is None
