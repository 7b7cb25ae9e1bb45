"""Scores against numeric integrals and samples: properties, not values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evenhand.spatial.forecasts.distributions import dispersion, empirical, negative_binomial, quantiles
from evenhand.spatial.forecasts.scores import coverage, crps, log_score, naive_error, pit_histogram, pit_interval

MEANS, SIZES, COUNTS = st.floats(0.05, 30), st.floats(0.3, 50), st.integers(0, 60)


def below_of(mean, size, largest=400):
    return negative_binomial(np.array([mean]), size, largest)


@given(MEANS, SIZES)
def test_the_negative_binomial_is_that_of_scipy(mean, size):
    expected = stats.nbinom.cdf(np.arange(401), size, size / (size + mean))
    np.testing.assert_allclose(below_of(mean, size)[0, :-1], expected[:-1], atol=2e-5)


@given(MEANS, SIZES, COUNTS)
def test_crps_is_the_integral_of_the_squared_difference(mean, size, y):
    x = np.arange(0, 400, 0.1) + 0.05  # the middles of steps in which nothing changes
    cdf = stats.nbinom.cdf(np.floor(x), size, size / (size + mean))
    integral = 0.1 * np.square(cdf - (x >= y)).sum()
    assert crps(below_of(mean, size), np.array([y]))[0] == pytest.approx(integral, rel=1e-3, abs=1e-3)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=12), st.integers(0, 30))
def test_crps_of_samples_is_that_of_their_empirical_distribution(samples, y):
    s = np.array(samples, dtype=float)
    expected = np.abs(s - y).mean() - 0.5 * np.abs(s[:, None] - s[None]).mean()
    assert crps(empirical(s[None].astype(int), 40), np.array([y]))[0] == pytest.approx(expected, abs=1e-4)


@given(MEANS, SIZES)
def test_the_truth_has_the_best_mean_score(mean, size):
    mass = np.diff(below_of(mean, size)[0], prepend=0).astype(float)
    y = np.arange(401)
    for score in (crps, log_score):
        own, other = (np.repeat(below_of(mean * factor, size), 401, axis=0) for factor in (1, 1.5))
        assert mass @ score(own, y) < mass @ score(other, y)


@given(st.floats(0.05, 10), st.floats(0.05, 0.5))
def test_randomised_coverage_of_the_truth_is_its_level_however_small_the_counts(mean, miss):
    below = np.repeat(below_of(mean, 3.0), 401, axis=0)
    lower, upper = pit_interval(below, np.arange(401))
    mass = np.diff(below[0], prepend=0).astype(float)
    assert mass @ coverage(lower, upper, miss) == pytest.approx(1 - miss, abs=2e-3)


def test_an_interval_of_whole_counts_covers_more_where_counts_are_small():
    assert stats.poisson.cdf(0, 0.15) > 0.86


def test_the_pit_of_the_truth_is_level_and_that_of_a_narrow_forecast_is_not():
    y = np.random.default_rng(0).poisson(2.0, 20_000)
    right, narrow = (negative_binomial(np.full(len(y), mean), 1e6, 60) for mean in (2.0, 1.0))
    assert np.abs(pit_histogram(*pit_interval(right, y)) - 0.1).max() < 0.01
    assert np.abs(pit_histogram(*pit_interval(narrow, y)) - 0.1).max() > 0.1


@given(MEANS, SIZES, st.floats(0.01, 0.99))
def test_quantiles_are_the_smallest_counts_that_reach_the_level(mean, size, level):
    below = below_of(mean, size)
    q = int(quantiles(below, level)[0])
    assert below[0, q] >= level - 1e-6
    assert q == 0 or below[0, q - 1] < level


@pytest.mark.parametrize("size", [0.5, 2.0, 10.0])
def test_the_size_is_found_again(size):
    mean = np.repeat([0.5, 2.0, 8.0], 5000)
    y = np.random.default_rng(1).negative_binomial(size, size / (size + mean))
    assert dispersion(y, mean) == pytest.approx(size, rel=0.15)


def test_the_unit_of_mase_is_the_error_of_the_same_season():
    history = np.tile([1, 5, 9], 4)[None]
    assert naive_error(history, 3)[0] == 0
    assert naive_error(history, 2)[0] > 0
