"""One text for a value, whatever type, gap or file it came through."""

import io
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.data.groups import groups_of
from evenhand.data.schema import ColumnType, parse_columns
from evenhand.data.split import class_labels
from evenhand.data.suite_spec import raw_classes
from evenhand.features.class_rates import RateCategories
from evenhand.features.column_cells import CyclicCells, TextCells
from evenhand.problem import Rate, Target, parse_problem
from evenhand.text.cell_text import canonical_text, text_of, two_spellings
from tasks.data.sources.fetched import described, joined
from tasks.data.sources.files import read_parquet
from tasks.data.sources.text import read_csv


def _arrow(values, type_):
    return pd.Series(pd.array(pa.array(values, type_), dtype=pd.ArrowDtype(type_)))


def _dictionary(values):
    coded = pa.array(values, pa.string()).dictionary_encode()
    return pd.Series(pd.array(coded, dtype=pd.ArrowDtype(coded.type)))


WHOLE = {
    "int64": lambda v: pd.Series(v, dtype="int64"),
    "Int64": lambda v: pd.Series([*v, None], dtype="Int64"),
    "float64 with a gap": lambda v: pd.Series([*v, None], dtype="float64"),
    "str": lambda v: pd.Series([*map(str, v), None], dtype="str"),
    "str with a point": lambda v: pd.Series([f" {n}.0" for n in v], dtype="str"),
    "category": lambda v: pd.Series([*map(str, v), None]).astype("category"),
    "category of floats": lambda v: pd.Series([*map(float, v), None]).astype("category"),
    "objects": lambda v: pd.Series([*v, None], dtype=object),
    "decimals": lambda v: pd.Series([Decimal(n).quantize(Decimal("0.01")) for n in v]),
    "Arrow int64": lambda v: _arrow([*v, None], pa.int64()),
    "Arrow decimal": lambda v: _arrow([*map(Decimal, v), None], pa.decimal128(20, 2)),
    "Arrow double": lambda v: _arrow([*map(float, v), None], pa.float64()),
    "Arrow string": lambda v: _arrow([*map(str, v), None], pa.string()),
    "Arrow dictionary": lambda v: _dictionary([*map(str, v), None]),
}


def _through_csv(column):
    data = pd.DataFrame({"a": column, "b": 1}).to_csv(index=False).encode()
    return joined([described("a.csv", data, read_csv(data, "a.csv"))], "a.csv").frame["a"]


def _through_arrow_csv(column):
    sink = io.BytesIO()
    pa_csv.write_csv(pa.table({"a": _plain_arrow(column), "b": [1] * len(column)}), sink)
    return joined([described("a.csv", b"", read_csv(sink.getvalue(), "a.csv"))], "a.csv").frame["a"]


def _plain_arrow(column):
    cells = pa.Array.from_pandas(column)
    return cells.dictionary_decode() if pa.types.is_dictionary(cells.type) else cells


def _through_parquet(column):
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": pa.Array.from_pandas(column)}), sink)
    return joined([described("a.parquet", b"", read_parquet(sink.getvalue(), "a.parquet"))], "a.parquet").frame["a"]


THROUGH = {
    "memory": lambda column: column,
    "CSV": _through_csv,
    "CSV of Arrow": _through_arrow_csv,
    "Parquet": _through_parquet,
}


@pytest.mark.parametrize("through", THROUGH)
@pytest.mark.parametrize("kind", WHOLE)
@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(-(2**53), 2**53), min_size=1, max_size=5))
def test_a_whole_number_has_one_text(kind, through, numbers):
    column = THROUGH[through](WHOLE[kind](numbers))
    assert text_of(column).tolist()[: len(numbers)] == [str(number) for number in numbers]
    assert text_of(column).isna().tolist()[len(numbers) :] == [True] * (len(column) - len(numbers))


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 4))
def test_a_fraction_has_one_text(number, zeros):
    text = canonical_text(number)
    assert float(text) == number
    assert "e" not in text
    assert canonical_text(repr(number)) == canonical_text(Decimal(repr(number))) == text
    assert canonical_text(text) == text
    if "." in text:
        assert canonical_text(text + "0" * zeros) == text
    assert canonical_text(np.float32("0.1")) == "0.1"


