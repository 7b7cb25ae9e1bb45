"""What a model goes by: a column that decides matters, noise does not, and a curve is the model's own."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from evenhand.explain.effects import FEWEST, POINTS, effect_curve
from evenhand.explain.errors import error_hours, error_map
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


def test_errors_are_shown_by_place_and_hour_where_there_are_enough_rows():
    rng = np.random.default_rng(3)
    lat, lon = pd.Series(rng.uniform(43.6, 43.8, 4_000)), pd.Series(rng.uniform(-79.6, -79.2, 4_000))
    wrong = (lon > -79.4).to_numpy()
    grid = error_map(lat, lon, wrong)
    assert np.nanmax(grid.shares[:, : grid.shares.shape[1] // 2 - 1]) == 0
    assert np.nanmin(grid.shares[:, grid.shares.shape[1] // 2 + 1 :]) == 1
    rows, columns = grid.shares.shape
    assert 1.2 < columns / rows < 1.7  # 0.4 degrees of longitude at this latitude are 1.45 times 0.2 of latitude
    hours = error_hours(pd.Series([0] * 10 + [6] * 4), pd.Series([23] * 10 + [1] * 4), np.arange(14) < 3)
    assert hours.shares[0, 23] == pytest.approx(0.3)
    assert np.isnan(hours.shares[6, 1])


@pytest.mark.parametrize("where", [[np.nan] * 20, [43.0] * 20])
def test_no_map_without_two_places(where):
    assert error_map(pd.Series(where), pd.Series(where), np.ones(20, dtype=bool)) is None
