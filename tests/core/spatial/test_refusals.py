"""What is refused: categories that police work discovers, and data that can't be tested on the past."""

import numpy as np
import pandas as pd
import pytest

from evenhand.problem import Analysis
from evenhand.spatial.discovered import WORDS, refusals
from evenhand.spatial.events import Events
from evenhand.spatial.feasible import possible


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("Drugs", True),
        ("NARCOTICS", True),
        ("Possession of weapons", True),
        ("WEAPONS VIOLATION", True),
        ("Drug/Narcotic Violations", True),
        ("Prostitution", True),
        ("CRIMINAL TRESPASS", True),
        ("Assault with a weapon", False),
        ("Aggravated Assault - Firearm", False),
        ("Robbery", False),
        ("Theft Over", False),
        ("Break and Enter", False),
        ("Vehicle crime", False),
        ("Public order", False),
        ("Possession of stolen goods, after a burglary", False),
        ("Drugstore robbery", False),
    ],
)
def test_categories_that_police_work_discovers_are_refused(name, refused):
    assert bool(refusals([name], {}, [])) == refused


def test_every_word_refuses_a_category_of_its_name():
    assert len(refusals([f"{word} x" for word in WORDS], {}, [])) == len(WORDS)


def test_a_reason_allows_a_category_and_a_list_refuses_one():
    assert refusals(["Drugs"], {"Drugs": "overdoses that ambulances report"}, []) == ()
    (one,) = refusals(["Mischief"], {}, ["Mischief"])
    assert "The problem refuses it" in one.text


def test_a_reason_is_a_sentence():
    with pytest.raises(ValueError, match="give the reason in a sentence, which the page repeats; found 'yes'"):
        Analysis(discovered={"Drugs": "yes"})


def events(days, place=True):
    n = len(days)
    spot = np.full(n, 53.8) + np.linspace(0, 0.05, n) if place else None
    return Events(("a",), ("n", "s"), np.zeros(n, int), np.arange(n) % 2, pd.Series(days), None, spot, spot)


def test_three_julys_get_neither_forecasts_nor_hotspots_and_a_reason_for_each():
    julys = pd.to_datetime(np.repeat(["2016-07-01", "2017-07-01", "2018-07-01"], 9000))
    found = possible(events(julys), Analysis())
    assert (found.forecasts, found.hotspots) == (None, None)
    assert "every time is the first day of a month" in found.refused[0]
    assert "found are 1 month in a row from 2016-07-01" in found.refused[0]
    assert "nobody can say in which week" in found.refused[1]
    assert any("a map of past counts by cell" in line for line in found.possible)


def test_months_in_a_row_get_forecasts_by_month():
    days = pd.to_datetime(np.repeat(pd.date_range("2010-01-01", "2017-12-01", freq="MS"), 300))
    assert "Write analysis.period: month" in possible(events(days), Analysis()).refused[0]
    plan = possible(events(days), Analysis(period="month")).forecasts
    assert plan is not None
    assert plan.origins[-1] + plan.horizons == 96


def test_a_short_series_is_refused_with_what_is_needed_and_what_was_found():
    days = pd.to_datetime(pd.Timestamp("2020-01-06") + pd.to_timedelta(np.arange(3000) % 200, unit="D"))
    found = possible(events(days), Analysis())
    assert found.forecasts is None
    assert "they need 110 weeks in a row" in found.refused[0]
    assert "28 weeks in a row from 2020-01-06" in found.refused[0]


def test_without_coordinates_there_are_forecasts_and_no_hotspots():
    days = pd.to_datetime(pd.Timestamp("2016-01-04") + pd.to_timedelta(np.arange(20_000) % 1800, unit="D"))
    found = possible(events(days, place=False), Analysis())
    assert found.forecasts is not None
    assert found.hotspots is None
    assert "no coordinates were found" in found.refused[0]


def test_origins_leave_room_for_what_they_are_judged_on():
    days = pd.to_datetime(pd.Timestamp("2013-12-30") + pd.to_timedelta(np.arange(60_000) % 2919, unit="D"))
    found = possible(events(days), Analysis())
    assert found.forecasts.origins[-1] + found.forecasts.horizons == 417
    assert found.hotspots.origins[-1] + max(found.hotspots.windows) == 417
    assert found.forecasts.reported == found.hotspots.reported == 39
