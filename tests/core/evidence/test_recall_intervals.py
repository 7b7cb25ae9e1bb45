"""Intervals of recalls keep their error with few rows of a class, with and without blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import ndtri, xlogy
from scipy.stats import binom

from benchmarks.recall_error import error_with_blocks, largest_error
from evenhand.evidence.evaluation_rows import EvaluationRows
from evenhand.evidence.recall_intervals import clopper_pearson, recall_differences, recalls, tango

COUNTS = st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(1, 60))


def score_statistic(won, lost, n, difference):
    """The score statistic, its nuisance share found by a search of the likelihood."""

    def unlikely(share):
        p = [share + difference, share, 1 - 2 * share - difference]
        return -sum(xlogy(k, max(q, 1e-300)) for k, q in zip((won, lost, n - won - lost), p, strict=True))

    least, most = max(0.0, -difference), (1 - difference) / 2
    share = minimize_scalar(unlikely, bounds=(least, most), method="bounded", options={"xatol": 1e-12}).x
    return (won - lost - n * difference) / np.sqrt(n * (2 * share + difference * (1 - difference)))


@pytest.mark.parametrize(("won", "lost", "n"), [(12, 2, 50), (3, 9, 60), (1, 4, 90), (7, 7, 75)])
def test_the_bounds_of_tango_are_where_the_score_test_begins_to_reject(won, lost, n):
    z = -ndtri(0.0125)
    found = tango(won / n, lost / n, n, z)
    assert score_statistic(won, lost, n, found.low) == pytest.approx(z, abs=1e-3)
    assert score_statistic(won, lost, n, found.high) == pytest.approx(-z, abs=1e-3)


@given(COUNTS, st.floats(0.5, 4))
@settings(max_examples=50, deadline=None)
def test_tango_holds_its_estimate_is_symmetric_and_narrows_with_rows(counts, z):
    won, lost, tied = counts
    n = won + lost + tied
    found, mirrored = tango(won / n, lost / n, n, z), tango(lost / n, won / n, n, z)
    assert -1 <= found.low <= found.estimate + 1e-12
    assert found.estimate - 1e-12 <= found.high <= 1
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low), abs=1e-12)
    more = tango(won / n, lost / n, 4 * n, z)
    assert found.low <= more.low + 1e-12
    assert more.high <= found.high + 1e-12


@pytest.mark.parametrize("hits", [0, 1, 17, 49, 50])
def test_the_exact_bounds_leave_half_of_the_error_on_each_side(hits):
    found = clopper_pearson(hits / 50, 50, 0.95)
    if hits:
        assert binom.sf(hits - 1, 50, found.low) == pytest.approx(0.025)
    if hits < 50:
        assert binom.cdf(hits, 50, found.high) == pytest.approx(0.025)
    assert (found.low == 0.0, found.high == 1.0) == (hits == 0, hits == 50)


@pytest.mark.parametrize("n", [50, 60, 75, 90])
def test_a_tolerance_errs_no_more_often_than_it_should_with_few_rows(n):
    assert largest_error(n, tolerance=0.05, tail=0.0125) <= 1.1


@pytest.mark.parametrize(("blocks", "size"), [(20, 5), (30, 2)])
def test_nor_with_rows_that_are_copies_of_each_other(blocks, size):
    assert error_with_blocks(blocks, size, alike=1.0, differ=0.1, simulations=2000) <= 1.2


def rows_of(n=400, blocks=None):
    y = np.random.default_rng(0).choice(3, n, p=[0.6, 0.3, 0.1])
    return EvaluationRows(y, ("a", "b", "c"), blocks=blocks)


def test_estimates_are_the_recalls_and_an_absent_class_has_none():
    rows = rows_of()
    rng = np.random.default_rng(1)
    a, b = (np.where(rng.random(len(rows.y)) < share, rows.y, 0) for share in (0.4, 0.6))
    for code, (one, other, difference) in enumerate(
        zip(recalls(rows, a, 0.95), recalls(rows, b, 0.95), recall_differences(rows, a, b, 0.95), strict=True)
    ):
        held = rows.y == code
        assert one.estimate == pytest.approx((a[held] == code).mean())
        assert difference.estimate == pytest.approx(other.estimate - one.estimate)
    absent = EvaluationRows(np.zeros(9, dtype=int), ("a", "b"))
    assert np.isnan(recall_differences(absent, absent.y, absent.y, 0.95)[1].low)
    assert np.isnan(recalls(absent, absent.y, 0.95)[1].low)


def test_copies_as_blocks_give_the_interval_of_the_rows_they_were_copied_from():
    rng, once = np.random.default_rng(1), rows_of(2000)
    a, b = (np.where(rng.random(len(once.y)) < 0.5, once.y, 0) for _ in range(2))
    copied = np.repeat(np.arange(2000), 5)
    many = EvaluationRows(once.y[copied], once.classes, blocks=copied)
    pairs = [
        *zip(recall_differences(once, a, b, 0.95), recall_differences(many, a[copied], b[copied], 0.95), strict=True),
        *zip(recalls(once, a, 0.95), recalls(many, a[copied], 0.95), strict=True),
    ]
    for one, other in pairs:
        assert (other.low, other.high) == pytest.approx((one.low, one.high), abs=0.003)
