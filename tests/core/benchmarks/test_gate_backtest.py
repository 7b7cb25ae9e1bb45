"""The models of the backtest are changed by the stated amount, and its decisions are those of the gate."""

import numpy as np
import pytest

from benchmarks.gate_backtest import (
    BacktestRows,
    Scenario,
    held_back,
    injected,
    scenarios,
    simulated,
    upper_bound,
    verdict_on,
)
from benchmarks.injections import macro_f1, made_right, made_wrong, recall
from evenhand.problem import GatePolicy

CLASSES = ("Assault", "Robbery", "Theft Over")
POLICY = GatePolicy(resamples=200, ece_tolerance=None)


def world(n=4000, models=4):
    rng = np.random.default_rng(0)
    y = rng.choice(3, n, p=[0.6, 0.3, 0.1])
    shared = rng.normal(size=(n, 3)) + 1.2 * np.eye(3)[y]
    proba = []
    for _ in range(models):
        z = np.exp(shared + rng.normal(scale=0.1, size=(n, 3)))
        proba.append(z / z.sum(axis=1, keepdims=True))
    return BacktestRows(y, np.stack(proba), CLASSES, POLICY)


WORLD = world()


@pytest.mark.parametrize("change", [-0.02, 0.02])
def test_macro_f1_moves_by_what_was_asked(change):
    y, before = WORLD.y, WORLD.proba[0]
    rng = np.random.default_rng(1)
    moved = [macro_f1(y, injected(y, before, Scenario("x", 1, change=change), 2, rng)) for _ in range(20)]
    assert np.mean(moved) - macro_f1(y, before) == pytest.approx(change, abs=0.001)


def test_the_rarest_class_loses_recall_and_the_rest_can_pay_for_it():
    y, before = WORLD.y, WORLD.proba[0]
    rng = np.random.default_rng(2)
    trap = [injected(y, before, Scenario("x", 1, change=0.02, lost=0.1), 2, rng) for _ in range(20)]
    assert np.mean([recall(y, p, 2) for p in trap]) - recall(y, before, 2) == pytest.approx(-0.1, abs=0.01)
    assert np.mean([macro_f1(y, p) for p in trap]) - macro_f1(y, before) == pytest.approx(0.02, abs=0.002)


def test_a_class_without_that_much_recall_is_refused():
    never = np.tile([0.6, 0.3, 0.1], (len(WORLD.y), 1))
    with pytest.raises((ValueError, ZeroDivisionError)):
        injected(WORLD.y, never, Scenario("x", 1, lost=0.1), 2, np.random.default_rng(0))


@pytest.mark.parametrize("change", [made_wrong, made_right])
def test_changed_rows_stay_probabilities_and_others_stay_as_they_were(change):
    chosen = np.random.default_rng(3).random(len(WORLD.y)) < 0.5
    after = change(WORLD.y, WORLD.proba[0], chosen)
    assert np.sort(after, axis=1) == pytest.approx(np.sort(WORLD.proba[0], axis=1))
    assert (after[~chosen] == WORLD.proba[0][~chosen]).all()
    right = after.argmax(axis=1) == WORLD.y
    assert right[chosen].all() == (change is made_right)


def test_the_shortened_decision_is_that_of_the_gate():
    seen = set()
    for seed in range(8):
        rng = np.random.default_rng(seed)
        scenario = Scenario("x", 1, change=rng.choice([-0.02, 0.03, 0.1]), lost=rng.choice([0.0, 0.1]))
        challenger = injected(WORLD.y, WORLD.proba[1], scenario, 2, rng)
        verdict = verdict_on(WORLD, WORLD.proba[0], challenger)
        assert (held_back(WORLD, WORLD.proba[0], challenger) == ()) == verdict.passes
        seen.add(verdict.passes)
    assert seen == {True, False}


def test_a_pair_is_the_same_every_time_and_ones_alike_are_not_promoted():
    alike, worse = scenarios(1, 1)[:2]
    assert all(simulated(WORLD, scenario, seed) for scenario in (alike, worse) for seed in range(5))
    better = Scenario("x", 1, change=0.08)
    assert [simulated(WORLD, better, 3) for _ in range(2)] == [(), ()]


def test_the_upper_bound_is_that_of_clopper_and_pearson():
    assert upper_bound(0, 500) == pytest.approx(1 - 0.05 ** (1 / 500))
    assert upper_bound(16, 500) < 0.05 < upper_bound(18, 500)
    assert upper_bound(5, 5) == 1.0
