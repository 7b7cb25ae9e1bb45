"""Newer rows count for more: in the weights, in what a model learns, and never for copies of old rows."""

import numpy as np
import pandas as pd
import pytest

from evenhand.data.split import Fold
from evenhand.errors import ProblemError
from evenhand.problem import FeatureSet, ModelSpec, SimpleStrategy
from evenhand.strategies.recency_weights import recency_weights
from evenhand.training.candidates import Candidate
from evenhand.training.experiment import Experiment
from tasks.training.results import Result, resampling_records
from tasks.training.units import Unit

DAYS = 730


def drifting(n=2_000, seed=0):
    """Rows whose signal turns round half way: what was theft by day becomes theft by night."""
    rng = np.random.default_rng(seed)
    day = np.sort(rng.integers(0, DAYS, n))
    hour = rng.random(n)
    y = ((hour > 0.5) == (day > DAYS / 2)).astype(int)
    return pd.DataFrame({"hour": hour}), y, pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(day, unit="D"))


def experiment(with_time=True):
    frame, y, when = drifting()
    older, newest = np.arange(1_600), np.arange(1_600, 2_000)
    features = {"base": FeatureSet(numeric=("hour",))}
    return Experiment(
        frame, y, ["burglary", "theft"], [Fold(0, older, newest)], features, 0, when if with_time else None
    )


def candidate(strategy="none", half_life=None):
    model = ModelSpec(kind="lightgbm", params={"n_estimators": 20})
    return Candidate(model, SimpleStrategy(kind=strategy), half_life_days=half_life)


def hits(half_life, strategy="none"):
    made = experiment()
    outcome = made.run(candidate(strategy, half_life), 0)
    return (outcome.probabilities.argmax(axis=1) == made.y[1_600:]).mean(), outcome


def test_a_row_without_a_time_is_as_old_as_the_oldest():
    when = pd.Series(pd.to_datetime(["2020-01-11", "2020-01-01", None]))
    weight = recency_weights(when, 10)
    assert weight[1] == weight[2] == pytest.approx(weight[0] / 2)
    assert weight.mean() == pytest.approx(1)


@pytest.mark.parametrize("strategy", ["none", "class_weight", "random_over"])
def test_a_model_follows_a_signal_that_turned_round(strategy):
    assert hits(60, strategy)[0] > 0.95
    assert hits(60, strategy)[0] > hits(None, strategy)[0] + 0.1


def test_the_resampling_record_has_the_weight_of_each_class():
    _, outcome = hits(60)
    assert outcome.resampling.adaptations == ("a row weighs half as much for every 60 days of age",)
    assert sum(outcome.resampling.weight.values()) == pytest.approx(1_600)


def test_the_same_strategy_with_and_without_a_half_life_share_no_rows():
    made = experiment()
    first, second, third = (made.run(candidate(half_life=h), 0).probabilities for h in (None, 60, None))
    assert not np.allclose(first, second)
    assert (first == third).all()


def test_without_a_time_it_is_refused():
    with pytest.raises(ProblemError, match="no time column"):
        experiment(with_time=False).run(candidate(half_life=60), 0)


def test_resampling_records_show_a_strategy_as_the_grid_ran_it():
    made = experiment()
    results = [
        Result(one, (Unit(one, 0, 0.0, None, made.run(one, 0).resampling, None, None),), None, None)
        for one in (candidate(), candidate(half_life=60), candidate("random_over"))
    ]
    found = resampling_records(results)
    assert list(found) == ["none", "random_over"]
    assert found["none"][0].adaptations == ()
