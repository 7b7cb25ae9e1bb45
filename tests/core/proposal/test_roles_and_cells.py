"""What the cells of a column are, and the role that a column gets."""

import numpy as np
import pandas as pd
import pytest

from evenhand.data.schema import ColumnType, Signs, parse_columns
from evenhand.proposal.cells import find_signs, read_column
from evenhand.proposal.roles import assign, find_places
from evenhand.proposal.time_formats import is_month_first

DAY = pd.Timestamp("2021-03-27 23:05:00")
WRITTEN = {
    "socrata": ("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M:%S %p"),
    "excel, German": ("%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M"),
    "no clock": ("%m/%d/%Y", "%m/%d/%Y"),
    "iso": ("%Y-%m-%d %H:%M:%S", None),
    "arcgis": ("%Y/%m/%d %H:%M:%S+00", None),
    "month": ("%Y-%m", None),
    "compact": ("%Y%m%d", "%Y%m%d"),
    "names": ("%d %b %Y", "%d %b %Y"),
    "hour alone": ("%H:%M", "%H:%M"),
}


def days(n=300):
    return pd.Series(DAY + pd.to_timedelta(np.arange(n) * 37, unit="h"))


def column(cells, name="date", signs=None):
    return read_column(pd.Series(cells, name=name, dtype="str"), signs or Signs())


@pytest.mark.parametrize("kind", WRITTEN)
def test_a_column_of_times_is_read_by_the_format_that_it_has(kind):
    written, expected = WRITTEN[kind]
    times = days()
    found = column(times.dt.strftime(written))
    assert found.kind == "time", found
    assert found.reading.format == expected
    back = found.values.dt.strftime(written)
    assert back.tolist() == times.dt.strftime(written).tolist()
    typed, unfit = parse_columns(
        pd.DataFrame({"date": times.dt.strftime(written).astype("str")}), {"date": ColumnType("time", expected)}
    )
    assert not unfit
    assert (typed["date"] == found.values).all()


def test_two_formats_in_one_column_are_a_list_and_both_are_read():
    times = days()
    cells = [t.strftime("%m/%d/%Y" if i % 3 else "%m/%d/%Y %I:%M %p") for i, t in enumerate(times)]
    found = column(cells)
    assert set(found.reading.format) == {"%m/%d/%Y", "%m/%d/%Y %I:%M %p"}
    assert found.known == len(cells)
    assert found.values.dt.date.tolist() == times.dt.date.tolist()


def test_dates_that_can_be_read_both_ways_are_a_question_unless_another_column_settles_it():
    cells = [f"{1 + i % 12:02d}/{1 + i % 11:02d}/2021" for i in range(200)]
    assert "month first" in column(cells).reading.question
    settled = read_column(pd.Series(cells, name="date", dtype="str"), Signs(), month_first=False)
    assert (settled.reading.format, settled.reading.question) == ("%d/%m/%Y", "")
    assert is_month_first(pd.Index(["31/01/2021", "02/01/2021"])) is False
    assert is_month_first(pd.Index(["01/31/2021"])) is True
    assert is_month_first(pd.Index(["01/02/2021"])) is None


@pytest.mark.parametrize(("factor", "expected"), [(1, "epoch seconds"), (1000, "epoch milliseconds")])
def test_epochs_are_times_where_the_header_says_so_and_numbers_elsewhere(factor, expected):
    numbers = (days() - pd.Timestamp(0)) // pd.Timedelta(seconds=1) * factor
    found = read_column(numbers.rename("OCC_DATE"), Signs())
    assert (found.kind, found.reading.format) == ("time", expected)
    assert found.values.dt.tz_localize(None).tolist() == days().tolist()
    assert read_column(numbers.rename("account"), Signs()).kind == "number"


