"""Hotspots: indices by hand, no sight of the future, choices that never fall behind counting without need."""

import numpy as np
import pytest

from evenhand.spatial.events import Events, grid_over
from evenhand.spatial.hotspots.backtest import HotspotPlan, hotspot_backtest
from evenhand.spatial.hotspots.cells import count_in_cells
from evenhand.spatial.hotspots.explore import clusters, significant_cells
from evenhand.spatial.hotspots.feedback import simulate_feedback
from evenhand.spatial.hotspots.indices import AreaShare, PastHits, indices
from evenhand.spatial.hotspots.judge_hotspots import choose_over_counts, judge_hotspots
from evenhand.spatial.hotspots.membership import Posterior, membership, was_among
from evenhand.spatial.hotspots.run_hotspots import hotspot_rivals
from evenhand.spatial.hotspots.surfaces import PastCounts, top_cells
from evenhand.spatial.past import past_map
from evenhand.spatial.periods import Periods
from tests.core.spatial.city import HOT, city_rows

WEEKS = Periods("week", 2504, 208)  # from Monday, 1 January 2018 on
PLAN = HotspotPlan(tuple(range(120, 190, 4)), 12, (1, 4), (0.01, 0.05), 6, WEEKS)


@pytest.fixture(scope="module")
def events():
    rows = city_rows()
    kinds, klass = np.unique(rows["kind"], return_inverse=True)
    areas, area = np.unique(rows["district"], return_inverse=True)
    day = rows["when"].astype("datetime64[us]")
    place = (rows["lat"].to_numpy(), rows["lon"].to_numpy())
    return Events(tuple(kinds), tuple(areas), klass, area, day, rows["hour"].to_numpy(), *place)


@pytest.fixture(scope="module")
def counts(events):
    return count_in_cells(events, grid_over(events.latitude, events.longitude, 250.0), WEEKS, 120)


def test_indices_by_hand():
    # 2 of 20 cells hold 3 of 10 events, the best 2 hold 5; in the window before they held 4 of 10.
    area, past = AreaShare(cells=2, of=20, km2=0.5, weeks=1), PastHits(np.array([4]), np.array([10]))
    found = indices(np.array([3]), np.array([10]), np.array([5]), area, past)
    assert (found.hit_rate, found.pai, found.pei, found.ser) == pytest.approx((0.3, 3.0, 0.6, 6.0))
    assert found.rri == pytest.approx(0.75)


def test_nothing_happened_is_not_defined_rather_than_an_error():
    empty = np.array([0])
    found = indices(empty, empty, empty, AreaShare(1, 10, 0.1, 1), PastHits(empty, empty))
    assert np.isnan([found.hit_rate, found.pai, found.pei, found.rri]).all()


def test_cells_hold_all_events_and_those_outside_count_as_missed(events, counts):
    total = counts.between(0, counts.n_weeks).sum(axis=1) + counts.missed(0, counts.n_weeks)
    assert total.sum() == len(events)
    assert counts.grid.side == 250


def test_the_planted_cell_is_found_by_every_rival(counts):
    cell = counts.grid.cells(np.array([HOT[0]]), np.array([HOT[1]]))[0]
    at, theft = int(np.searchsorted(counts.cells, cell)), counts.classes.index("Theft")
    for rival in hotspot_rivals(3, 0):
        rival.fit(counts)
        assert top_cells(rival.score(counts)[theft], 1)[0] == at, rival.name


