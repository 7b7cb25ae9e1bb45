"""The champion keeps its promise at other shares of the classes and breaks it with rotated labels."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.data.row_blocks import RowBlocks
from evenhand.gate.decide import decide
from evenhand.gate.verdict import Promise
from evenhand.metrics.scores import score
from tests.core.gate.test_decide import CLASSES, QUICK, case, clean, scored, truth

MANY = (6000, 3000, 1500)


def promised(counts=MANY, skill=1.0, seed=7, **changes):
    """What a model with this skill promises on rows of its own."""
    labels = truth(counts)
    return decide(clean(labels, scored(labels, skill, seed), None, "macro_f1", **changes), QUICK).promise


def judged(promise, champion_skill=1.0, counts=MANY, challenger_skill=3.0, metric="macro_f1"):
    labels = truth(counts)
    whole = case(challenger_skill, champion_skill, labels, metric)
    return decide(dataclasses.replace(whole, promise=promise), QUICK)


def condition(verdict):
    (found,) = [c for c in verdict.conditions if c.kind == "promise"]
    return found


def test_a_promise_is_the_confusion_of_the_held_out_rows():
    labels = truth()
    model = scored(labels, 2.0, 1)
    found = decide(clean(labels, model, None, "macro_f1"), QUICK).promise
    y = np.array([CLASSES.index(name) for name in labels])
    assert found.classes == CLASSES
    assert np.array_equal(found.confusion, score(y, model.proba, CLASSES).confusion)
    assert found.effect == 1.0


def test_a_champion_that_scores_as_promised_keeps_it():
    verdict = judged(promised())
    assert (verdict.outcome, condition(verdict).status) == ("promote", "pass")
    assert "was to be expected" in condition(verdict).detail


@pytest.mark.parametrize("metric", ["macro_f1", "accuracy", "mcc", "log_loss"])
def test_other_shares_of_the_classes_break_no_promise(metric):
    labels = truth((1000, 3000, 6500))
    common = scored(truth(MANY), 1.0, 7)  # the same model: its probabilities do not depend on the shares

    def seen(labels, seed):
        z = np.random.default_rng(seed).normal(size=(len(labels), 3)) + 1.0 * (labels[:, None] == np.array(CLASSES))
        proba = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        return dataclasses.replace(common, proba=proba, predicted=np.array(CLASSES)[proba.argmax(axis=1)])

    promise = decide(clean(truth(MANY), seen(truth(MANY), 1), None, metric), QUICK).promise
    whole = clean(labels, scored(labels, 3.0, 2), seen(labels, 3), metric, promise=promise)
    assert condition(decide(whole, QUICK)).status == "pass"


@pytest.mark.parametrize("skill", [0.3, 2.5])
def test_a_champion_that_scores_worse_or_better_than_promised_makes_the_case_undecided(skill):
    verdict = judged(promised(), champion_skill=skill, challenger_skill=5.0)
    assert (verdict.outcome, condition(verdict).status) == ("insufficient evidence", "undecided")
    assert verdict.low > QUICK.margin
    assert (condition(verdict).estimate > 0) == (skill > 1)
    assert not verdict.passes
    assert verdict.acknowledgeable
    assert "A reviewer can acknowledge" in " ".join(verdict.reasons)


def test_rotated_labels_are_not_promoted():
    labels = truth(MANY)
    rotated = np.array([CLASSES[(CLASSES.index(name) + 1) % 3] for name in labels])
    champion = scored(labels, 3.0, 1)
    challenger = scored(rotated, 3.0, 2)  # trained on rotated labels, and far better on them
    promise = decide(clean(labels, champion, None, "macro_f1"), QUICK).promise
    without = decide(clean(rotated, challenger, champion, "macro_f1"), QUICK)
    verdict = decide(clean(rotated, challenger, champion, "macro_f1", promise=promise), QUICK)
    assert (without.outcome, verdict.outcome) == ("promote", "insufficient evidence")
    assert condition(verdict).high < -0.3


def test_few_rows_promise_less_and_so_do_rows_in_blocks():
    def width(promise):
        found = condition(judged(promise))
        return found.high - found.low

    copies = np.repeat(np.arange(sum(MANY) // 5), 5)
    one = scored(truth(tuple(n // 5 for n in MANY)), 1.0, 7)
    copied = dataclasses.replace(one, proba=one.proba[copies], predicted=one.predicted[copies])
    whole = clean(truth(tuple(n // 5 for n in MANY))[copies], copied, None, "macro_f1")
    in_blocks = decide(dataclasses.replace(whole, blocks=RowBlocks(copies, "copies", True)), QUICK).promise
    assert in_blocks.effect == pytest.approx(5, rel=0.35)
    assert width(in_blocks) == pytest.approx(width(promised(tuple(n // 5 for n in MANY))), rel=0.2)
    assert width(in_blocks) > 1.4 * width(promised())


def test_a_class_without_rows_in_the_promise_or_here_is_left_out():
    assert condition(judged(promised((6000, 3000, 0)))).status == "pass"
    strange = Promise(classes=("Fraud", "Arson"), confusion=((5, 1), (2, 7)))
    found = condition(judged(strange))
    assert (found.status, found.detail) == ("undecided", "no class has rows in both its own held-out rows and these")


def test_a_promise_that_is_not_known_never_passes_and_one_that_was_never_made_is_no_condition():
    verdict = judged("its verdict can't be read")
    assert (verdict.outcome, condition(verdict).detail) == ("insufficient evidence", "its verdict can't be read")
    assert judged(None).outcome == "promote"
    off = QUICK.model_copy(update={"promise_tolerance": None})
    whole = dataclasses.replace(case(3.0, 1.0, truth(MANY)), promise="unknown")
    assert decide(whole, off).outcome == "promote"


@given(st.integers(0, 2**16))
@settings(max_examples=20, deadline=None)
def test_an_honest_champion_is_seldom_held_back(seed):
    labels = truth((600, 300, 150))
    whole = clean(labels, scored(labels, 3.0, 2), scored(labels, 1.0, seed), "macro_f1")
    promise = promised((600, 300, 150), seed=seed + 1)
    assert condition(decide(dataclasses.replace(whole, promise=promise), QUICK)).status == "pass"


class TestAcknowledged:
    def broken(self, **changes):
        return judged(promised(), champion_skill=0.3, **changes)

    def test_only_the_reviewer_can_pass_it(self):
        verdict = self.broken()
        assert (verdict.outcome, verdict.passes, verdict.acknowledgeable) == ("insufficient evidence", False, True)

    def test_it_passes_nothing_else(self):
        # too few robberies, and no gain
        assert not judged(promised(), champion_skill=0.3, counts=(6000, 3000, 20)).acknowledgeable
        equal = self.broken(challenger_skill=0.3)
        assert (equal.acknowledgeable, equal.passes) == (False, False)


def test_the_verdict_says_where_the_rows_come_from():
    whole = dataclasses.replace(case(3.0, 1.0), source="csv other.csv")
    assert decide(whole, QUICK).source == "csv other.csv"
