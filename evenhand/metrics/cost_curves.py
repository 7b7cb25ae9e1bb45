"""Cost curves: what a model costs for every ratio of the cost of a miss to that of a false alarm.

After Drummond & Holte (2006), Cost curves: an improved method for visualizing classifier performance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenhand.metrics.ranking import Ranking

EQUAL = 1e-12
INSIDE = np.linspace(0, 1, 201)[1:-1]


@dataclass(frozen=True, eq=False)
class CostCurve:
    """One class against the rest.

    The probability cost x goes from 0 to 1: the share of the class times the cost of a miss, as a part of that plus the
    share of the rest times the cost of a false alarm. The normalised expected cost is the expected cost as a part of
    that of being always wrong: a threshold costs ``false_alarms * (1 - x) + misses * x``.

    Attributes
    ----------
    share : float
        Of the class among the rows.
    x, cost : ndarray of shape (m,)
        Corners of the lower envelope over all thresholds, those that call no row and every row among them.
    false_alarms : float
        Share of the rest that the chosen rule calls the class.
    misses : float
        Share of the class that it calls something else.
    """

    share: float
    x: np.ndarray
    cost: np.ndarray
    false_alarms: float
    misses: float

    def of_rule(self, x: np.ndarray) -> np.ndarray:
        """Return the normalised expected cost of the chosen rule."""
        return np.asarray(self.false_alarms * (1 - x) + self.misses * x)

    @property
    def suits(self) -> float:
        """Return the x at which the rule loses least against the best threshold; the middle of a stretch.

        The loss is relative to the cost of calling no row or every row, so that the ends, where all costs are low, do
        not count. A rule over several classes is no threshold on one of them: it may even cost less than the best one.
        """
        x = np.union1d(self.x[(self.x > 0) & (self.x < 1)], INSIDE)
        loss = (self.of_rule(x) - np.interp(x, self.x, self.cost)) / np.minimum(x, 1 - x)
        least = x[loss <= loss.min() + EQUAL]
        return float((least[0] + least[-1]) / 2)

    @property
    def worth(self) -> tuple[float, float] | None:
        """Return the x between which the rule costs less than calling no row and than calling every row."""
        if self.misses + self.false_alarms >= 1:
            return None
        low = self.false_alarms / (1 + self.false_alarms - self.misses)
        return low, (1 - self.false_alarms) / (1 - self.false_alarms + self.misses)

    def times(self, x: float) -> float:
        """Return the cost of a miss as a multiple of that of a false alarm at ``x``; infinite at 1."""
        return float("inf") if x >= 1 else x * (1 - self.share) / ((1 - x) * self.share)

    def at(self, times: float) -> float:
        """Return the x at which a miss costs ``times`` as much as a false alarm.

        Examples
        --------
        >>> curve = cost_curve(np.array([True, False, False, False]), np.array([0.9, 0.2, 0.1, 0.1]), np.full(4, False))
        >>> curve.at(3), curve.times(0.5)
        (0.5, 3.0)
        """
        return times * self.share / (times * self.share + 1 - self.share)


def cost_curve(positive: np.ndarray, values: np.ndarray, called: np.ndarray) -> CostCurve:
    """Make the curve of one class.

    Parameters
    ----------
    positive : ndarray of bool, shape (n,)
        Rows of the class; at least one, and at least one other.
    values : ndarray of float, shape (n,)
        The higher, the more likely positive.
    called : ndarray of bool, shape (n,)
        Rows that the chosen rule calls the class.

    Raises
    ------
    ValueError
        When all rows are of the class, or none is.
    """
    n_positive = int(positive.sum())
    n_rest = len(positive) - n_positive
    if not n_positive or not n_rest:
        raise ValueError(f"a cost curve needs rows of the class and of the rest, found {n_positive} and {n_rest}")
    found = Ranking.of(positive, values)
    hull = _hull(np.append(0, found.false_positives) / n_rest, np.append(0, found.true_positives) / n_positive)
    false_alarms, misses = hull[:, 0], 1 - hull[:, 1]
    # Two neighbours on the hull cost the same where one line crosses the other.
    steps = np.diff(false_alarms), -np.diff(misses)
    x = np.concatenate([[0.0], steps[0] / (steps[0] + steps[1]), [1.0]])
    best = np.append(np.arange(len(hull)), len(hull) - 1)
    cost = false_alarms[best] * (1 - x) + misses[best] * x
    rest = ~positive
    return CostCurve(
        n_positive / len(positive), x, cost, float(called[rest].mean()), float(1 - called[positive].mean())
    )


def _hull(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the corners of the upper convex hull of points that go up and to the right, shape (m, 2)."""
    kept: list[tuple[float, float]] = []
    for point in zip(x.tolist(), y.tolist(), strict=True):
        while len(kept) > 1 and _turns_up(kept[-2], kept[-1], point):
            kept.pop()
        if kept and kept[-1] == point:
            continue
        kept.append(point)
    return np.array(kept)


def _turns_up(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    """Whether ``b`` lies on or below the line from ``a`` to ``c``."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) >= 0
