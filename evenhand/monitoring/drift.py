"""Drift of inputs and predictions: one test per period for all columns together, by permuting whole periods.

A period is compared with its peers: those of the same season where the reference spans years, else all. The statistic
of a period is its largest studentised distance over all columns. When periods are exchangeable, each of the N + 1 could
be the new one, so p = (number of periods whose statistic is at least the new one's) / (N + 1): exact, and never below
1/(N + 1). A new period joins the others, which makes the p-values of a stream independent (Vovk, Gammerman & Shafer
2005). They are turned into e-values and summed as in :mod:`evenhand.monitoring.detector`, for inputs and for
predictions, whose levels are averaged, so that drift which lasts is found even where a single period could not be as
rare as the declared rate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evenhand.monitoring.columns import ColumnBins
from evenhand.monitoring.effects import distances

SAME_SEASON = 0.08  # of a year on either side: a month
FEWEST_PEERS = 8
MOST_PERIODS = 520  # ten years of weeks
EXPONENT = 0.3  # of the calibrator: with 52 to 520 reference periods, drift is found within three to five


@dataclass(frozen=True, eq=False)
class PeriodPool:
    """Counts of the periods that a new one is compared with.

    Attributes
    ----------
    counts : dict of str to ndarray of shape (n_periods, slots)
        By column.
    season : ndarray of shape (n_periods,)
        Place in the year, 0 to 1.
    """

    counts: Mapping[str, np.ndarray]
    season: np.ndarray

    def with_period(self, counts: Mapping[str, np.ndarray], season: float) -> PeriodPool:
        """Add a period as the last; the oldest goes where there are too many."""
        joined = {name: np.vstack([held, counts[name]])[-MOST_PERIODS:] for name, held in self.counts.items()}
        return PeriodPool(joined, np.append(self.season, season)[-MOST_PERIODS:])


@dataclass(frozen=True)
class ColumnChange:
    """How far a column of a period is from its peers.

    Attributes
    ----------
    column : str
    what : str
        ``values`` or ``missing``.
    effect : float
        Jensen-Shannon distance, standard deviations or share, beyond what periods differ by anyway.
    deviations : float
        The same, in standard deviations between periods.
    """

    column: str
    what: str
    effect: float
    deviations: float


@dataclass(frozen=True)
class DriftTest:
    """The test of the last period of a pool."""

    p: float
    periods: int
    """Reference periods N; p is at least 1/(N + 1)."""
    same_season: bool
    changes: tuple[ColumnChange, ...]
    """Every column, the largest deviation first."""


def peers_of(season: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return which periods each is compared with, shape (n, n), and whether that is by season."""
    others = ~np.eye(len(season), dtype=bool)
    apart = np.abs(season[:, None] - season)
    near = (np.minimum(apart, 1 - apart) <= SAME_SEASON) & others
    seasonal = near.sum(1).min(initial=0) >= FEWEST_PEERS and bool((near != others).any())
    return (near, True) if seasonal else (others, False)


def compare_last_period(pool: PeriodPool, bins: Mapping[str, ColumnBins]) -> DriftTest:
    """Test whether the last period of a pool is like the others.

    Parameters
    ----------
    pool : PeriodPool
        Of at least three periods.
    bins : mapping of str to ColumnBins
    """
    near, seasonal = peers_of(pool.season)
    found, changes, weights = [], [], near.astype(float)
    for name, one in bins.items():
        counts = pool.counts[name].astype(float)
        others = weights @ counts
        raw = distances(one, counts, others)
        # By chance alone, a distance is as large as the root of what one row of each side weighs.
        noise = np.sqrt(1 / np.maximum(counts.sum(1), 1) + 1 / np.maximum(others.sum(1), 1))
        scaled = raw / noise[:, None]
        spread = scaled.std(0)
        z = np.divide(scaled - scaled.mean(0), spread, out=np.zeros(scaled.shape), where=spread > 1e-12)
        found.append(z)
        beyond = np.sqrt(np.clip(raw[-1] ** 2 - np.median(raw[:-1], axis=0) ** 2, 0, None))
        whats = enumerate(("values", "missing"))
        changes += [ColumnChange(name, what, float(beyond[at]), float(z[-1, at])) for at, what in whats]
    highest = np.concatenate(found, axis=1).max(1)
    p = float((highest >= highest[-1]).mean())
    ranked = sorted(changes, key=lambda change: -change.deviations)
    return DriftTest(p, len(highest) - 1, seasonal, tuple(ranked))


def e_value(p: float) -> float:
    """Turn a p-value into an e-value, whose mean is at most 1 (Vovk & Wang 2021).

    Examples
    --------
    >>> round(e_value(1 / 261), 1), round(e_value(0.5), 2)
    (14.7, 0.49)
    """
    return float(EXPONENT * p ** (EXPONENT - 1))


def fewest_in_a_row(periods: Sequence[int], threshold: float) -> int:
    """Return after how many periods in a row at the smallest possible p the mean level reaches the threshold.

    Parameters
    ----------
    periods : sequence of int
        Reference periods of each test.
    threshold : float
    """
    gains = np.array([e_value(1 / (n + 1)) for n in periods])
    levels, needed = np.zeros(len(gains)), 0
    while levels.mean() < threshold and needed < 1_000:
        levels, needed = (1 + levels) * gains, needed + 1
    return needed
