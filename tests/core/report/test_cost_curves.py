"""Cost curves: the envelope is the cheapest threshold at every cost, and the words are about the chosen rule."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.metrics.cost_curves import cost_curve
from evenhand.report.figures import cost_curves
from evenhand.report.training.page import report_page
from evenhand.report.training.sentences import suited, worth
from tests.core.report.report_of_training import report

X = np.linspace(0, 1, 41)


@st.composite
def judged(draw):
    """Rows of both kinds, with values that are often equal."""
    positive = np.array([True, False, *draw(st.lists(st.booleans(), max_size=20))])
    values = draw(st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9]), min_size=len(positive), max_size=len(positive)))
    return positive, np.array(values)


def every_threshold(positive, values):
    """False alarms and misses of every way to cut the values, brute force."""
    cuts = [-np.inf, *np.unique(values), np.inf]
    called = [values > cut for cut in cuts] + [np.ones(len(values), dtype=bool)]
    return [(one[~positive].mean(), 1 - one[positive].mean()) for one in called]


@given(judged())
def test_the_envelope_is_the_cheapest_threshold_at_every_cost(rows):
    positive, values = rows
    curve = cost_curve(positive, values, values > 0.2)
    cheapest = np.min([fa * (1 - X) + miss * X for fa, miss in every_threshold(positive, values)], axis=0)
    assert np.interp(X, curve.x, curve.cost) == pytest.approx(cheapest, abs=1e-12)
    assert np.all(np.diff(curve.x) >= 0)
    assert (curve.x[0], curve.x[-1], curve.cost[0], curve.cost[-1]) == (0, 1, 0, 0)


@given(judged(), st.sampled_from([-1.0, 0.05, 0.3, 0.6, 2.0]))
def test_a_threshold_is_never_cheaper_than_the_envelope_and_is_worth_it_below_the_roof(rows, cut):
    positive, values = rows
    curve = cost_curve(positive, values, values > cut)
    cost = curve.of_rule(X)
    assert np.all(cost >= np.interp(X, curve.x, curve.cost) - 1e-12)
    below = cost < np.minimum(X, 1 - X) - 1e-9
    if curve.worth is None:
        assert not below.any()
    else:
        low, high = curve.worth
        assert np.array_equal(below, np.abs(X - (low + high) / 2) < (high - low) / 2 - 1e-9)


@given(st.floats(0.001, 0.999), st.floats(0.001, 1000))
def test_times_and_place_are_each_others_way_back(share, times):
    positive = np.zeros(1000, dtype=bool)
    positive[: max(1, round(share * 1000) % 1000)] = True
    curve = cost_curve(positive, positive.astype(float), positive)
    assert curve.times(curve.at(times)) == pytest.approx(times)
    assert math.isinf(curve.times(1.0))


def test_a_rule_suits_the_cost_that_its_threshold_is_made_for():
    rng = np.random.default_rng(0)
    proba = rng.beta(1, 6, 60_000)
    positive = rng.random(len(proba)) < proba  # calibrated: a miss of c false alarms asks for the threshold 1 / (1 + c)
    for times in (1, 4, 9):
        curve = cost_curve(positive, proba, proba > 1 / (1 + times))
        assert curve.times(curve.suits) == pytest.approx(times, rel=0.3)
        low, high = curve.worth
        assert curve.times(low) < times < curve.times(high)


def test_words_for_rules_that_never_call_and_never_err():
    positive = np.array([True, False, False])
    never = cost_curve(positive, np.array([0.4, 0.3, 0.2]), np.zeros(3, dtype=bool))
    assert suited(never) == "it never predicts this class"
    assert worth(never) == "never"
    perfect = cost_curve(positive, np.array([0.9, 0.3, 0.2]), positive)
    assert worth(perfect) == "0 or more"
    with pytest.raises(ValueError, match="rows of the class and of the rest, found 3 and 0"):
        cost_curve(np.ones(3, dtype=bool), np.ones(3), np.ones(3, dtype=bool))


def test_the_page_draws_the_classes_with_enough_rows_rarest_first_beside_the_baseline():
    whole = report()
    assert [one.name for one in whole.measured.costs] == ["Robbery", "Fraud", "Assault"]
    figure = cost_curves(whole.measured.costs)
    assert [axes.get_title() for axes in figure.axes[:3]] == ["Robbery", "Fraud", "Assault"]
    for axes, costs in zip(figure.axes, whole.measured.costs, strict=True):
        baseline, model, rule, dot = axes.lines
        assert np.array_equal(baseline.get_ydata(), costs.baseline.cost)
        assert np.array_equal(model.get_ydata(), costs.model.cost)
        assert rule.get_linestyle() == "--"
        assert dot.get_xdata() == [costs.model.suits]
    part = re.search(r'<section id="costs">.*?</section>', report_page(whole), re.DOTALL).group(0)
    assert "Not enough data for Arson (12 rows)" in part
    for one in whole.measured.costs:
        assert suited(one.model) in part
        assert 0.05 < one.model.suits < 0.95  # the ends, where all is cheap, suit any rule
    assert 'id="costs"' not in report_page(report(measured=None))
