"""One class against the rest: cumulative counts at every threshold, for precision-recall and ROC curves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class Ranking:
    """Rows sorted from the highest value down; rows with equal values share a threshold. n rows, t thresholds.

    Parameters
    ----------
    order : ndarray of int, shape (n,)
        Positions of the rows.
    last : ndarray of int, shape (t,)
        Index in ``order`` of the last row of each threshold.
    true_positives : ndarray of int, shape (t,)
        Positives at or above each threshold.
    """

    order: np.ndarray
    last: np.ndarray
    true_positives: np.ndarray

    @classmethod
    def of(cls, positive: np.ndarray, values: np.ndarray) -> Ranking:
        """Sort rows.

        Parameters
        ----------
        positive : ndarray of bool, shape (n,)
        values : ndarray of float, shape (n,)
            Scores; a higher one means more likely positive.

        Examples
        --------
        >>> found = Ranking.of(np.array([True, False, True]), np.array([0.9, 0.5, 0.5]))
        >>> found.true_positives.tolist(), found.predicted_positive.tolist(), round(found.average_precision, 3)
        ([1, 2], [1, 3], 0.833)
        """
        order = np.argsort(values)[::-1]
        ranked = values[order]
        last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
        return cls(order, last, np.cumsum(positive[order])[last])

    @property
    def predicted_positive(self) -> np.ndarray:
        """Rows at or above each threshold, shape (t,)."""
        return self.last + 1

    @property
    def false_positives(self) -> np.ndarray:
        """Negatives at or above each threshold, shape (t,)."""
        return self.predicted_positive - self.true_positives

    @cached_property
    def added_positives(self) -> np.ndarray:
        """Positives that each threshold adds, shape (t,)."""
        return np.diff(self.true_positives, prepend=0)

    @cached_property
    def precision(self) -> np.ndarray:
        """Share of positives at or above each threshold, shape (t,)."""
        return self.true_positives / self.predicted_positive

    @property
    def threshold_of_ranked(self) -> np.ndarray:
        """Index of the threshold that each row in ``order`` belongs to, shape (n,)."""
        ends = np.zeros(len(self.order), dtype=np.int64)
        ends[self.last] = 1
        return np.cumsum(ends) - ends

    @property
    def average_precision(self) -> float:
        """As scikit-learn's ``average_precision_score``; nan where there is no positive."""
        positives = self.true_positives[-1]
        return float((self.added_positives * self.precision).sum() / positives) if positives else math.nan

    @property
    def roc_auc(self) -> float:
        """As scikit-learn's ``roc_auc_score``; nan where there is no positive or no negative."""
        tp, fp = self.true_positives, self.false_positives
        if not tp[-1] or not fp[-1]:
            return math.nan
        height = tp + np.concatenate(
            ([0], tp[:-1])
        )  # twice the mean height of each trapezoid, kept integer so that the area is exact
        area = int(np.sum(np.diff(fp, prepend=0) * height))
        return area / (2 * int(tp[-1]) * int(fp[-1]))
