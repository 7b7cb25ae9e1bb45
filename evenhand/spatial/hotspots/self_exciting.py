"""A self-exciting process on cells (Mohler et al. 2011): a background, and events that raise the rate near them.

The rate of a cell in a week is a sum of components with weights of at least 0: past counts under Gaussians of several
widths, a uniform rate, and recent events that fade over weeks, at the same cell and around it. The weights are those of
the EM algorithm, in which each event is shared among the components that explain it; that is also how a branching
process is fitted (Veen & Schoenberg 2008).
"""

from __future__ import annotations

import numpy as np

from evenhand.spatial.hotspots.cells import CellCounts
from evenhand.spatial.hotspots.surfaces import LONGEST_HISTORY, YEAR

_BACKGROUND = tuple(
    (years, width) for years in (1, 3, LONGEST_HISTORY // YEAR) for width in (0.0, 1.0, 3.0)
)  # years, cells
_FADING = tuple((weeks, width) for weeks in (2.0, 8.0) for width in (0.0, 1.0))  # mean life in weeks, cells
_REACH = 4  # mean lives after which an event is forgotten
_FIT_WEEKS, _EVERY = 52, 2
_ROUNDS = 60


class SelfExciting:
    """Background and trigger, weighted by EM on the year before."""

    name = "self-exciting process"

    def fit(self, history: CellCounts) -> None:
        """Learn the weights of each class."""
        n = history.n_weeks
        weeks = range(max(YEAR, n - _FIT_WEEKS), n, _EVERY)
        self.weights_ = np.zeros((len(history.classes), len(_BACKGROUND) + len(_FADING) + 1))
        parts: list[list[np.ndarray]] = [[] for _ in history.classes]
        totals = np.zeros_like(self.weights_)
        for week in weeks:
            earlier, y = history.before(week), history.between(week, week + 1)
            for c in range(len(history.classes)):
                made = components(earlier, c)
                totals[c] += made.sum(axis=1)
                events = np.repeat(np.arange(len(y[c])), y[c])
                parts[c].append(made[:, events])
        for c, found in enumerate(parts):
            if found:
                self.weights_[c] = _em(np.concatenate(found, axis=1), totals[c])

    def score(self, history: CellCounts) -> np.ndarray:
        """Add up the components."""
        return np.stack([w @ components(history, c) for c, w in enumerate(self.weights_)])


def components(history: CellCounts, c: int) -> np.ndarray:
    """Return the components of a class for the week after ``history``, each in events a week.

    Returns
    -------
    ndarray of float, shape (n_components, n_cells)
    """
    n, sums = history.n_weeks, history.sums[c]
    made = []
    for years, width in _BACKGROUND:
        start = max(0, n - years * YEAR)
        made.append(history.smoothed((sums[:, n] - sums[:, start]) / (n - start), width))
    for life, width in _FADING:
        lags = np.arange(1, min(n, int(_REACH * life)) + 1)
        fading = np.exp(-lags / life)
        weekly = sums[:, n - lags + 1] - sums[:, n - lags]
        made.append(history.smoothed(weekly @ (fading / fading.sum()), width))
    made.append(np.full(len(history.cells), 1 / len(history.cells)))
    return np.stack(made)


def _em(at_events: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Return weights that maximise the Poisson likelihood.

    Parameters
    ----------
    at_events : ndarray, shape (n_components, n_events)
        Components where the events were.
    totals : ndarray, shape (n_components,)
        Their sums over all cells and weeks.
    """
    weights = np.full(len(totals), 1 / len(totals))
    for _ in range(_ROUNDS):
        rate = np.maximum(weights @ at_events, 1e-12)
        weights = weights * (at_events / rate).sum(axis=1) / np.maximum(totals, 1e-12)
    return np.asarray(weights)
