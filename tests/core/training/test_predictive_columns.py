"""A column that alone gives the class is found; one that is honestly strong is not."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from evenhand.errors import ProblemError
from evenhand.problem import FeatureSet, parse_problem
from evenhand.training.predictive_columns import describe_suspected, score_columns, single_columns


def _problem(features, **more):
    plain = {
        "name": "town",
        "title": "Town",
        "source": {"kind": "csv", "path": "town.csv"},
        "target": {"column": "kind"},
        "features": {"base": features},
        "split": {"holdout": {"column": "year", "start": 2024}},
        "strategies": ["none"],
    }
    return parse_problem(plain | more, "town")


def _town(n=1_200):
    """Rows in which place and hour say something about the class."""
    rng = np.random.default_rng(0)
    y = rng.choice(3, n, p=[0.7, 0.25, 0.05])
    place = np.where(rng.random(n) < 0.6, y, rng.integers(0, 3, n))
    frame = pd.DataFrame(
        {
            "place": np.array(["street", "house", "shop"])[place],
            "hour": np.clip(np.round(rng.normal(6 + 5 * y, 3)), 0, 23),
            "when": pd.Timestamp("2023-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 8_760, n), unit="h"),
        }
    )
    return frame, y, rng


HONEST = {"categorical": ["place"], "numeric": ["hour"], "time": [{"column": "when", "parts": ["month", "hour"]}]}
MONTHS = pd.to_datetime(["2023-01-15", "2023-02-15", "2023-03-15"], utc=True)
OUTCOMES = {
    "name": (lambda y, _: np.array(["charged", "fined", "none"])[y], "categorical", "outcome"),
    "codes": (lambda y, rng: (y + 3 * rng.integers(0, 8, len(y))).astype(str), "categorical", "outcome"),
    "number": (lambda y, rng: 100.0 * y + rng.normal(0, 1, len(y)), "numeric", "outcome"),
    "hardly ever wrong": (
        lambda y, rng: np.where(rng.random(len(y)) < 0.99, y, 0).astype(str),
        "categorical",
        "outcome",
    ),
    "month": (lambda y, _: MONTHS[y], "time", {"column": "outcome", "parts": ["month"]}),
    "text": (lambda y, _: np.array(["has been charged", "paid a fine", "nothing known"])[y], "text", "outcome"),
    "rate only": (lambda y, _: y.astype(str), "rates", ["place", "outcome"]),
    "beyond float32": (lambda y, _: np.where(y == 0, -1.797e308, 5.0 * y), "numeric", "outcome"),
    "gap": (lambda y, _: np.where(y == 0, np.nan, y), "numeric", "outcome"),
}


@pytest.mark.parametrize("kind", OUTCOMES)
def test_an_outcome_is_found_and_the_ways_out_are_named(kind):
    frame, y, rng = _town()
    make, role, part = OUTCOMES[kind]
    frame["outcome"] = make(y, rng)
    features = {**HONEST, role: [*HONEST.get(role, []), part]}
    scores = score_columns(_problem(features), frame, y, seed=0)
    assert scores.suspected == ("outcome",)
    assert scores.others < 0.8
    text = describe_suspected(scores, "kind")
    assert "'outcome' (macro-F1 " in text
    assert "`leaks: [outcome]`" in text
    assert "`allow_predictive: [outcome]`" in text
    assert not score_columns(_problem(features, allow_predictive=["outcome"]), frame, y, seed=0).suspected


def test_outcomes_do_not_hide_each_other():
    frame, y, _ = _town()
    frame = frame.assign(outcome=y.astype(str), code=y * 10.0)
    features = {**HONEST, "categorical": ["place", "outcome"], "numeric": ["hour", "code"]}
    assert set(score_columns(_problem(features), frame, y, seed=0).suspected) == {"outcome", "code"}
    allowed = score_columns(_problem(features, allow_predictive=["code"]), frame, y, seed=0)
    assert allowed.suspected == ("outcome",)


def test_the_only_column_can_be_an_outcome():
    _, y, _ = _town()
    scores = score_columns(_problem({"categorical": ["outcome"]}), pd.DataFrame({"outcome": y.astype(str)}), y, seed=0)
    assert scores.suspected == ("outcome",)
    assert scores.others == pytest.approx(2 / 3 * np.mean(y == 0) / (1 + np.mean(y == 0)))


def test_honest_columns_stop_nothing():
    frame, y, rng = _town()
    frame["case"] = [f"case {i}" for i in range(len(y))]
    frame["clue"] = np.where(rng.random(len(y)) < 0.9, y, rng.integers(0, 3, len(y))).astype(str)
    problem = _problem({**HONEST, "categorical": ["place", "case", "clue"]})
    scores = score_columns(problem, frame, y, seed=0)
    assert not scores.suspected
    assert scores.alone["case"] < 0.4
    assert score_columns(problem, frame, y, seed=0) == scores


def test_a_strong_column_beside_others_that_are_strong_too_stops_nothing():
    iris = load_iris(as_frame=True)
    problem = _problem({"numeric": list(iris.data.columns)})
    assert not score_columns(problem, iris.data, iris.target.to_numpy(), seed=0).suspected
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 900)
    frame = pd.DataFrame(
        {"perfect": y + rng.normal(0, 0.1, 900), **{f"x{i}": y + rng.normal(0, 0.5, 900) for i in range(8)}}
    )
    scores = score_columns(_problem({"numeric": list(frame.columns)}), frame, y, seed=0)
    assert scores.alone["perfect"] == 1.0
    assert scores.others > 0.95
    assert not scores.suspected


def test_columns_without_a_value_or_a_word_stop_nothing():
    frame, y, _ = _town(200)
    frame = frame.assign(empty=np.nan, notes=None, blank=None).astype({"notes": "str", "blank": "str"})
    features = {**HONEST, "numeric": ["hour", "empty"], "categorical": ["blank"], "text": ["notes"]}
    scores = score_columns(_problem(features), frame, y, seed=0)
    assert not scores.suspected
    assert scores.alone.get("notes", 0.0) < 0.5


def test_every_column_is_read_in_a_role_of_its_own():
    base = FeatureSet.model_validate(
        {
            **HONEST,
            "cyclic": [{"column": "month", "period": 12}],
            "coordinates": [{"latitude": "lat", "longitude": "lon"}],
            "text": ["notes"],
            "rates": [
                ["place", "street"],
                {"time": {"column": "noted", "parts": ["hour"]}},
                {"latitude": "y", "longitude": "x", "cell": 9},
            ],
        }
    )
    found = single_columns({"base": base})
    assert set(found) == set(base.columns)
    assert all(one.columns == (name,) for name, one in found.items())


def test_only_features_can_be_allowed():
    with pytest.raises(
        ProblemError, match=r"allow_predictive: 'outcome' is no feature; features read place, hour, when"
    ):
        _problem(HONEST, allow_predictive=["outcome"])
