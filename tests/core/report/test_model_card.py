"""The model card says what is known of the winner, and only that, in Markdown and on a page."""

import dataclasses
import re

import pytest

from evenhand.problem.postprocessing import CapacityDecision, SimpleDecision
from evenhand.report.model_card import RULES, model_card, model_card_page
from evenhand.report.table_model import decimal, percentage
from evenhand.report.training.answer import answer
from evenhand.report.training.sentences import SYNTHETIC
from tests.core.report.report_of_training import CLASSES, report
from tests.core.report.test_training_report import EVIL, read


@pytest.fixture(scope="module")
def whole():
    return report()


def test_both_forms_tell_the_same(whole):
    markdown, (reader, text) = model_card(whole), read(model_card_page(whole))
    assert reader.outside == []
    assert reader.open == []
    headings = re.findall(r"^## (.*)$", markdown, re.MULTILINE)
    assert len(headings) == 9
    assert all(heading in text for heading in headings)
    for part in (*answer(whole), "evenhand-tiny version 7", "Open & free", "2014-01-01"):
        assert part in text
    assert answer(whole)[0] in markdown


def test_scores_by_class_are_the_held_out_ones(whole):
    markdown = model_card(whole)
    for line in whole.measured.classes:
        shown = next(text for text in markdown.splitlines() if text.startswith(f"| {line.name} |"))
        if line.measures is None:
            assert shown.count("not enough data") == 4
        else:
            assert percentage(line.measures["recall"].estimate) in shown
            assert decimal(line.measures["average precision"].low) in shown


def test_a_tuned_winner_shows_the_settings_of_the_study_on_all_training_rows(whole):
    card = model_card(whole)
    assert card.count("Its settings were tuned on all training rows: num_leaves 63, a&lt;b 0.0714.") == 1
    assert "a wall clock may end its studies" in card
    other = whole.summary.tuning[0].model_copy(update={"candidate": "lightgbm / none", "fold": None})
    changed = whole.summary.model_copy(update={"tuning": (other,)})
    assert "tuned" not in model_card(dataclasses.replace(whole, summary=changed))


def test_a_class_that_is_missed_most_is_a_limit(whole):
    worst = min(CLASSES[:3], key=lambda name: whole.winner.test.per_class[name].recall)
    missed = percentage(1 - whole.winner.test.per_class[worst].recall)
    assert f"It misses {missed} of {worst}, more than of any other class." in model_card(whole)


def test_names_are_text_whatever_they_hold():
    evil = report(classes=EVIL, title="a|b <i> [x](y)")
    markdown, (reader, _) = model_card(evil), read(model_card_page(evil))
    assert reader.outside == []
    assert reader.open == []
    assert "<" not in markdown
    assert "](y)" not in markdown.replace("\\[x](y)", "")
    for line in markdown.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) in (5, 8)


def test_absent_parts_are_left_out():
    bare = report(measured=None, baseline=None, grouped=False)
    markdown = model_card(bare)
    assert "## Groups" not in markdown
    assert "## Scores by class" not in markdown
    assert not re.search(r"\bnan\b|\bNone\b|TODO|@", markdown)


def test_synthetic_data_say_so_first():
    made_up = report(synthetic=True)
    assert model_card(made_up).splitlines()[2] == f"**{SYNTHETIC}**"
    assert SYNTHETIC in read(model_card_page(made_up))[1]


def test_every_decision_rule_is_explained():
    kinds = {"multipliers", "prior_power", "cost", *CapacityDecision.model_fields["kind"].annotation.__args__}
    assert {*kinds, *SimpleDecision.model_fields["kind"].annotation.__args__} == set(RULES)
