"""P(a cell is among the top cells of the coming window), and whether such probabilities came true.

The rate of a cell is Gamma(a + y, b + T) after y events in T weeks, with a and b by the moments of all cells (empirical
Bayes); a draw of all rates and of the counts that follow from them gives one possible ranking of the window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenhand.spatial.hotspots.cells import CellCounts
from evenhand.spatial.hotspots.surfaces import YEAR

BINS = (0.0, 0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True, eq=False)
class ChanceReliability:
    """Of the cells to which a probability in a bin was given: their mean probability, share that were, and number."""

    expected: np.ndarray
    observed: np.ndarray
    cells: np.ndarray


@dataclass(frozen=True, eq=False)
class Posterior:
    """Rates of the cells of one class for each week.

    Attributes
    ----------
    shape : ndarray of float, shape (n_cells,)
    rate : float
        In weeks.
    """

    shape: np.ndarray
    rate: float

    @property
    def mean(self) -> np.ndarray:
        """Events a week, shape (n_cells,)."""
        return self.shape / self.rate


def posterior(history: CellCounts, c: int, years: int) -> Posterior:
    """Return the rates of a class after the last years."""
    n = history.n_weeks
    start = max(0, n - years * YEAR)
    y, weeks = (history.sums[c][:, n] - history.sums[c][:, start]).astype(float), float(n - start)
    mean, extra = y.mean(), y.var() - y.mean()
    a = mean**2 / extra if extra > 1e-9 else 1e3
    b = a * weeks / max(mean, 1e-9)
    return Posterior(a + y, b + weeks)


def membership(rates: Posterior, m: int, weeks: int, seed: int, draws: int) -> np.ndarray:
    """Return P(a cell is among the ``m`` cells with the most events of the coming weeks).

    Ties, as among cells without any event, are broken at random in each draw. Cells with as many events in the past
    have the same rate, so they share their mean.

    Returns
    -------
    ndarray of float, shape (n_cells,)
    """
    rng = np.random.default_rng(seed)
    times = np.zeros(len(rates.shape))
    for _ in range(draws):
        counts = rng.poisson(rng.gamma(rates.shape, weeks / rates.rate))
        times[np.argpartition(-(counts + rng.random(len(counts))), m - 1)[:m]] += 1
    _, group, size = np.unique(rates.shape, return_inverse=True, return_counts=True)
    return np.asarray((np.bincount(group, times) / size)[group] / draws)


def was_among(counts: np.ndarray, m: int) -> np.ndarray:
    """Return the probability that a cell was among the top, ties broken at random: 0, 1, or between for a tied cell."""
    last = np.sort(counts)[-m]
    above, tied = counts > last, counts == last
    return np.where(above, 1.0, np.where(tied, (m - above.sum()) / tied.sum(), 0.0))


def reliability(expected: np.ndarray, observed: np.ndarray) -> ChanceReliability:
    """Sum up probabilities in bins; bins without a cell are left out."""
    bins = np.clip(np.digitize(expected, BINS) - 1, 0, len(BINS) - 2)
    cells = np.bincount(bins, minlength=len(BINS) - 1)
    used = cells > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        means = [
            np.bincount(bins, values, minlength=len(BINS) - 1)[used] / cells[used] for values in (expected, observed)
        ]
    return ChanceReliability(means[0], means[1], cells[used])
