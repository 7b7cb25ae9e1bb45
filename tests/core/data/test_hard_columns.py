"""Columns as real files have them: numbers that no model can hold, columns without a value, constant ones."""

import numpy as np
import pandas as pd
import pytest

from evenhand.data.groups import in_steps
from evenhand.data.number_range import LARGEST, beyond_range, describe_beyond, within_range
from evenhand.data.split import make_folds
from evenhand.data.uninformative import empty_in_folds, uninformative_columns
from evenhand.features.encoder import build_encoder
from evenhand.problem import FeatureSet, ForwardFolds, Problem

ESRI_NULL = -1.7976931348623157e308


def problem(**features):
    return Problem.model_validate(
        {
            "name": "hard",
            "title": "hard",
            "source": {"kind": "csv", "path": "hard.csv"},
            "target": {"column": "kind"},
            "features": {"base": features},
            "split": {"holdout": {"column": "when", "start": "2024-01-01"}},
            "strategies": ["none"],
        }
    )


@pytest.mark.parametrize("number", [ESRI_NULL, 1e39, -4e38, 1e308])
def test_a_number_beyond_32_bits_is_missing_and_named(number):
    typed = pd.DataFrame({"x": [1.0, number, 3.0], "y": [1.0, 2.0, LARGEST]})
    found = beyond_range(typed, problem(numeric=["x", "y"]))
    assert {name: rows.tolist() for name, rows in found.items()} == {"x": [False, True, False]}
    (line,) = describe_beyond(typed, found)
    assert line.startswith("column 'x': 1 numbers, such as ")
    assert repr(number) in line
    np.testing.assert_array_equal(within_range(typed["x"].to_numpy()), [1.0, np.nan, 3.0])


def test_a_declared_code_and_a_point_outside_the_box_are_not_named():
    typed = pd.DataFrame({"x": [1.0, ESRI_NULL], "lat": [43.0, ESRI_NULL], "long": [-79.0, ESRI_NULL]})
    pair = {"latitude": "lat", "longitude": "long"}
    boxed = problem(numeric=[{"column": "x", "missing": [ESRI_NULL]}], coordinates=[pair | {"box": [43, -80, 44, -79]}])
    assert beyond_range(typed, boxed) == {}
    assert list(beyond_range(typed, problem(numeric=["x"], coordinates=[pair]))) == ["x", "lat", "long"]


ROLES = [
    {"numeric": ["x"]},
    {"numeric": [{"column": "x", "outliers": {"action": "clip", "quantiles": [0.01, 0.99]}}]},
    {"numeric": [{"column": "x", "outliers": {"action": "flag", "quantiles": [0.01, 0.99]}}]},
    {"coordinates": [{"latitude": "x", "longitude": "other"}]},
    {"cyclic": [{"column": "x", "period": 24}]},
    {"rates": [{"columns": ["x"], "steps": {"x": 0.5}}]},
    {"rates": [{"latitude": "x", "longitude": "other", "cell": 500}]},
    {"numeric": ["x"], "anomaly": [{"kind": "isolation_forest", "n_estimators": 5}]},
]


@pytest.mark.parametrize("features", ROLES, ids=str)
@pytest.mark.parametrize("number", [ESRI_NULL, 4e38])
@pytest.mark.filterwarnings("error")
def test_in_every_role_it_is_what_a_missing_cell_is(features, number):
    encoder = build_encoder(FeatureSet.model_validate(features))
    rows = pd.DataFrame({"x": [float(n % 24) for n in range(40)], "other": [float(n % 7) for n in range(40)]})
    y = np.array(["a", "b"] * 20)
    rows.loc[3, "x"] = number
    encoded = encoder.fit_transform(rows, y)
    rows.loc[3, "x"] = np.nan
    np.testing.assert_array_equal(encoded, build_encoder(FeatureSet.model_validate(features)).fit_transform(rows, y))
    assert np.isfinite(encoded.astype(np.float32)[np.arange(40) != 3]).all()


def test_in_a_group_it_is_missing():
    assert in_steps(pd.Series([5.0, ESRI_NULL]), 0.5).isna().tolist() == [False, True]


@pytest.mark.parametrize(
    "features",
    [
        {"numeric": ["x"]},
        {"numeric": [{"column": "x", "outliers": {"action": "clip", "quantiles": [0.01, 0.99]}}]},
        {"numeric": [{"column": "x", "missing": [998], "outliers": {"action": "flag", "low": 0}}]},
        {"cyclic": [{"column": "x", "period": 24}]},
        {"coordinates": [{"latitude": "x", "longitude": "y"}]},
        {"time": [{"column": "x", "parts": ["hour"], "cyclic": ["month"]}]},
        {"text": ["x"]},
        {"categorical": ["x"]},
        {"numeric": ["x"], "anomaly": [{"kind": "ecod"}]},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("error")
def test_a_column_without_a_value_in_training_is_constant_whatever_comes_later(features):
    encoder = build_encoder(FeatureSet.model_validate(features))
    none = pd.Series([None] * 10, dtype="str")
    encoded = encoder.fit_transform(pd.DataFrame({"x": none, "y": none}), np.array(["a", "b"] * 5))
    assert np.isfinite(encoded).all()
    assert (encoded == encoded[0]).all()
    later = encoder.transform(pd.DataFrame({"x": ["7", "2024-01-01", None], "y": ["1", "2", None]}))
    assert later.shape[1] == encoded.shape[1] == len(encoder.get_feature_names_out())
    if "categorical" not in features:  # an unseen category has a code of its own
        assert (later[2] == encoded[0]).all()
        assert np.isfinite(later).all()


def test_columns_that_say_nothing_are_named():
    rows = pd.DataFrame(
        {
            "none": [np.nan] * 4,
            "code": [998.0] * 4,
            "huge": [ESRI_NULL] * 4,
            "same": [7.0] * 4,
            "flag": [1.0, np.nan, 1.0, np.nan],
            "tag": pd.Series([None] * 4, dtype="str"),
            "x": [1.0, 2.0, 3.0, 4.0],
        }
    )
    numeric = ["none", {"column": "code", "missing": [998]}, "huge", "same", "flag", "x"]
    empty, constant = uninformative_columns(rows, problem(numeric=numeric, categorical=["tag"]))
    assert empty.endswith(": 'tag', 'none', 'code', 'huge'")
    assert constant.endswith(": 'same'")


def test_a_column_that_begins_late_is_named_with_its_folds():
    days = pd.to_datetime([f"2020-0{month}-{day:02d}" for month in range(1, 7) for day in (1, 2)], utc=True)
    late = [np.nan] * 6 + [1.0] * 6
    rows = pd.DataFrame({"when": days, "late": late, "never": np.nan, "x": 1.0})
    y = np.array([0, 1] * 6)
    folds = make_folds(rows, y, ForwardFolds(kind="forward", column="when", n=4, period="month"), 0)
    assert empty_in_folds(rows, problem(numeric=["late", "never", "x"]), folds) == {"late": [0, 1]}
