"""Held-out scores are compared with what the folds let expect, over the classes that both have."""

import numpy as np
import pytest

from evenhand.evidence.bootstrap import Interval
from evenhand.metrics.scores import score
from evenhand.selection.agreement import agreement, unexpected

CLASSES = ("Common", "Rare", "Rarest")


def scores(counts, right, seed=0):
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(3), counts)
    codes = np.where(rng.random(len(y)) < right, y, rng.integers(0, 3, len(y)))
    return score(y, np.eye(3)[codes], CLASSES, codes)


def compared(oof, test, metric="macro_f1", half=0.06):
    value = oof.metrics[metric]
    return agreement(Interval(value - 0.01, value - 0.01 - half, value - 0.01 + half), value, oof, test, metric)


@pytest.mark.parametrize(("kind", "advice"), [("stratified", "split.folds: forward"), ("forward", "period to period")])
def test_a_score_far_from_what_was_expected_is_a_warning_with_advice(kind, advice):
    found = compared(scores((300, 100, 60), 0.7), scores((300, 100, 60), 0.2, 1))
    assert not found.holds
    (warning,) = unexpected(found, "lightgbm / none", "macro_f1", kind)
    assert warning.startswith(f"Expect macro_f1 {found.found:.3f}, not {found.expected.estimate:.3f}")
    assert " does worse on the held-out rows" in warning
    assert advice in warning


def test_few_rows_of_a_class_are_no_reason_to_say_nothing():
    """A class with 12 held-out rows has its noise in the interval; a fall by half is a fall."""
    found = compared(scores((300, 100, 60), 0.7), scores((300, 100, 12), 0.1, 1))
    assert found.left_out == ()
    assert unexpected(found, "lightgbm / none", "macro_f1", "stratified")


def test_a_class_without_held_out_rows_is_left_out_on_both_sides_and_named():
    oof, test = scores((300, 100, 60), 0.7), scores((300, 100, 0), 0.1, 1)
    found = compared(oof, test)
    assert found.left_out == ("Rarest",)
    assert found.found == pytest.approx(np.mean([test.per_class[name].f1 for name in CLASSES[:2]]))
    both = np.mean([oof.per_class[name].f1 for name in CLASSES[:2]])
    assert found.expected.estimate == pytest.approx(both - 0.01)
    assert "not Rarest" in unexpected(found, "lightgbm / none", "macro_f1", "stratified")[0]


def test_no_warning_within_the_interval_nor_where_it_is_not_known():
    oof, test = scores((300, 100, 60), 0.7), scores((300, 100, 60), 0.7, 1)
    assert unexpected(compared(oof, test, half=0.15), "lightgbm / none", "macro_f1", "stratified") == ()
    assert compared(oof, scores((300, 100, 60), 0.1), half=float("nan")).holds


def test_a_lower_loss_is_better():
    found = compared(scores((300, 100, 60), 0.3), scores((300, 100, 60), 0.9, 1), metric="log_loss")
    assert "does better" in unexpected(found, "lightgbm / none", "log_loss", "stratified")[0]
