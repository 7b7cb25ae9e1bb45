"""The rolling origin of hotspots: every rival scores the cells before an origin, and the window after it is counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from evenhand.spatial.hotspots.cells import CellCounts
from evenhand.spatial.hotspots.surfaces import Surface, top_cells
from evenhand.spatial.periods import Periods


@dataclass(frozen=True)
class HotspotPlan:
    """Origins, windows in weeks, and shares of the area.

    Attributes
    ----------
    origins : tuple of int
        Weeks before each; the first are there to choose by.
    reported : int
        Number of the last origins, which tables are of.
    windows : tuple of int
        Weeks after an origin.
    shares : tuple of float
        Of the cells of the study area.
    refit_every : int
        Origins between two fits.
    weeks : Periods
        Of the history, up to the end of the data.
    """

    origins: tuple[int, ...]
    reported: int
    windows: tuple[int, ...]
    shares: tuple[float, ...]
    refit_every: int
    weeks: Periods

    def known(self, window: int, now: int) -> np.ndarray:
        """Which origins had their window over at week ``now``, shape (n_origins,)."""
        return np.asarray(self.origins) + window <= now


@dataclass(frozen=True, eq=False)
class HotspotHits:
    """Events that each rival's cells held.

    Attributes
    ----------
    rivals : tuple of str
    hits, alone, past : ndarray of int, shape (n_rivals, n_origins, n_classes, n_windows, n_shares)
        Events in the top cells; those that plain counts did not hold; events there in the window before the origin.
    bar_alone : ndarray of int, same shape
        Events that plain counts held and this rival did not.
    best : ndarray of int, shape (n_origins, n_classes, n_windows, n_shares)
        The most that this number of cells held.
    total, past_total : ndarray of int, shape (n_origins, n_classes, n_windows)
        All events of the window, and of the one before, in and outside the cells.
    chosen_cells : tuple of int
        Number of top cells for each share.
    n_cells : int
        Of the study area.
    plan : HotspotPlan
    """

    rivals: tuple[str, ...]
    hits: np.ndarray
    alone: np.ndarray
    bar_alone: np.ndarray
    past: np.ndarray
    best: np.ndarray
    total: np.ndarray
    past_total: np.ndarray
    chosen_cells: tuple[int, ...]
    n_cells: int
    plan: HotspotPlan


def hotspot_backtest(
    counts: CellCounts, rivals: Sequence[Surface], plan: HotspotPlan, say: Callable[[int], None] | None = None
) -> HotspotHits:
    """Count the hits of rivals by rolling origin.

    Parameters
    ----------
    counts : CellCounts
    rivals : sequence of Surface
        The first is plain counts, to which the others are compared.
    plan : HotspotPlan
    say : callable, optional
        Called with the number of origins done.
    """
    n_cells, n_classes = len(counts.cells), len(counts.classes)
    tops = tuple(max(1, round(share * n_cells)) for share in plan.shares)
    shape = (len(plan.origins), n_classes, len(plan.windows), len(tops))
    kept = {name: np.zeros((len(rivals), *shape), int) for name in ("hits", "alone", "bar_alone", "past")}
    best, total, past_total = np.zeros(shape, int), np.zeros(shape[:3], int), np.zeros(shape[:3], int)
    for at, origin in enumerate(plan.origins):
        history = counts.before(origin)
        if at % plan.refit_every == 0:
            for rival in rivals:
                rival.fit(history)
        scores = [rival.score(history) for rival in rivals]
        windows = [_Window(counts, origin, width) for width in plan.windows]
        for c in range(n_classes):
            held = [_masks(score[c], tops) for score in scores]
            for w, window in enumerate(windows):
                total[at, c, w], past_total[at, c, w] = window.total[c], window.past_total[c]
                best[at, c, w] = window.best(c, tops)
                for number, masks in enumerate(held):
                    index = (number, at, c, w)
                    kept["hits"][index] = masks @ window.y[c]
                    kept["past"][index] = masks @ window.past[c]
                    kept["alone"][index] = (masks & ~held[0]) @ window.y[c]
                    kept["bar_alone"][index] = (held[0] & ~masks) @ window.y[c]
        if say is not None:
            say(at + 1)
    totals = {"best": best, "total": total, "past_total": past_total}
    return HotspotHits(tuple(r.name for r in rivals), **kept, **totals, chosen_cells=tops, n_cells=n_cells, plan=plan)


class _Window:
    """What happened in the weeks after an origin, and in as many before it."""

    def __init__(self, counts: CellCounts, origin: int, width: int) -> None:
        self.y, self.past = counts.between(origin, origin + width), counts.between(origin - width, origin)
        self.total = self.y.sum(axis=1) + counts.missed(origin, origin + width)
        self.past_total = self.past.sum(axis=1) + counts.missed(max(0, origin - width), origin)

    def best(self, c: int, tops: Sequence[int]) -> np.ndarray:
        """Return the most events that this number of cells held."""
        running = np.cumsum(-np.sort(-self.y[c]))
        return np.asarray([running[m - 1] for m in tops])


def _masks(score: np.ndarray, tops: Sequence[int]) -> np.ndarray:
    """Return which cells are among the top, shape (n_shares, n_cells)."""
    ranked = top_cells(score, max(tops))
    masks = np.zeros((len(tops), len(score)), bool)
    for row, m in enumerate(tops):
        masks[row, ranked[:m]] = True
    return masks
