"""The detector on rows: its recursion, its false alarms under the limit, its delay above it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.monitoring.detector import Bet, Detector, best_stake, walk


def slow_walk(detector, levels, losses):
    """The recursion as it is written in the paper."""
    levels, alarms = list(levels), []
    for row, loss in enumerate(losses):
        levels = [
            (1 + level) * (1 + bet.stake * (loss - bet.limit)) for level, bet in zip(levels, detector.bets, strict=True)
        ]
        if np.mean(levels) >= detector.threshold:
            alarms.append(row)
            levels = [0.0] * len(levels)
    return levels, alarms


@settings(deadline=None)  # the machine may be busy
@given(st.integers(0, 10_000), st.floats(0.05, 0.9), st.floats(20, 5_000), st.integers(0, 700))
def test_blocks_of_rows_give_what_the_recursion_gives(seed, limit, threshold, n):
    rng = np.random.default_rng(seed)
    bets = tuple(Bet(limit, best_stake(limit, rise)) for rise in (0.02, 0.1))
    losses = (rng.random(n) < limit + 0.1).astype(float)
    found = walk(Detector("", bets, threshold), (0.5, 3.0), losses)
    levels, alarms = slow_walk(Detector("", bets, threshold), (0.5, 3.0), losses)
    assert list(found.alarms) == alarms
    np.testing.assert_allclose(found.levels, levels, rtol=1e-9)


def test_two_halves_give_what_the_whole_gives():
    losses = (np.random.default_rng(1).random(1_000) < 0.3).astype(float)
    detector = Detector("", (Bet(0.3, 0.2),), 1e9)
    half = walk(detector, (0.0,), losses[:431])
    np.testing.assert_allclose(walk(detector, half.levels, losses[431:]).levels, walk(detector, (0.0,), losses).levels)


def test_at_the_limit_false_alarms_are_no_more_frequent_than_declared():
    rng, between = np.random.default_rng(3), 2_000
    detector = Detector("", tuple(Bet(0.4, best_stake(0.4, rise)) for rise in (0.025, 0.05, 0.1)), between)
    n = 2_000_000
    alarms = len(walk(detector, (0.0,) * 3, (rng.random(n) < 0.4).astype(float)).alarms)
    assert 0 < alarms <= 1.25 * n / between


def test_a_rise_is_found_soon():
    rng = np.random.default_rng(4)
    detector = Detector("", tuple(Bet(0.4, best_stake(0.4, rise)) for rise in (0.025, 0.05, 0.1)), 320_000)
    delays = [walk(detector, (0.0,) * 3, (rng.random(20_000) < 0.45) * 1.0).alarms[0] for _ in range(100)]
    assert np.median(delays) < 2_500


@pytest.mark.parametrize(("limit", "stake"), [(0.5, 2.0), (0.5, 0.0), (1.0, 0.1)])
def test_a_bet_that_could_lose_everything_is_refused(limit, stake):
    with pytest.raises(ValueError, match="stake"):
        Bet(limit, stake)