@settings(deadline=None)
@given(st.text())
def test_the_text_of_a_text_is_the_same_text(text):
    once = canonical_text(text)
    assert canonical_text(once) == once


BOOLEANS = {
    "bool": lambda: pd.Series([True, False]),
    "boolean": lambda: pd.Series([True, False, None], dtype="boolean"),
    "objects": lambda: pd.Series([True, False, None], dtype=object),
    "Arrow": lambda: _arrow([True, False, None], pa.bool_()),
    "text": lambda: pd.Series(["TRUE", "false"], dtype="str"),
}


@pytest.mark.parametrize("through", THROUGH)
@pytest.mark.parametrize("kind", BOOLEANS)
def test_a_boolean_has_one_text(kind, through):
    assert text_of(THROUGH[through](BOOLEANS[kind]())).tolist()[:2] == ["True", "False"]


DAY, NIGHT = datetime(2024, 5, 1), datetime(2024, 5, 1, 23, 30)
TIMES = {
    "timestamps": lambda: pd.Series([DAY, NIGHT, None]),
    "nanoseconds": lambda: pd.Series([DAY, NIGHT, None]).astype("datetime64[ns]"),
    "Arrow": lambda: _arrow([DAY, NIGHT, None], pa.timestamp("ms")),
    "text": lambda: pd.Series(["2024-05-01T00:00:00.000", "2024-05-01 23:30"], dtype="str"),
}


@pytest.mark.parametrize("through", THROUGH)
@pytest.mark.parametrize("kind", TIMES)
def test_a_time_has_one_text(kind, through):
    assert text_of(THROUGH[through](TIMES[kind]())).tolist()[:2] == ["2024-05-01", "2024-05-01 23:30:00"]


@pytest.mark.parametrize("through", THROUGH)
def test_a_date_is_the_day_at_midnight(through):
    days = pd.Series([date(2024, 5, 1), None])
    assert text_of(THROUGH[through](days)).tolist()[0] == "2024-05-01" == canonical_text(pd.Timestamp(DAY))
    assert text_of(pd.to_datetime(pd.Series(["2024-05-01"]))).tolist() == ["2024-05-01"]


def test_an_instant_is_in_utc_however_it_is_written():
    typed = pd.Series(pd.to_datetime(["2024-05-01T23:30:00-05:00"])).dt.tz_convert("America/Chicago")
    assert text_of(typed).tolist() == [canonical_text("2024-05-01 23:30:00-0500")] == ["2024-05-02 04:30:00+00:00"]


def test_codes_stay_as_they_are_written():
    codes = ["007", "1E5", "12e3", "1.2.3", "-", "+5", "5.", "031A", "2024-13-01 10:00", "0x10", "T", "f"]
    assert [canonical_text(code) for code in codes] == codes


def test_a_large_number_beside_a_gap_keeps_its_digits():
    large = pd.Series([2**60 + 1, None], dtype="Int64")
    assert text_of(_through_parquet(large)).tolist()[0] == "1152921504606846977"


def test_text_that_is_stored_as_bytes_is_text():
    assert text_of(_through_parquet(pd.Series([b"bar", b" 7.0 ", None]))).tolist()[:2] == ["bar", "7"]


def test_two_spellings_of_a_value_are_found():
    assert two_spellings(pd.Series(["13.10", None, "13.1"], dtype="str")) == ("13.10", "13.1", "13.1")
    assert two_spellings(pd.Series(["13.10", "13.2 ", "13.2", "x"], dtype="str")) is None
    assert two_spellings(pd.Series([1.0, 2.0])) is None


