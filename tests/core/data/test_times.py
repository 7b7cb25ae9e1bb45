"""Times are read as the wall clock of one time zone, or refused with what to write."""

import numpy as np
import pandas as pd
import pytest

from evenhand.data.schema import ColumnType, column_types, parse_columns
from evenhand.data.suite_spec import derived_suite, expected_types
from evenhand.data.times import describe_formats, wall_clock
from evenhand.errors import ProblemError
from evenhand.features.column_cells import TimeCells
from evenhand.problem import parse_problem

# Friday 23:30 in New York, in winter and in summer time.
NIGHTS = {
    "own offset": ["2024-03-08T23:30:00-05:00", "2024-03-15T23:30:00-04:00"],
    "UTC": ["2024-03-09T04:30:00Z", "2024-03-16 03:30:00+00"],
    "no offset": ["2024-03-08 23:30", "2024-03-15T23:30:00"],
    "mixed": ["2024-03-08T23:30:00", "2024-03-16T03:30:00.000+0000"],
    "other places": ["2024-03-09T10:00:00+05:30", "2024-03-15T22:30:00 -0500"],
}
FORMATTED = ["Fri Mar 08 23:30:00 -0500 2024", "Sat Mar 16 03:30:00 +0000 2024"]
ZONE = "America/New_York"


def _text(cells):
    return pd.Series(cells, dtype="str", name="when")


def _read(times):
    assert str(times.dt.tz) == "UTC"
    return times.dt.strftime("%a %H:%M").tolist()


@pytest.mark.parametrize("kind", NIGHTS)
def test_an_hour_is_that_of_the_time_zone(kind):
    assert _read(wall_clock(_text(NIGHTS[kind]), zone=ZONE)) == ["Fri 23:30"] * 2


def test_an_hour_is_that_of_the_time_zone_whatever_the_format_and_type():
    assert _read(wall_clock(_text(FORMATTED), "%a %b %d %H:%M:%S %z %Y", ZONE)) == ["Fri 23:30"] * 2
    typed = pd.Series(pd.to_datetime(NIGHTS["UTC"], format="ISO8601", utc=True))
    for column in (typed, typed.dt.tz_convert("Asia/Tokyo")):
        assert _read(wall_clock(column, zone=ZONE)) == ["Fri 23:30"] * 2
    assert _read(wall_clock(typed.dt.tz_localize(None), zone=ZONE)) == [
        "Sat 04:30",
        "Sat 03:30",
    ]  # a wall clock already


def test_the_hour_that_comes_twice_and_the_one_that_is_missing():
    autumn = _text(["2024-11-03T01:30:00-04:00", "2024-11-03T01:30:00-05:00", "2024-11-03T02:30:00-05:00"])
    assert _read(wall_clock(autumn, zone=ZONE)) == ["Sun 01:30", "Sun 01:30", "Sun 02:30"]
    assert _read(wall_clock(_text(["2024-03-10 02:30"]), zone=ZONE)) == ["Sun 02:30"]  # not on a clock, but written


@pytest.mark.parametrize("kind", ["own offset", "mixed", "other places"])
def test_different_offsets_without_a_time_zone_are_refused(kind):
    with pytest.raises(
        ProblemError, match=r"column 'when' .*different UTC offsets \('2024-03-.*`time_zone: America/New_York`"
    ):
        wall_clock(_text(NIGHTS[kind]))
    with pytest.raises(ProblemError, match="different UTC offsets"):
        wall_clock(_text(FORMATTED), "%a %b %d %H:%M:%S %z %Y")


def test_one_offset_is_read_as_it_is_written():
    assert _read(wall_clock(_text(["2024-03-08T23:30:00-05:00", "x", None, "2024-03-09 00:30-0500"])).dropna()) == [
        "Fri 23:30",
        "Sat 00:30",
    ]
    assert _read(wall_clock(_text(NIGHTS["UTC"]))) == ["Sat 04:30", "Sat 03:30"]
    own = pd.Series(pd.to_datetime(NIGHTS["UTC"], format="ISO8601", utc=True)).dt.tz_convert(ZONE)
    assert _read(wall_clock(own)) == ["Fri 23:30"] * 2


