"""Weights of a combination, its members, and whether it is taken."""

import numpy as np
import pytest

from evenhand.metrics.losses import log_losses
from evenhand.problem import ModelSpec, SimpleStrategy
from evenhand.problem.models import COMBINATION, Stacking
from evenhand.training.candidates import Candidate
from evenhand.training.combination import Combined, Gain, log_loss_gain
from evenhand.training.stacking import best_members, combined, cross_combined, fit_combiner

NONE, WEIGHT = SimpleStrategy(kind="none"), SimpleStrategy(kind="class_weight")


def probabilities(seed, n=400):
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 3, n)
    sharp = generator.dirichlet(np.ones(3), n) + 2 * np.eye(3)[y]
    vague = generator.dirichlet(np.ones(3), n) + 0.3 * np.eye(3)[y]
    return y, [one / one.sum(axis=1, keepdims=True) for one in (sharp, vague, generator.dirichlet(np.ones(3), n))]


@pytest.mark.parametrize("seed", range(5))
def test_weights_are_those_of_the_lowest_log_loss(seed):
    y, inputs = probabilities(seed)
    found = fit_combiner("weights", inputs, y)
    assert sum(found.weights) == pytest.approx(1)
    loss = log_losses(y, combined(found, inputs)).mean()
    shares = np.random.default_rng(seed).dirichlet(np.ones(3), 20)
    others = [log_losses(y, sum(w * one for w, one in zip(some, inputs, strict=True))).mean() for some in shares]
    assert loss < min(others) + 0.005
    assert loss < min(log_losses(y, one).mean() for one in inputs) + 0.005


def test_weights_of_a_fold_are_learned_from_the_others():
    y, inputs = probabilities(1)
    folds = np.arange(len(y)) % 4
    proba = cross_combined("weights", inputs, y, folds)
    rest = folds != 2
    other = combined(
        fit_combiner("weights", [one[rest] for one in inputs], y[rest]), [one[folds == 2] for one in inputs]
    )
    assert np.allclose(proba[folds == 2], other)


def test_members_of_the_default_combination_are_fits_without_resampling():
    kinds = ("lightgbm", "extra_trees", "logistic_regression")
    ranked = [Candidate(ModelSpec(kind=kind), strategy) for strategy in (WEIGHT, NONE) for kind in kinds]
    assert [one.strategy for one in best_members(ranked, COMBINATION)] == [NONE] * 3
    assert [one.strategy for one in best_members(ranked, Stacking())] == [WEIGHT] * 3


@pytest.mark.parametrize(
    ("gain", "of_probabilities", "taken"),
    [
        (Gain(0.02, 0.01), Gain(0.0, 0.01), True),
        (Gain(0.0, 0.01), Gain(0.02, 0.01), True),
        (Gain(-0.005, 0.01), Gain(0.02, 0.01), True),
        (Gain(-0.02, 0.01), Gain(0.02, 0.01), False),
        (Gain(0.005, 0.01), Gain(0.005, 0.01), False),
        (Gain(float("nan"), float("nan")), Gain(0.02, 0.01), True),
        (Gain(0.0, 0.0), Gain(0.0, 0.0), False),
        (Gain(0.0, 0.01), Gain(0.004, 0.001, least=0.005), False),
    ],
)
def test_the_single_candidate_is_taken_where_it_is_within_one_standard_error(gain, of_probabilities, taken):
    found = Combined("together", "alone", "macro_f1", gain, of_probabilities)
    assert found.preferred == taken
    assert ("is taken" in found.text) == taken


def test_a_gain_in_log_loss_is_paired():
    y, (sharp, vague, _) = probabilities(2)
    found = log_loss_gain(y, sharp, vague)
    assert found.clear
    assert log_loss_gain(y, vague, sharp).estimate == pytest.approx(-found.estimate)