def test_what_comes_after_an_origin_changes_no_score(events, counts):
    cut = 150
    week = ((events.day - events.day.min()).dt.days // 7).to_numpy()
    moved = Events(
        *(events.classes, events.areas, events.klass, events.area, events.day, events.hour),
        np.where(week >= cut, events.latitude[0], events.latitude),
        np.where(week >= cut, events.longitude[0], events.longitude),
    )
    other = count_in_cells(moved, counts.grid, WEEKS, 120)
    for rival in hotspot_rivals(3, 0):
        scores = []
        for these in (counts, other):
            rival.fit(these.before(cut))
            scores.append(rival.score(these.before(cut)))
        np.testing.assert_array_equal(*scores, err_msg=rival.name)


def test_counts_are_level_with_themselves_and_every_line_adds_up(counts):
    hits = hotspot_backtest(counts, hotspot_rivals(3, 0), PLAN)
    judged = judge_hotspots(hits, counts.classes, 0.0625, (4, 0.01), 0)
    for line in judged.scores:
        bar = judged.find("counts of the last 3 years", line.klass, line.weeks, line.share)
        assert line.events == bar.events
        assert line.indices.pei <= 1
        if line.weeks == 4:  # windows that do not overlap are all in the binomial test
            assert line.hits - bar.hits == line.only_own - line.only_counts
    theft = judged.find("counts of the last 3 years", "Theft", 4, 0.01)
    assert theft.pai.low > 10


def test_counts_are_chosen_unless_a_rival_was_surely_ahead():
    plan = HotspotPlan(tuple(range(0, 80, 4)), 10, (4,), (0.01,), 6, WEEKS)
    rng = np.random.default_rng(0)
    bar = rng.poisson(50, (1, 20, 1))
    lucky, better, worse = bar + rng.integers(-6, 7, bar.shape), bar + 5 + rng.integers(0, 3, bar.shape), bar - 5
    assert (choose_over_counts(np.concatenate([bar, lucky, worse]), plan, 4) == 0).mean() > 0.8
    chosen = choose_over_counts(np.concatenate([bar, lucky, better]), plan, 4)[:, 0]
    assert (chosen[:5] == 0).all()
    assert (chosen[8:] == 2).all()


def test_ties_are_broken_alike_for_all_and_the_top_are_the_highest():
    score = np.array([1.0, 3.0, 0.0, 0.0, 2.0, 0.0])
    assert set(top_cells(score, 3)) == {0, 1, 4}
    assert top_cells(score, 5).tolist() == top_cells(2 * score, 5).tolist()


def test_the_chance_of_being_among_the_top_adds_up_and_follows_the_rate():
    rates = Posterior(np.array([30.0, 3.0, 3.0, 0.5, 0.5]), 10.0)
    chance = membership(rates, 2, 4, 0, 2000)
    assert chance.sum() == pytest.approx(2)
    assert chance[0] > 0.95
    assert chance[1] == chance[2] > chance[3] == chance[4]
    assert was_among(np.array([5, 1, 1, 0]), 2).tolist() == [1.0, 0.5, 0.5, 0.0]


def test_exploration_finds_a_planted_block_and_the_planted_spot_and_nothing_on_level_ground(events):
    past = past_map(events, grid_over(events.latitude, events.longitude, 250.0))
    row, column = np.divmod(past.cells, past.grid.columns)
    block = (np.abs(row - 10) <= 1) & (np.abs(column - 12) <= 1)
    level = np.random.default_rng(0).poisson(5, len(past.cells))
    assert significant_cells(past, level + 10 * block, 0)[(row == 10) & (column == 12)].all()
    assert significant_cells(past, level, 0).mean() < 0.02
    rows = events.klass == 1
    largest = clusters(events.latitude[rows], events.longitude[rows], 0)[0]
    assert abs(largest.latitude - HOT[0]) < 0.002
    assert abs(largest.longitude - HOT[1]) < 0.002


def test_patrols_that_follow_records_exaggerate_what_only_they_find_and_nothing_else(counts):
    none, *_, all_ = simulate_feedback(counts, 0.01, 0)
    assert none.recorded == none.true
    assert all_.recorded > 1.5 * all_.true


def test_a_bar_of_one_year_is_not_named_twice():
    assert [rival.name for rival in hotspot_rivals(1, 0)].count(PastCounts(1).name) == 1
