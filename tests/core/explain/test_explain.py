"""What a model goes by: a column that decides matters, noise does not, and a curve is the model's own."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from evenhand.explain.effects import FEWEST, POINTS, effect_curve
from evenhand.explain.importance import ROWS, permutation_importance, sample_rows
from evenhand.scoring.model import FittedCandidate

CLASSES = ["Assault", "Robbery"]


class Encoder(BaseEstimator):
    def transform(self, X):
        return np.column_stack([X["hour"].to_numpy(float), (X["place"] == "bar").to_numpy(float)])


class Rising(ClassifierMixin, BaseEstimator):
    """Robbery is likely late, and a little likelier in a bar."""

    classes_ = np.arange(2)

    def predict_proba(self, X):
        late = np.clip(0.1 + 0.03 * X[:, 0] + 0.1 * X[:, 1], 0, 1)
        return np.column_stack([1 - late, late])


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(1)
    n = 2_000
    X = pd.DataFrame(
        {"hour": rng.integers(0, 24, n), "place": rng.choice(["bar", "park", "bus"], n), "noise": rng.normal(size=n)}
    )
    y = (rng.random(n) < Rising().predict_proba(Encoder().transform(X))[:, 1]).astype(np.int64)
    return X, y


@pytest.fixture
def model():
    return FittedCandidate(Encoder(), Rising(), CLASSES)


def test_what_decides_comes_first_and_noise_has_no_effect(rows, model):
    X, y = rows
    found = permutation_importance(model, X, y, [("noise",), ("place",), ("hour",)], "average_precision")
    assert found[0].label == "hour"
    hour, noise = found[0].loss, next(one for one in found if one.label == "noise").loss
    assert 0 < hour.low < hour.estimate < hour.high
    assert (noise.estimate, noise.low, noise.high) == (0, 0, 0)
    again = permutation_importance(model, X, y, [("noise",), ("place",), ("hour",)], "average_precision")
    assert again == found


def test_columns_of_a_pair_are_dealt_together(rows, model):
    X, y = rows
    both = permutation_importance(model, X, y, [("hour", "place")], "average_precision")[0]
    assert both.columns == ("hour", "place")
    assert both.loss.estimate > permutation_importance(model, X, y, [("place",)], "average_precision")[0].loss.estimate


def test_a_curve_is_the_mean_prediction_at_each_value(rows, model):
    X, _ = rows
    found = effect_curve(model, X, "hour")
    assert found.numbers == tuple(sorted(found.numbers))
    assert len(found.numbers) <= POINTS
    curve = found.probabilities["Robbery"]
    assert np.diff(curve) == pytest.approx(0.03 * np.diff(found.numbers))
    assert found.range == pytest.approx(max(curve) - min(curve))


def test_a_category_has_a_point_for_each_common_value(rows, model):
    X, _ = rows
    X = X.assign(place=X["place"].where(X.index >= FEWEST - 1, "secret"))
    found = effect_curve(model, X, "place")
    assert set(found.values) == {"bar", "park", "bus"}
    assert found.numbers is None
    bar, park = (found.probabilities["Robbery"][found.values.index(name)] for name in ("bar", "park"))
    assert bar - park == pytest.approx(0.1)


@pytest.mark.parametrize("cells", [pd.Timestamp("2020-01-01"), "always", 1.0, None, pd.NA])
def test_a_time_and_a_column_of_one_value_have_no_curve(rows, model, cells):
    X, _ = rows
    assert effect_curve(model, X.assign(other=cells), "other") is None


def test_a_sample_is_the_same_each_time():
    X = pd.DataFrame({"a": range(ROWS + 5)})
    one, y = sample_rows(X, np.arange(len(X)))
    assert len(one) == ROWS
    assert one["a"].is_monotonic_increasing
    assert (y == sample_rows(X, np.arange(len(X)))[1]).all()
