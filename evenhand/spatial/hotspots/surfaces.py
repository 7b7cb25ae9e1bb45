"""Rivals that score the cells of one class: plain counts, kernel density, ProMap."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from evenhand.spatial.hotspots.cells import CellCounts

YEAR = 52
LONGEST_HISTORY = 6 * YEAR  # weeks before an origin that a rival reads at most
WIDTHS = (0.5, 1.0, 2.0, 4.0)  # of Gaussians, in cells
_TUNING_WEEKS = 26
TUNED_AREA = 0.01  # of the cells: where widths are chosen


class Surface(Protocol):
    """A method that scores cells. It is given the weeks before an origin and nothing else."""

    @property
    def name(self) -> str:
        """How tables call it."""

    def fit(self, history: CellCounts) -> None:
        """Learn from all classes; called less often than :meth:`score`."""

    def score(self, history: CellCounts) -> np.ndarray:
        """Return a score of each class and cell, shape (n_classes, n_cells): the higher, the more is expected."""


class PastCounts:
    """How many events a cell had in the last years: the bar for every other rival."""

    def __init__(self, years: int) -> None:
        self.years = years
        self.name = "counts of the last year" if years == 1 else f"counts of the last {years} years"

    def fit(self, history: CellCounts) -> None:
        """Learn nothing."""

    def score(self, history: CellCounts) -> np.ndarray:
        """Count."""
        return history.between(history.n_weeks - YEAR * self.years, history.n_weeks).astype(float)


class KernelDensity:
    """Counts of the last years under a Gaussian, of the width that would have hit most in the half year before."""

    name = "kernel density"

    def __init__(self, years: int) -> None:
        self.years = years

    def fit(self, history: CellCounts) -> None:
        """Choose the width of each class."""
        cut = history.n_weeks - _TUNING_WEEKS
        earlier = history.before(cut)
        counted = PastCounts(self.years).score(earlier)
        later = history.between(cut, history.n_weeks)
        top = max(1, round(TUNED_AREA * len(history.cells)))
        self.widths_ = []
        for c, counts in enumerate(counted):
            hits = [later[c][top_cells(history.smoothed(counts, width), top)].sum() for width in WIDTHS]
            self.widths_.append(WIDTHS[int(np.argmax(hits))])

    def score(self, history: CellCounts) -> np.ndarray:
        """Smooth."""
        counted = PastCounts(self.years).score(history)
        return np.stack([history.smoothed(c, width) for c, width in zip(counted, self.widths_, strict=True)])


class ProMap:
    """Bowers, Johnson & Pease 2004: events within 400 m and 8 weeks weigh 1 / (1 + cells) * 1 / (1 + weeks)."""

    name = "ProMap"
    metres, weeks = 400.0, 8

    def fit(self, history: CellCounts) -> None:
        """Learn nothing."""

    def score(self, history: CellCounts) -> np.ndarray:
        """Weigh what is near in time, then what is near in space."""
        kernel = self._kernel(history.grid.side)
        n = history.n_weeks
        recent = sum(history.between(n - 1 - w, n - w) / (1 + w) for w in range(min(self.weeks, n)))
        return np.stack([history.convolved(values, kernel) for values in np.asarray(recent)])

    def _kernel(self, side: float) -> np.ndarray:
        reach = int(self.metres // side)
        steps = np.arange(-reach, reach + 1)
        apart = np.hypot(*np.meshgrid(steps, steps))
        return np.where(apart * side <= self.metres, 1 / (1 + apart), 0.0)


def top_cells(score: np.ndarray, m: int) -> np.ndarray:
    """Return the ``m`` cells with the highest score.

    Ties, of which counts have many, are broken in an order that is drawn once and is the same for all rivals.

    Parameters
    ----------
    score : ndarray, shape (n_cells,)
    m : int

    Returns
    -------
    ndarray of int, shape (m,)
    """
    order = np.random.default_rng(0).permutation(len(score))
    return np.asarray(order[np.argsort(-score[order], kind="stable")[:m]])