def test_markers_among_numbers_are_missing_and_unknown_ones_are_named():
    found = column(["31", "UNKNOWN", "-", "44", *["7"] * 50, "REDACTED"], "age")
    assert found.kind == "number"
    assert (found.markers, found.odd) == (("UNKNOWN", "-", "REDACTED"), ("REDACTED",))
    typed, unfit = parse_columns(
        pd.DataFrame({"age": ["31", "UNKNOWN"], "kind": ["UNKNOWN", "-"]}),
        {"age": ColumnType("number", signs=Signs(missing=found.markers)), "kind": ColumnType("text")},
    )
    assert not unfit
    assert typed["age"].isna().tolist() == [False, True]
    assert typed["kind"].tolist() == ["UNKNOWN", "-"]


def test_codes_with_zeros_at_the_start_stay_text():
    assert column([f"{n:04d}" for n in range(80)] * 3, "Beat").kind == "text"
    assert column(["0045", "1830"] * 50, "TIME OCC").kind == "number"


@pytest.mark.parametrize(
    ("cells", "decimal", "thousands"),
    [
        (["3,5", "7,25"], ",", ""),
        (["1.234,5", "12,25"], ",", "."),
        (["1,234.5", "12.25"], ".", ","),
        (["1 234,5", "7,25"], ",", " "),
        (["3.5", "7"], ".", ""),
        (["a,b", "c,d"], ".", ""),
    ],
)
def test_signs_of_numbers(cells, decimal, thousands):
    signs, _ = find_signs(pd.DataFrame({"n": pd.Series(cells, dtype="str")}))
    assert signs == Signs(decimal, thousands)
    if cells[0][0].isdigit():
        expected = float(cells[0].replace(thousands or "\0", "").replace(decimal, "."))
        typed, unfit = parse_columns(pd.DataFrame({"n": cells}), {"n": ColumnType("number", signs=signs)})
        assert (typed["n"][0], unfit) == (expected, {})


def test_thousands_that_could_be_decimals_are_a_question():
    signs, question = find_signs(pd.DataFrame({"n": ["1,234", "5,678"]}))
    assert signs.thousands == ","
    assert question


ROLES = {
    "Vict Sex": (["M", "F"], "sensitive"),
    "Last outcome category": (["closed", "open"], "leak"),
    "OBJECTID": (list(range(400)), "out"),
    "remarks": ([f"a man went from house {i} to shop {i} and back" for i in range(400)], "text"),
    "district": (["1", "2", "3"], "categorical"),
    "temperature": ([i / 7 for i in range(400)], "numeric"),
    "value": ([i * 7919 % 90_000 for i in range(400)], "numeric"),
    "case": ([2_100_000 + i * 7919 % 90_000 for i in range(400)], "out"),
    "constant": (["x"], "out"),
    "nothing": ([None], "out"),
    "Location": ([f"({40 + i / 1000:.4f}, -75.1)" for i in range(400)], "out"),
}


@pytest.mark.parametrize("name", ROLES)
def test_roles(name):
    cells, expected = ROLES[name]
    raw = pd.Series((cells * 400)[:400], name=name)
    found = read_column(raw.astype("str") if raw.dtype == object else raw, Signs())
    assert assign(found, None, find_places([found]), {}).role == expected


def places(**columns):
    return find_places([read_column(pd.Series(cells, name=name), Signs()) for name, cells in columns.items()])


def test_coordinates_by_name_and_value():
    rng = np.random.default_rng(0)
    lat, lon = 40 + rng.random(200), -75 + rng.random(200)
    assert places(LAT=lat, LON=lon).degrees == ("LAT", "LON")
    assert places(X=lon, Y=lat).degrees == ("Y", "X")
    swapped = places(Latitude=lon - 50, Longitude=lat)
    assert swapped.degrees == ("Longitude", "Latitude")
    assert swapped.questions
    projected = places(X_COORD=1e6 + lat * 1000, Y_COORD=2e5 + lon * 1000)
    assert (projected.degrees, projected.projected) == (None, ("X_COORD", "Y_COORD"))
    nowhere = places(lat=np.append(lat, [0.0, 0.0]), lon=np.append(lon, [0.0, 0.0]))
    assert nowhere.outside == 2
