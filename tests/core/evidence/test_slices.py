"""Groups are scored as their rows alone would be, and the gap between them is that of the scores."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, recall_score

from evenhand.evidence.bootstrap import BootstrapSettings
from evenhand.evidence.slices import SliceLimits, slices
from evenhand.metrics.predictions import Predictions

K = 3


def rows(n=1200, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.choice(K, n, p=[0.5, 0.3, 0.2])
    groups = rng.choice(["A", "B", "C"], n, p=[0.5, 0.45, 0.05])
    return y, groups


def model(y, skill, seed):
    z = np.random.default_rng(seed).normal(size=(len(y), K))
    z[np.arange(len(y)), y] += skill
    proba = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return Predictions(y, proba, proba.argmax(axis=1))


def test_values_are_those_of_each_group_alone():
    y, groups = rows()
    models = [model(y, 0.5, 1), model(y, 1.5, 2)]
    found = slices(models, groups, SliceLimits(200, 20), BootstrapSettings(resamples=10))
    assert (found.groups, found.classes, list(found.left_out)) == (("A", "B"), (0, 1, 2), ["C"])
    for i, group in enumerate(found.groups):
        held = groups == group
        assert found.rows[i] == held.sum()
        for number, m in enumerate(models):
            expected = [f(y[held], m.predicted[held], average="macro") for f in (recall_score, f1_score)]
            assert found.values[number, i] == pytest.approx(expected)


def test_the_gap_is_between_best_and_worst_and_grows_where_one_group_is_left_behind():
    y, groups = rows(4000)
    fair, good = model(y, 1.0, 1), model(y, 3.0, 2)
    mine = groups == "A"
    unfair = Predictions(
        y, np.where(mine[:, None], good.proba, fair.proba), np.where(mine, good.predicted, fair.predicted)
    )
    found = slices([fair, unfair], groups, SliceLimits(500, 50), BootstrapSettings(resamples=400))
    for metric in (0, 1):
        spread = np.ptp(found.values[:, :, metric], axis=1)
        assert found.gap(1, 0.95)[metric].estimate == pytest.approx(spread[1])
        narrowed = found.narrowed(0.95)[metric]
        assert narrowed.estimate == pytest.approx(spread[0] - spread[1])
        assert narrowed.low < narrowed.estimate < narrowed.high < 0


def test_only_classes_with_enough_rows_in_every_group_are_compared():
    y, groups = rows()
    y[(groups == "B") & (y == 2)] = 0
    found = slices([model(y, 1.0, 1)], groups, SliceLimits(200, 20), BootstrapSettings(resamples=10))
    assert found.classes == (0, 1)
    assert found.comparable


@pytest.mark.parametrize("min_rows", [10_000, 560])
def test_without_two_groups_there_is_nothing_to_compare(min_rows):
    y, groups = rows()
    found = slices([model(y, 1.0, 1)], groups, SliceLimits(min_rows, 20), BootstrapSettings(resamples=10))
    assert not found.comparable
    assert sum(found.rows) + sum(found.left_out.values()) == len(y)


def test_blocks_may_be_in_many_groups_and_widen_the_gap():
    y, groups = rows()
    block = np.random.default_rng(3).integers(0, 60, len(y))
    right = np.random.default_rng(4).random(60)[block] < 0.6  # right or wrong on whole blocks
    codes = np.where(right, y, (y + 1) % K)
    one = Predictions(y, np.full((len(y), K), 1 / K), codes)
    limits = SliceLimits(200, 20)
    plain = slices([one], groups, limits, BootstrapSettings(resamples=300))
    by_block = slices([one], groups, limits, BootstrapSettings(resamples=300, blocks=block))
    assert (plain.values == by_block.values).all()
    assert by_block.draws[0, 1:].std(axis=0).min() > 1.8 * plain.draws[0, 1:].std(axis=0).max()
    assert np.corrcoef(by_block.draws[0, 1:, :, 0].T)[0, 1] > 0.5  # a block that is drawn counts in both groups
    assert abs(np.corrcoef(plain.draws[0, 1:, :, 0].T)[0, 1]) < 0.3
