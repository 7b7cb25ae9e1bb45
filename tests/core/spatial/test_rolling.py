"""The rolling origin: no rival sees what comes after it, and choices and intervals use what was known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from evenhand.spatial.counts import Counts
from evenhand.spatial.forecasts.adaptive import adapted_misses
from evenhand.spatial.forecasts.judge import choose_by_past, judge
from evenhand.spatial.forecasts.rolling import RollingPlan, backtest
from evenhand.spatial.forecasts.run_forecasts import forecast_areas, forecast_rivals
from evenhand.spatial.forecasts.scores import coverage
from evenhand.spatial.forecasts.simple_rivals import SEASONAL_NAIVE, LastValue, MeanOfYears, SeasonalNaive
from evenhand.spatial.periods import Periods, complete_span, regular_span


@pytest.fixture(scope="module")
def counts():
    rng = np.random.default_rng(0)
    season = 1 + 0.4 * np.sin(2 * np.pi * np.arange(220) / 52)
    level = np.array([[3.0, 1.0, 0.3, 6.0], [0.5, 0.2, 0.1, 1.0]])
    values = rng.negative_binomial(4.0, 4.0 / (4.0 + level[..., None] * season)).astype(np.int32)
    near = np.array([[1, 2], [0, 2], [1, 3], [2, 1]])
    return Counts(values, ("a", "b"), ("n", "e", "s", "w"), Periods("week", 2400, 220), near)


PLAN = RollingPlan(tuple(range(140, 213, 4)), 13, 8, 6)


def test_what_comes_after_an_origin_changes_no_forecast_from_it(counts):
    changed = counts.values.copy()
    changed[:, :, 180:] = np.random.default_rng(1).poisson(50, changed[:, :, 180:].shape)
    rivals = forecast_rivals(3, 0)
    one, two = (backtest(c, rivals, PLAN).mean for c in (counts, replace(counts, values=changed)))
    known = np.array(PLAN.origins) <= 180
    np.testing.assert_array_equal(one[:, known], two[:, known])
    assert not np.array_equal(one[:, ~known], two[:, ~known])


def test_the_seasonal_naive_is_scored_by_the_distribution_of_its_season(counts):
    forecast = SeasonalNaive().predict(counts, 2)
    target, values = 220, counts.values[0, 0]
    season = [values[target - 52 * k + b] for k in range(1, 6) for b in (-2, -1, 0, 1, 2) if target - 52 * k + b >= 0]
    assert sorted(forecast.samples[0, 0, 0]) == sorted(season)[: len(season)]


def test_a_rival_that_was_best_so_far_is_chosen_and_the_first_one_before_there_is_anything_to_choose_by():
    plan = RollingPlan((10, 14, 18, 22), 2, 4, 1)
    loss = np.array([[[5.0], [5.0], [5.0], [5.0]], [[9.0], [1.0], [1.0], [1.0]]])
    # At 14 the count of origin 10 is known (9 against 5); at 18 the second one is ahead by the mean; at 22 too.
    assert choose_by_past(loss, plan)[:, 0].tolist() == [0, 0, 0, 1, 1]


def test_intervals_that_are_too_narrow_are_widened_from_what_was_known():
    plan = RollingPlan(tuple(range(0, 800, 4)), 100, 1, 1)
    rng = np.random.default_rng(0)
    u = np.clip(0.5 + 1.2 * (rng.random((200, 1, 30, 1)) - 0.5), 0.001, 0.999)  # PIT values of a wrong forecast
    lower, upper = u - 1e-4, u + 1e-4
    rates = adapted_misses(lower, upper, plan, 0.2)
    held = coverage(lower, upper, rates[:-1, :, None, :])[100:].mean()
    assert abs(coverage(lower, upper, 0.2)[100:].mean() - 0.8) > 0.1
    assert held == pytest.approx(0.8, abs=0.02)
    later = lower.copy()
    later[150:] = 0.5
    assert np.array_equal(adapted_misses(later, upper, plan, 0.2)[:151], rates[:151])


def test_areas_add_up_to_the_city_and_the_naive_has_no_skill_over_itself(counts):
    found = forecast_areas(counts, PLAN, 3, 0)
    np.testing.assert_allclose(found.coming.mean.sum(axis=1), found.coming.city_mean)
    own = [line for line in found.judged.scores if line.rival == SEASONAL_NAIVE]
    assert all(line.skill.estimate == 0 for line in own)
    low, high, lowest, highest = found.coming.bounds
    assert (lowest <= low).all()
    assert (low <= high).all()
    assert (high <= highest).all()


def test_the_mean_of_the_years_beats_the_last_value_on_counts_without_memory(counts):
    scored = backtest(counts, [SeasonalNaive(), LastValue(), MeanOfYears(3)], PLAN)
    skill = {s.rival: s.skill for s in judge(scored, counts.classes, SEASONAL_NAIVE, 0).scores if s.klass == "a"}
    assert skill["mean of the last years"].estimate > skill["last value"].estimate + 0.2
    assert skill["last value"].low < skill["last value"].estimate < skill["last value"].high


def test_periods_before_the_data_are_complete_are_left_out():
    numbers = np.repeat([5, 100, 101, 102, 103, 104], [3, 50, 55, 10, 48, 4])  # a holiday inside, a part of a week last
    assert regular_span(numbers) == (100, 103)


def test_a_week_that_is_not_over_is_left_out():
    days = pd.Series(pd.date_range("2024-03-04", "2024-03-30"))  # a Monday to a Saturday
    first, last = complete_span(days, "week")
    assert last - first + 1 == 3
    assert complete_span(days, "month") == complete_span(days[:1], "month")
