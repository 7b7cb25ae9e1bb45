"""Counts of periods and the reference that is stored: what adds up, what is kept, what is left out."""

import numpy as np
import pandas as pd
import pytest

from evenhand.errors import EvenhandError
from evenhand.monitoring.broken_columns import broken_columns
from evenhand.monitoring.columns import counts_by_period, learn_bins
from evenhand.monitoring.effects import jensen_shannon, wasserstein
from evenhand.monitoring.periods import period_end, period_names
from evenhand.monitoring.rows import MonitoredRows, summarise
from evenhand.monitoring.summaries import MonitorReference

RNG = np.random.default_rng(0)
N, PERIODS = 6_000, 20
PERIOD = np.sort(RNG.integers(0, PERIODS, N))
NUMBER = pd.Series(RNG.normal(20, 8, N), name="number").mask(RNG.random(N) < 0.05)
TEXT = pd.Series(RNG.choice(["bar", "park", "shop"], N, p=[0.5, 0.3, 0.2]), name="text", dtype="str")


def test_counts_of_parts_add_up_to_those_of_the_whole():
    bins = {"number": learn_bins(NUMBER, PERIOD), "text": learn_bins(TEXT, PERIOD)}
    rows = MonitoredRows({"number": NUMBER, "text": TEXT}, PERIOD.astype(str).astype(object))
    (one,) = [s for s in summarise(rows, bins, 2) if s.name == "7"]
    halves = []
    for part in (np.arange(N) % 2 == 0, np.arange(N) % 2 == 1):
        half = MonitoredRows({"number": NUMBER[part], "text": TEXT[part]}, rows.period[part])
        halves += [s for s in summarise(half, bins, 2) if s.name == "7"]
    both = halves[0].plus(halves[1])
    assert both.to_record() == one.to_record()


def test_a_reference_is_read_as_it_was_written_and_the_same_one_gives_the_same_bytes():
    bins = {"number": learn_bins(NUMBER, PERIOD)}
    proba = RNG.dirichlet(np.ones(3), N)
    rows = MonitoredRows({"number": NUMBER}, PERIOD.astype(str).astype(object), proba.argmax(1), proba, proba.argmax(1))
    made = MonitorReference("week", ("a", "b", "c"), bins, tuple(summarise(rows, bins, 3)), (), {"day": "gives"})
    data = made.to_bytes()
    assert MonitorReference.from_bytes(data).to_bytes() == data
    with pytest.raises(EvenhandError, match="can't be read"):
        MonitorReference.from_bytes(data[:50])


def test_a_value_of_one_reference_period_is_as_unknown_as_a_new_one():
    text = TEXT.copy()
    text[PERIOD == 3] = "kiosk"
    found = learn_bins(text, PERIOD)
    assert set(found.values) == {"bar", "park", "shop"}
    assert found.slots_of(pd.Series(["kiosk", "new", None, "bar"], dtype="str")).tolist() == [4, 4, 0, 1]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(PERIOD * 7.0 + RNG.integers(0, 7, N), name="day of the year"),
        pd.Series(np.where(PERIOD > 8, "4", "5"), name="hour", dtype="str"),
        pd.Series(np.ones(N), name="constant"),
    ],
    ids=lambda column: column.name,
)
def test_a_column_that_gives_the_date_is_not_compared(column):
    assert learn_bins(column, PERIOD) is None


@pytest.mark.parametrize(
    ("column", "broke", "text"),
    [
        (NUMBER, lambda c: c * np.nan, "all cells are missing"),
        (NUMBER, lambda c: c * 0 + 20.0, "a constant"),
        (NUMBER, lambda c: c * 1_000, "another unit"),
        (NUMBER, lambda c: c / 1_000, "another unit"),
        (NUMBER, lambda c: c * 1.8 + 32, "another unit"),
        (TEXT, lambda c: c.str.upper(), "100% of the cells are values that the reference does not know"),
        (TEXT, lambda c: c.where(np.arange(len(c)) % 5 == 0, c.str.upper()), "does not know"),
        (TEXT, lambda c: c.map(lambda _: "bar"), "every cell is the same"),
    ],
)
def test_a_broken_column_is_found_and_a_whole_one_is_not(column, broke, text):
    bins = {"c": learn_bins(column, PERIOD)}
    reference = counts_by_period({"c": column}, bins, PERIOD, PERIODS)
    week = column[PERIOD == 4].reset_index(drop=True)
    for cells, expected in ((week, {}), (broke(week), {"c": text})):
        counts = counts_by_period({"c": cells}, bins, np.zeros(len(cells), dtype=int), 1)
        found = broken_columns(bins, reference, {"c": counts["c"][0]})
        assert set(found) == set(expected)
        assert all(part in found[name] for name, part in expected.items())


def test_distances_agree_with_scipy():
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import wasserstein_distance

    first, second, places = RNG.dirichlet(np.ones(9)), RNG.dirichlet(np.ones(9)), np.sort(RNG.normal(size=9))
    assert jensen_shannon(first, second) == pytest.approx(jensenshannon(first, second, 2))
    assert wasserstein(first, second, places) == pytest.approx(wasserstein_distance(places, places, first, second))


@pytest.mark.parametrize(("period", "name"), [("day", "2024-02-29"), ("week", "2024-02-26"), ("month", "2024-02-01")])
def test_a_period_holds_its_days_and_ends_before_the_next(period, name):
    days = pd.Series(pd.date_range("2024-02-01", "2024-03-31", tz="UTC"))
    names = period_names(days, period)
    inside = days[names == name]
    assert inside.iloc[0].date().isoformat() == name
    assert (inside.iloc[-1] + pd.Timedelta(days=1)).date() == period_end(name, period)
