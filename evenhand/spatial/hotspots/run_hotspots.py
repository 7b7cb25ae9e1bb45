"""Hotspots of an analysis: all rivals on past origins, the chosen map from the end of the data, and how sure it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evenhand.spatial.forecasts.distributions import negative_binomial, quantiles
from evenhand.spatial.hotspots.backtest import HotspotPlan, hotspot_backtest
from evenhand.spatial.hotspots.boosted_cells import BoostedCells
from evenhand.spatial.hotspots.cells import CellCounts
from evenhand.spatial.hotspots.feedback import Feedback, simulate_feedback
from evenhand.spatial.hotspots.judge_hotspots import JudgedHotspots, judge_hotspots
from evenhand.spatial.hotspots.membership import (
    ChanceReliability,
    membership,
    posterior,
    reliability,
    was_among,
)
from evenhand.spatial.hotspots.self_exciting import SelfExciting
from evenhand.spatial.hotspots.surfaces import YEAR, KernelDensity, PastCounts, ProMap, Surface

_DRAWS, _DRAWS_AT_ORIGINS, _ORIGINS = 1000, 100, 13
TAILS = (0.1, 0.9, 0.025, 0.975)  # of the intervals of 80 and 95 %


@dataclass(frozen=True, eq=False)
class ComingHotspots:
    """The coming weeks, cell by cell.

    Attributes
    ----------
    mean : ndarray of float, shape (n_classes, n_cells)
        Expected events.
    bounds : ndarray of int, shape (4, n_classes, n_cells)
        Low and high of the 80 % interval, then of the 95 % one.
    among_top : ndarray of float, shape (n_classes, n_cells)
        P(the cell is among the top cells).
    rivals : tuple of str
        The rival that drew the map of each class.
    """

    mean: np.ndarray
    bounds: np.ndarray
    among_top: np.ndarray
    rivals: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class HotspotOutcome:
    """Everything about hotspots that a page shows; ``top`` is the number of top cells of the map."""

    counts: CellCounts
    plan: HotspotPlan
    judged: JudgedHotspots
    coming: ComingHotspots
    reliability: ChanceReliability
    top: int
    bar: str
    feedback: tuple[Feedback, ...]


@dataclass(frozen=True)
class MapRequest:
    """The window and share of the area of the map, the years that plain counts count, and the seed."""

    weeks: int
    share: float
    years: int
    seed: int


def find_hotspots(
    counts: CellCounts, plan: HotspotPlan, asked: MapRequest, say: Callable[[int], None] | None = None
) -> HotspotOutcome:
    """Judge all rivals by rolling origin, and draw the map with the chosen ones.

    Parameters
    ----------
    counts : CellCounts
    plan : HotspotPlan
    asked : MapRequest
    say : callable, optional
        Called with the number of origins done.
    """
    rivals = hotspot_rivals(asked.years, asked.seed)
    hits = hotspot_backtest(counts, rivals, plan, say)
    km2 = (counts.grid.side / 1000) ** 2
    judged = judge_hotspots(hits, counts.classes, km2, (asked.weeks, asked.share), asked.seed)
    top = max(1, round(asked.share * len(counts.cells)))
    coming = _coming(counts, rivals, judged.choices[-1], top, asked)
    chances = _reliability(counts, plan, top, asked)
    feedback = simulate_feedback(counts, asked.share, asked.seed)
    return HotspotOutcome(counts, plan, judged, coming, chances, top, rivals[0].name, feedback)


def hotspot_rivals(years: int, seed: int) -> list[Surface]:
    """Return all rivals; the first is plain counts, the bar."""
    counted = [PastCounts(years)] + ([PastCounts(1)] if years != 1 else [])
    return [*counted, KernelDensity(years), ProMap(), SelfExciting(), BoostedCells(seed, threads=1)]


def _coming(
    counts: CellCounts, rivals: list[Surface], chosen: np.ndarray, top: int, asked: MapRequest
) -> ComingHotspots:
    shape = (len(counts.classes), len(counts.cells))
    mean, among, bounds = np.zeros(shape), np.zeros(shape), np.zeros((len(TAILS), *shape), int)
    scores = {}
    for number in np.unique(chosen):
        rivals[number].fit(counts)
        scores[int(number)] = rivals[number].score(counts)
    n = counts.n_weeks
    year = min(YEAR, n)
    expected = counts.between(n - year, n).sum(axis=1) / year * asked.weeks
    for c, number in enumerate(chosen):
        score = scores[int(number)][c]
        mean[c] = score / max(score.sum(), 1e-12) * expected[c]
        rates = posterior(counts, c, asked.years)
        among[c] = membership(rates, top, asked.weeks, asked.seed, _DRAWS)
        # The spread is that of the posterior, around the mean of the chosen map.
        below = negative_binomial(mean[c], rates.shape, int(3 * mean[c].max()) + 30)
        bounds[:, c] = [quantiles(below, tail) for tail in TAILS]
    return ComingHotspots(mean, bounds, among, tuple(rivals[int(number)].name for number in chosen))


def _reliability(counts: CellCounts, plan: HotspotPlan, top: int, asked: MapRequest) -> ChanceReliability:
    """Compare P(among the top) of past origins, all classes together, with what came."""
    expected, observed = [], []
    reported = plan.origins[-plan.reported :]
    for origin in reported[:: max(1, len(reported) // _ORIGINS)]:
        history, after = counts.before(origin), counts.between(origin, origin + asked.weeks)
        for c in range(len(counts.classes)):
            rates = posterior(history, c, asked.years)
            expected.append(membership(rates, top, asked.weeks, asked.seed + origin, _DRAWS_AT_ORIGINS))
            observed.append(was_among(after[c], top))
    return reliability(np.concatenate(expected), np.concatenate(observed))
