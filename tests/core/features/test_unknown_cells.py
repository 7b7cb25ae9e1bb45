"""Unknown cells are categories never seen and values that became missing, by raw column."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer

from evenhand.features.encoder import build_encoder
from evenhand.features.unknown_cells import unknown_cells
from evenhand.problem import FeatureSet

FEATURES = {
    "categorical": ["place", {"column": "street", "min_count": 5}],
    "numeric": ["age", {"column": "sum", "missing": [-9], "outliers": {"action": "flag", "low": 0, "high": 9}}],
    "time": [{"column": "when", "parts": ["month"], "cyclic": ["hour"]}],
    "cyclic": [{"column": "day", "period": 7, "values": ["mon", "tue"]}],
    "coordinates": [{"latitude": "lat", "longitude": "lon", "box": [50, 7, 51, 8]}],
}


def rows(n=200):
    at = np.arange(n)
    frame = pd.DataFrame(
        {
            "place": np.where(at % 2, "bar", "park"),
            "street": [f"s{i % 20}" for i in at],
            "age": (at % 90).astype(str),
            "sum": (at % 9).astype(str),
            "when": "2021-03-04 10:00",
            "day": np.where(at % 2, "mon", "tue"),
            "lat": 50.5,
            "lon": 7.5,
        }
    )
    frame.loc[at % 10 == 0, "sum"] = ""  # a tenth is missing in the training rows
    return frame


ENCODER = build_encoder(FeatureSet.model_validate(FEATURES)).fit(rows(), np.arange(200) % 2)


def test_every_cell_of_the_training_rows_is_known():
    found = unknown_cells(ENCODER, rows())
    assert set(found) == set(rows().columns)
    assert max(found.values()) == 0


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("place", "Bar"),
        ("street", "S1"),
        ("age", "40 years"),
        ("age", ""),
        ("when", "04/03/2021"),
        ("day", "Monday"),
        ("lat", 48.0),
    ],
)
def test_what_cannot_be_read_or_was_never_seen_is_unknown(column, value):
    frame = rows().astype({"lat": object})
    frame.loc[:49, column] = value
    found = unknown_cells(ENCODER, frame)
    assert found[column] == pytest.approx(0.25)
    others = {
        name: share for name, share in found.items() if name not in (column, "lon" if column == "lat" else column)
    }
    assert max(others.values()) == 0


def test_missing_values_count_beyond_the_share_that_the_training_rows_had():
    frame = rows()
    frame.loc[:119, "sum"] = "-9"  # the code for missing: 60 % and a tenth of the rest
    assert unknown_cells(ENCODER, frame)["sum"] == pytest.approx(0.64 - 0.1)
    frame["sum"] = "3"
    assert unknown_cells(ENCODER, frame)["sum"] == 0


def test_typed_columns_give_the_same_as_text():
    frame = rows()
    frame.loc[:49, "age"] = "?"
    typed = frame.assign(age=pd.to_numeric(frame["age"], errors="coerce"), when=pd.to_datetime(frame["when"], utc=True))
    assert unknown_cells(ENCODER, typed) == unknown_cells(ENCODER, frame)


def test_rates_and_text_know_every_cell_and_are_left_out():
    features = {**FEATURES, "rates": [["place", "street"]], "text": [{"column": "note", "min_count": 1}]}
    frame = rows().assign(note="bike stolen")
    encoder = build_encoder(FeatureSet.model_validate(features)).fit(frame, np.arange(200) % 2)
    assert set(unknown_cells(encoder, frame.assign(note="never"))) == set(rows().columns)


def test_an_encoder_that_recorded_no_shares_is_read_too():
    plain = ColumnTransformer([("columns", "passthrough", ["lat", "lon"])]).fit(rows())
    assert unknown_cells(plain, rows().assign(lat=np.nan)) == {"lat": 1.0, "lon": 0.0}