# --- every place where a cell becomes text ---------------------------------------------------------------------------

FLOATS, TEXTS = pd.Series([111.0, None, 7.0]), pd.Series(["111", None, "7.0"], dtype="str")


def test_categories_class_names_and_values_of_a_problem_agree():
    target = Target(column="k", groups={"a": ("111.0",), "b": ("7",)}, drop=("5.0",))
    codes = pd.concat([FLOATS, pd.Series([5.0])], ignore_index=True)
    typed, _ = parse_columns(pd.DataFrame({"k": codes}), {"k": ColumnType("text")})
    assert class_labels(typed["k"], target).fillna("-").tolist() == ["a", "-", "b", "-"]
    assert raw_classes(target, ["111", "7", "5"]) == {"a": ("111",), "b": ("7",)}


@pytest.mark.parametrize("column", [FLOATS, TEXTS], ids=["floats", "text"])
def test_features_read_a_value_in_one_spelling(column):
    frame = pd.DataFrame({"beat": column})
    assert TextCells().fit_transform(frame).ravel().tolist() == ["111", "(missing)", "7"]
    crossing = RateCategories([Rate(columns=("beat",)).model_dump(mode="json")]).fit(pd.DataFrame({"beat": TEXTS}))
    assert crossing.transform(frame).ravel().tolist() == [1, 0, 2]
    flags = RateCategories([Rate(columns=("flag",)).model_dump(mode="json")]).fit(pd.DataFrame({"flag": [True, False]}))
    assert flags.transform(pd.DataFrame({"flag": ["FALSE", "true"]})).ravel().tolist() == [1, 2]
    cyclic = CyclicCells(period=2, values=["7.0", "111"]).fit(frame)
    assert cyclic.transform(frame)[:, 1].round(6).tolist()[::2] == [-1.0, 1.0]


@pytest.mark.parametrize("column", [FLOATS, TEXTS], ids=["floats", "text"])
def test_groups_have_the_names_of_the_values(column):
    problem = parse_problem(
        {
            "name": "p",
            "title": "p",
            "source": {"kind": "csv", "path": "p.csv"},
            "target": {"column": "k"},
            "sensitive": ["beat"],
            "features": {"base": {"categorical": ["beat"]}},
            "split": {"holdout": {"column": "when", "start": 1}},
            "strategies": ["none"],
        },
        "p",
    )
    typed, _ = parse_columns(pd.DataFrame({"beat": column}), {"beat": ColumnType("text")})
    assert groups_of(problem, typed)["beat"].tolist() == ["111", "missing", "7"]
    assert groups_of(problem, pd.DataFrame({"beat": FLOATS}))["beat"].tolist() == ["111", "missing", "7"]


@pytest.mark.parametrize("dtype", ["boolean", object, pd.ArrowDtype(pa.bool_())])
def test_a_boolean_with_a_gap_is_a_number_like_one_without(dtype):
    typed, unfit = parse_columns(
        pd.DataFrame({"a": pd.Series([True, None, False], dtype=dtype)}), {"a": ColumnType("number")}
    )
    np.testing.assert_array_equal(typed["a"], [1.0, np.nan, 0.0])
    assert not unfit


def test_a_gap_among_times_is_no_number():
    typed, unfit = parse_columns(pd.DataFrame({"a": pd.to_datetime(["2024-05-01", None])}), {"a": ColumnType("number")})
    assert typed["a"].isna().all()
    assert unfit["a"].tolist() == [True, False]


@pytest.mark.parametrize("column", [pd.Series([20240131.0, None]), pd.Series(["20240131.0", None], dtype="str")])
def test_days_that_are_numbers_are_read_by_their_format(column):
    typed, unfit = parse_columns(pd.DataFrame({"d": column}), {"d": ColumnType("time", "%Y%m%d")})
    assert typed["d"][0] == pd.Timestamp("2024-01-31", tz="UTC")
    assert not unfit
