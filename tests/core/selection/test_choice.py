"""The choice takes the best, the simplest of equals, and says what to expect of it without the luck of having won."""

import numpy as np
import pytest

from evenhand.evidence.evaluation_rows import EvaluationRows
from evenhand.evidence.influence import influences
from evenhand.evidence.measure import MeasuredCandidate
from evenhand.metrics.confusion_metrics import CONFUSION_METRICS
from evenhand.selection.choice import choose
from evenhand.selection.left_out import PARTS, divisions

CLASSES = ("Common", "Rare", "Rarest")


def truth(n, rng):
    return rng.choice(3, n, p=[0.6, 0.25, 0.15])


def answered(y, right, rng):
    """Codes of which a share is right, each row on its own."""
    return MeasuredCandidate(np.where(rng.random(len(y)) < right, y, rng.choice(3, len(y))), {})


def macro_f1(y, codes):
    return float(CONFUSION_METRICS["macro_f1"](np.bincount(y * 3 + codes, minlength=9).reshape(3, 3))[0])


def chosen_of(y, answers, held_out=100, metric="macro_f1", blocks=None):
    return choose(EvaluationRows(y, CLASSES, blocks=blocks), answers, list(answers), metric, held_out)


def test_among_candidates_that_are_equally_good_the_score_out_of_fold_is_too_good_and_the_expected_one_is_not():
    """Twenty candidates of equal skill on 200 rows each, forty times; every one is right in the same share of cases."""
    rng, out_of_fold, expected, held, inside = np.random.default_rng(0), [], [], [], []
    for _ in range(40):
        y, new = truth(200, rng), truth(100, rng)
        found = chosen_of(y, {str(i): answered(y, 0.4, rng) for i in range(20)})
        score = macro_f1(new, answered(new, 0.4, rng).codes)
        out_of_fold.append(found.out_of_fold - score)
        expected.append(found.expected.estimate - score)
        inside.append(found.expected.low <= score <= found.expected.high)
        held.append(score)
    error = np.std(held) / len(held) ** 0.5
    assert np.mean(out_of_fold) > 0.04
    assert abs(np.mean(expected)) < 2.5 * error
    assert 0.85 <= np.mean(inside) <= 1


def test_one_that_is_clearly_better_keeps_its_score():
    rng = np.random.default_rng(1)
    y = truth(500, rng)
    answers = {"poor": answered(y, 0.1, rng), "good": answered(y, 0.9, rng), "fair": answered(y, 0.5, rng)}
    found = chosen_of(y, answers)
    assert (found.name, found.candidates) == ("good", 3)
    assert found.expected.estimate == pytest.approx(found.out_of_fold, abs=1e-12)
    assert found.out_of_fold == pytest.approx(macro_f1(y, answers["good"].codes))


def test_the_interval_counts_the_noise_of_the_held_out_rows():
    rng = np.random.default_rng(2)
    y = truth(400, rng)
    answers = {"good": answered(y, 0.8, rng), "poor": answered(y, 0.2, rng)}
    few, many = (chosen_of(y, answers, held_out).expected for held_out in (50, 100_000))
    assert few.estimate == many.estimate
    width = (few.high - few.low) / (many.high - many.low)
    assert width == pytest.approx((1 + 400 / 50) ** 0.5, rel=0.02)


def test_of_equals_the_first_is_chosen_and_the_same_every_time():
    rng = np.random.default_rng(3)
    y = truth(300, rng)
    good = answered(y, 0.7, rng)
    answers = {"simple": good, "less simple": good, "poor": answered(y, 0.1, rng)}
    assert chosen_of(y, answers).name == "simple"
    assert chosen_of(y, answers) == chosen_of(y, answers)


@pytest.mark.parametrize(("metric", "sign"), [("log_loss", -1), ("average_precision", 1)])
def test_metrics_of_probabilities_are_corrected_in_their_own_direction(metric, sign):
    found = [_of_probabilities(metric, sign, seed) for seed in range(6)]
    assert all(sign * one.expected.estimate <= sign * one.out_of_fold for one in found)
    assert any(sign * one.expected.estimate < sign * one.out_of_fold - 0.001 for one in found)


def _of_probabilities(metric, sign, seed):
    rng = np.random.default_rng(seed)
    y = truth(300, rng)
    rows, answers = EvaluationRows(y, CLASSES), {}
    for i in range(12):
        proba = rng.dirichlet(np.ones(3), len(y)) + 0.5 * np.eye(3)[y]
        proba /= proba.sum(axis=1, keepdims=True)
        answers[str(i)] = MeasuredCandidate(
            proba.argmax(axis=1), {metric: influences(rows, proba, metric, rows.support > 0)}
        )
    found = chosen_of(y, answers, metric=metric)
    scores = {name: one.metrics[metric].estimate for name, one in answers.items()}
    assert found.out_of_fold == pytest.approx(max(scores.values(), key=lambda value: sign * value))
    assert found.expected.low < found.expected.estimate < found.expected.high
    return found


def test_blocks_stay_whole_and_too_few_of_them_give_no_bounds():
    rng = np.random.default_rng(5)
    y, blocks = truth(400, rng), np.repeat(np.arange(100), 4)
    answers = {"good": answered(y, 0.8, rng)}
    found = next(divisions(EvaluationRows(y, CLASSES, blocks=blocks), answers, "macro_f1"))
    assert found.without.shape == (1, PARTS)
    assert np.isfinite(chosen_of(y, answers, blocks=blocks).expected.low)
    twelve = chosen_of(y, answers, blocks=np.arange(400) % 12)
    assert np.isnan(twelve.expected.low)
    assert np.isfinite(twelve.expected.estimate)


def test_rows_in_copies_are_no_further_evidence_where_blocks_keep_them_together():
    """Five copies of each row: drawn singly, the luck of a row is in every part; whole blocks correct it as before."""
    rng = np.random.default_rng(6)
    y = truth(150, rng)
    answers = {str(i): answered(y, 0.4, rng) for i in range(20)}
    copied = {name: MeasuredCandidate(np.repeat(one.codes, 5), {}) for name, one in answers.items()}
    once = chosen_of(y, answers).expected.estimate
    singly, whole = (
        chosen_of(np.repeat(y, 5), copied, blocks=blocks).expected.estimate
        for blocks in (None, np.repeat(np.arange(150), 5))
    )
    assert singly > once + 0.02
    assert whole == pytest.approx(once, abs=0.02)
