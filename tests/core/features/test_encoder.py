import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.features.column_cells import TextCells
from evenhand.features.encoder import build_encoder
from evenhand.problem import FeatureSet


def encode(features, train, valid=None):
    encoder = build_encoder(FeatureSet.model_validate(features)).fit(pd.DataFrame(train))
    return encoder, encoder.transform(pd.DataFrame(train if valid is None else valid))


def test_unseen_and_missing_categories_have_codes_of_their_own():
    features = {"categorical": ["place"]}
    encoder, codes = encode(features, {"place": ["a", "b", None]}, {"place": ["b", "zzz", "", None, " a "]})
    assert codes[1, 0] == -1
    assert codes[2, 0] == codes[3, 0] >= 0
    assert codes[4, 0] == encoder.transform(pd.DataFrame({"place": ["a"]}))[0, 0]


def test_cells_of_a_category_share_one_object():
    cells = TextCells().fit_transform(pd.DataFrame({"place": [f"{n % 3} street" for n in range(60)] + [None, ""]}))
    assert len({id(cell) for cell in cells[:, 0]}) == 4


def test_rare_categories_share_one_code():
    features = {"categorical": [{"column": "place", "min_count": 3}]}
    _, codes = encode(features, {"place": ["a"] * 5 + ["b"] * 4 + ["c", "d"]})
    assert codes[-1, 0] == codes[-2, 0]
    assert len(np.unique(codes)) == 3


def test_declared_codes_count_as_missing_and_outliers_are_clipped():
    features = {"numeric": [{"column": "age", "missing": [998], "outliers": {"action": "clip", "low": 0, "high": 99}}]}
    _, ages = encode(features, {"age": ["30", "998", "120", "-4", "blank"]})
    np.testing.assert_array_equal(ages[:, 0], [30, np.nan, 99, 0, np.nan])


def test_outliers_are_flagged_by_quantiles_of_the_training_rows_alone():
    features = {"numeric": [{"column": "x", "outliers": {"action": "flag", "quantiles": [0.05, 0.95]}}]}
    encoder, flagged = encode(features, {"x": range(101)}, {"x": [50, 1_000, -1]})
    np.testing.assert_array_equal(flagged, [[50, 0], [1_000, 1], [-1, 1]])
    assert list(encoder.get_feature_names_out()) == ["x", "x outlier"]


def test_a_swapped_pair_of_coordinates_counts_as_missing():
    features = {"coordinates": [{"latitude": "lat", "longitude": "long", "box": [43, -80, 44, -79]}]}
    _, points = encode(features, {"lat": [43.5, -79.5], "long": [-79.5, 43.5]})
    np.testing.assert_array_equal(points, [[43.5, -79.5], [np.nan, np.nan]])


def test_time_parts_read_text_and_timestamps_alike():
    features = {"time": [{"column": "when", "format": "%Y/%m/%d", "parts": ["year", "dayofweek"], "cyclic": ["month"]}]}
    text = pd.DataFrame({"when": ["2021/01/04", "2020/07/05"]})
    typed = pd.DataFrame({"when": pd.to_datetime(text["when"], format="%Y/%m/%d", utc=True)})
    encoder, from_text = encode(features, text)
    np.testing.assert_array_equal(from_text, encoder.transform(typed))
    np.testing.assert_array_equal(from_text[:, :2], [[2021, 0], [2020, 6]])


def test_december_is_next_to_january():
    months = ["January", "June", "December"]
    features = {"cyclic": [{"column": "m", "period": 3, "values": months}]}
    _, circle = encode(features, {"m": months})
    gaps = [np.linalg.norm(circle[i] - circle[j]) for i, j in ((0, 1), (1, 2), (2, 0))]
    np.testing.assert_allclose(gaps, gaps[0])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.one_of(st.text(max_size=6), st.none()), min_size=1, max_size=12))
def test_any_text_at_prediction_time_gives_numbers_of_the_same_shape(cells):
    features = {"categorical": ["c"], "numeric": ["n"], "time": [{"column": "t", "parts": ["year"]}]}
    train = {"c": ["a", "b"], "n": ["1", "2"], "t": ["2020-01-01", "2021-01-01"]}
    encoder, _ = encode(features, train)
    anything = pd.DataFrame({name: pd.Series(cells, dtype="str") for name in train})
    encoded = encoder.transform(anything)
    assert encoded.shape == (len(cells), 3)
    assert not np.isinf(encoded).any()


@pytest.mark.parametrize("column", ["c", "n"])
def test_a_missing_column_is_named(column):
    encoder, _ = encode({"categorical": ["c"], "numeric": ["n"]}, {"c": ["a", "b"], "n": ["1", "2"]})
    with pytest.raises(ValueError, match=column):
        encoder.transform(pd.DataFrame({"c": ["a"], "n": ["1"]}).drop(columns=column))


def test_a_missing_value_that_training_never_had_is_not_zero():
    features = {"numeric": ["whole", "gappy"]}
    _, filled = encode(
        features, {"whole": [40, 41, 45], "gappy": [1, None, 3]}, {"whole": [None, 50], "gappy": [None, 2]}
    )
    np.testing.assert_array_equal(filled, [[41, np.nan], [50, 2]])
