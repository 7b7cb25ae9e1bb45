"""Drift, class shares and expected scores: error rates without a change, and what a change gives."""

import numpy as np
import pytest

from benchmarks.simulated_periods import CLASSES, simulated_world
from evenhand.monitoring.class_shares import class_shares
from evenhand.monitoring.columns import ColumnBins
from evenhand.monitoring.drift import PeriodPool, compare_last_period, e_value
from evenhand.monitoring.examine_labels import examine_labels
from evenhand.monitoring.examine_rows import examine_rows
from evenhand.monitoring.expected_scores import error_of, estimate_gaps, expected_scores
from evenhand.monitoring.monitor import Monitor
from evenhand.monitoring.state import MonitorState
from evenhand.problem import MonitorPolicy

BINS = {"text": ColumnBins(name="text", values=("a", "b", "c"))}


def pool(rng, periods, changed=False, rows=200):
    share = np.array([0.02, 0.5, 0.3, 0.15, 0.03])
    counts = np.stack([rng.multinomial(rows, rng.dirichlet(300 * share)) for _ in range(periods)])
    if changed:
        counts[-1] = rng.multinomial(rows, [0.02, 0.2, 0.6, 0.15, 0.03])
    return PeriodPool({"text": counts}, (np.arange(periods) / 52) % 1)


def test_p_values_of_exchangeable_periods_are_uniform():
    rng = np.random.default_rng(0)
    p = np.array([compare_last_period(pool(rng, 40), BINS).p for _ in range(800)])
    assert p.min() >= 1 / 40
    for level in (0.05, 0.25, 0.5):
        assert (p <= level).mean() == pytest.approx(level, abs=0.05)


def test_a_change_has_the_smallest_p_there_is_and_names_its_column():
    found = compare_last_period(pool(np.random.default_rng(1), 60, changed=True), BINS)
    assert (found.p, found.periods) == (1 / 60, 59)
    assert (found.changes[0].column, found.changes[0].what) == ("text", "values")
    assert found.changes[0].effect > 0.1


@pytest.mark.parametrize("n", [20, 100, 500])
def test_the_mean_of_e_values_is_at_most_1(n):
    assert np.mean([e_value(k / n) for k in range(1, n + 1)]) <= 1


def test_class_shares_are_outside_their_interval_as_often_as_declared():
    rng, alpha, wrong = np.random.default_rng(2), 0.05, 0
    names = ("a", "b", "c")
    for _ in range(1_000):
        drawn = np.stack([rng.multinomial(300, rng.dirichlet([180, 100, 20])) for _ in range(41)])
        wrong += any(one.p <= alpha for one in class_shares(names, drawn[:-1], drawn[-1], alpha))
    assert 0.01 <= wrong / 1_000 <= 1.25 * alpha


def test_expected_error_is_near_the_truth_and_its_interval_holds_it():
    rng = np.random.default_rng(3)
    world = simulated_world(rng)
    gaps, inside = estimate_gaps(world.reference.held_out), 0
    for _ in range(300):
        summary, _ = world.new(rng)
        found = expected_scores(gaps, summary)["error"]
        inside += found.low <= error_of(summary.confusion) <= found.high
    assert inside / 300 == pytest.approx(0.95, abs=0.05)


def test_a_state_is_read_as_it_was_written():
    rng = np.random.default_rng(4)
    world = simulated_world(rng)
    monitor, state = Monitor.of(world.reference, MonitorPolicy()), MonitorState(model="m", version="1", model_sha256="")
    for _ in range(3):
        summary, cohort = world.new(rng)
        state = examine_labels(monitor, examine_rows(monitor, state, summary), cohort)
    text = state.model_dump_json()
    assert MonitorState.model_validate_json(text).model_dump_json() == text
    assert set(state.labels[-1].shares) == set(CLASSES)