def test_an_unreadable_cell_has_no_offset():
    typed, unfit = parse_columns(
        pd.DataFrame({"when": _text(["2024-03-08T23:30:00", "2024-13-08T23:30:00-05:00"])}),
        {"when": ColumnType("time")},
    )
    assert _read(typed["when"].dropna()) == ["Fri 23:30"]
    assert unfit["when"].tolist() == [False, True]


def test_a_literal_offset_of_a_format_is_no_offset():
    when = _text(["2014/03/02 05:00:00+00"])
    assert (
        _read(wall_clock(when, "%Y/%m/%d %H:%M:%S+00"))
        == _read(wall_clock(when, "%Y/%m/%d %H:%M:%S+00", ZONE))
        == ["Sun 05:00"]
    )


# --- through the problem ----------------------------------------------------------------------------------------------

PLAIN = {
    "name": "town",
    "title": "Town",
    "source": {"kind": "csv", "path": "town.csv"},
    "target": {"column": "kind"},
    "features": {"base": {"time": [{"column": "when", "parts": ["hour", "dayofweek"]}]}},
    "split": {"holdout": {"column": "when", "start": "2024-01-01"}},
    "validation": {"freshness": {"column": "noted", "as_of": "2024-05-01", "max_age_days": 9}},
    "strategies": ["none"],
}


def test_features_training_and_scoring_are_in_the_time_zone_of_the_problem():
    problem = parse_problem(PLAIN | {"time_zone": ZONE}, "town")
    assert column_types(problem)["when"] == ColumnType("time", None, ZONE)
    assert expected_types(derived_suite(problem), problem)["noted"] == ColumnType("time", None, ZONE)
    raw = pd.DataFrame({"when": _text(NIGHTS["mixed"])})
    typed, _ = parse_columns(raw, {"when": column_types(problem)["when"]})
    cells = TimeCells(parts=["hour", "dayofweek"]).fit(typed)
    np.testing.assert_array_equal(cells.transform(typed), [[23.0, 4.0]] * 2)


def test_an_unknown_time_zone_is_refused_with_one_like_it():
    with pytest.raises(
        ProblemError, match=r"time_zone: no such time zone; write an IANA name, such as .*America/New_York"
    ):
        parse_problem(PLAIN | {"time_zone": "America/NewYork"}, "town")


@pytest.mark.parametrize(
    ("split", "declared"),
    [
        ({"holdout": {"column": "d", "start": "2024-01-01", "format": "%d.%m.%Y"}}, "%d.%m.%Y"),
        (
            {
                "holdout": {"column": "d", "start": "2024-01-01"},
                "folds": {"kind": "forward", "column": "d", "n": 2, "period": "month", "format": "%m/%Y"},
            },
            "%m/%Y",
        ),
    ],
)
def test_a_format_is_declared_where_the_column_is(split, declared):
    assert column_types(parse_problem(PLAIN | {"split": split}, "town"))["d"].format == declared


@pytest.mark.parametrize(
    ("cells", "text"),
    [
        (["01/31/2022", "12/01/2022"], "format: '%m/%d/%Y'"),
        (["31.01.2022 23:30", "01.02.2022 00:00"], "format: '%d.%m.%Y %H:%M'"),
        (["01/31/2022 11:30:00 PM"], "format: '%m/%d/%Y %I:%M:%S %p'"),
        (["03/04/2022"], "format: '%m/%d/%Y' (month first) or format: '%d/%m/%Y' (day first)"),
        (["last night", "01/31/2022"], "format: with the codes of strptime, such as '%m/%d/%Y %H:%M'"),
        ([], "format: with the codes of strptime, such as '%m/%d/%Y %H:%M'"),
    ],
)
def test_the_format_that_reads_the_cells_is_named(cells, text):
    assert describe_formats(cells) == text
