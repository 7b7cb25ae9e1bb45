"""The newest rows are held out, from a start or by a period that rolls, and a recorded boundary gives them back."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from evenhand.data.holdout import before_start, first_held_out, from_start, holdout_mask, read_boundary, untrained_rows
from evenhand.errors import ProblemError
from evenhand.problem import Holdout
from tests.core.data.test_split import frame


@pytest.mark.parametrize("start", [date(2023, 1, 1), date(2022, 6, 30)])
def test_held_out_rows_are_the_newest(start):
    rows = frame()
    mask = holdout_mask(rows, Holdout(column="when", start=start))
    assert rows.when[mask].min() >= pd.Timestamp(start, tz="UTC") > rows.when[~mask].max()


@pytest.mark.parametrize(("start", "side"), [(date(2100, 1, 1), "held-out"), (date(1900, 1, 1), "training")])
def test_an_empty_side_is_refused(start, side):
    with pytest.raises(ProblemError, match=f"no {side} row"):
        holdout_mask(frame(), Holdout(column="when", start=start))


@pytest.mark.parametrize(("column", "start"), [("when", 2021), ("year", date(2021, 1, 1))])
def test_a_start_of_another_kind_than_its_column_is_refused(column, start):
    with pytest.raises(ProblemError, match="can't be compared with"):
        holdout_mask(frame(), Holdout(column=column, start=start))


def times(*texts):
    return pd.DataFrame({"when": pd.to_datetime(list(texts), utc=True, format="ISO8601")})


@pytest.mark.parametrize(
    ("last", "newest", "start"),
    [
        ("12 months", "2021-12-31 23:59", date(2021, 1, 1)),
        ("1 year", "2021-12-31", date(2021, 1, 1)),
        ("1 month", "2021-03-31", date(2021, 3, 1)),
        ("30 days", "2021-03-31 00:00", date(2021, 3, 2)),
        ("1 day", "2021-03-31 18:00", date(2021, 3, 31)),
        ("12 months", "2020-02-29", date(2019, 3, 1)),
    ],
)
def test_the_last_period_is_of_whole_days_up_to_the_newest_row(last, newest, start):
    assert first_held_out(times("2000-01-01", newest), Holdout(column="when", last=last)) == start


@given(st.lists(st.integers(0, 4000), min_size=2, unique=True), st.integers(1, 400), st.integers(1, 500))
@settings(max_examples=50, deadline=None)
def test_newer_rows_roll_the_period_on_and_never_back(days, length, newer):
    def start(found):
        rows = pd.DataFrame({"when": pd.Timestamp("2010-01-01", tz="UTC") + pd.to_timedelta(found, unit="D")})
        return first_held_out(rows, Holdout(column="when", last=f"{length} days"))

    assert start([*days, max(days) + newer]) == start(days) + pd.Timedelta(days=newer)
    newest = (pd.Timestamp("2010-01-01") + pd.Timedelta(days=max(days))).date()
    assert (newest - start(days)).days == length - 1


def test_a_period_that_takes_all_rows_or_is_longer_than_any_data_is_refused():
    rows = times("2020-01-01", "2021-12-31")
    with pytest.raises(ProblemError, match="no training row"):
        holdout_mask(rows, Holdout(column="when", last="10 years"))
    with pytest.raises(ProblemError, match="last 99999 years is longer than any data"):
        holdout_mask(rows, Holdout(column="when", last="99999 years"))


@pytest.mark.parametrize(("values", "found"), [([2020.0, 2021.0], "holds numbers"), ([None, None], "has no value")])
def test_a_period_of_something_else_than_times_is_refused_with_what_to_write(values, found):
    column = pd.Series(values) if values[0] else pd.to_datetime(pd.Series(values), utc=True)
    with pytest.raises(ProblemError, match=found):
        first_held_out(pd.DataFrame({"year": column}), Holdout(column="year", last="1 year"))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "one of the three; none is given"),
        ({"start": 2021, "last": "1 year"}, "one of the three; start 2021 and last 1 year are given"),
        ({"last": "a while"}, "last is 'a while'; write a number of days, months or years"),
        ({"last": "0 days"}, "last is '0 days'; write"),
        ({"last": "12"}, "last is '12'; write"),
    ],
)
def test_exactly_one_of_start_and_last_is_needed_and_a_period_can_be_read(given, expected):
    with pytest.raises(ValidationError, match=expected):
        Holdout(column="when", **given)


@pytest.mark.parametrize(
    "holdout",
    [
        Holdout(column="when", last="3 months"),
        Holdout(column="when", start="2023-01-01"),
        Holdout(column="year", start=2022),
    ],
)
def test_the_recorded_boundary_gives_back_the_rows_that_were_held_out(holdout):
    rows = frame()
    recorded = str(first_held_out(rows, holdout))
    again = from_start(rows[holdout.column], read_boundary(recorded))
    assert (again == holdout_mask(rows, holdout)).all()
    assert (before_start(rows[holdout.column], read_boundary(recorded)) == ~again).all()
    found = untrained_rows(rows[holdout.column], recorded)
    assert (found.mask == again).all()
    assert found.left_out == (~again).sum()
    assert f"rows before {recorded}: {found.left_out:,} of 60 held-out rows are left out" in found.text


@pytest.mark.parametrize("recorded", [None, "", "2021", "not a date"])
def test_without_a_boundary_that_can_be_compared_no_row_is_left_out_and_this_is_reported(recorded):
    found = untrained_rows(frame()["when"], recorded)
    assert (found.left_out, found.trained_before, len(found.mask)) == (0, "", 60)
    assert "not recorded" in found.text
    assert untrained_rows(None, "2021-01-01").left_out == 0


def test_a_row_without_a_value_was_trained_on():
    rows = pd.Series([2019.0, 2021.0, np.nan])
    assert untrained_rows(rows, "2021").mask.tolist() == [False, True, False]
