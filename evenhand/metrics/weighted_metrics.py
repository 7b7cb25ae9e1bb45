"""Metrics of probabilities with row weights: prepared once per model, then evaluated on all draws of a bootstrap.

The definitions are those of :func:`evenhand.metrics.scores.score`; ranking, losses and bins are shared with it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evenhand.metrics.confusion_metrics import mean_of_defined
from evenhand.metrics.losses import BINS, confidence_bins, log_losses, squared_errors
from evenhand.metrics.ranking import Ranking

WeightedMetric = Callable[[np.ndarray], np.ndarray]
"""Weights of shape (n, draws) to values of shape (draws, values)."""
RowMetric = Callable[[np.ndarray, np.ndarray, int], WeightedMetric]
"""Class codes of shape (n,), probabilities of shape (n, K) and K to a metric of their weights."""


class _WeightedRanking:
    """One class against the rest, sorted once for all draws.

    It is not :class:`Ranking` with other counts: only thresholds with positives add to an area, so the rows between two
    of them are summed in one step, which :class:`Ranking` on each draw would repeat together with the sort.
    """

    def __init__(self, positive: np.ndarray, values: np.ndarray) -> None:
        ranking = Ranking.of(positive, values)
        self.order = ranking.order
        first = np.append(0, ranking.predicted_positive[:-1])
        at = np.flatnonzero(positive[self.order])
        self.positives = self.order[at]
        held, self.starts = np.unique(ranking.threshold_of_ranked[at], return_index=True)
        self.first, self.end = first[held], ranking.predicted_positive[held]
        self.last = np.append(self.starts[1:], len(at)) - 1
        self.ranked = self.order[: self.end[-1]]

    def average_precision(self, weights: np.ndarray) -> np.ndarray:
        # Draw by draw: one draw's rows stay in the processor's cache, many draws side by side do not.
        return np.array([self._one_average_precision(drawn) for drawn in np.ascontiguousarray(weights.T)])

    def _one_average_precision(self, drawn: np.ndarray) -> float:
        hits = np.cumsum(drawn.take(self.positives), dtype=np.int32).take(self.last)
        seen = np.cumsum(drawn.take(self.ranked), dtype=np.int32).take(self.end - 1)
        step = hits.copy()
        step[1:] -= hits[:-1]
        return float((step * (hits / np.maximum(seen, 1))).sum() / hits[-1]) if hits[-1] else np.nan

    def roc_auc(self, weights: np.ndarray) -> np.ndarray:
        step, seen = self._steps(weights), self._seen(weights)
        bounds = np.stack([self.first, self.end], axis=1).ravel()
        tied = np.add.reduceat(weights[self.order], bounds[bounds < len(weights)], axis=0)[::2]
        wrong = 2 * (seen - np.cumsum(step, axis=0)) - (tied - step)  # negatives above; those at the threshold half
        positives = step.sum(axis=0)
        pairs = 2 * positives * (weights.sum(axis=0, dtype=np.int64) - positives)
        return 1 - (step * wrong).sum(axis=0) / np.where(pairs, pairs, np.nan)

    def _steps(self, weights: np.ndarray) -> np.ndarray:
        """Positives at each threshold, (thresholds, draws)."""
        return np.add.reduceat(weights[self.positives], self.starts, axis=0, dtype=np.int64)

    def _seen(self, weights: np.ndarray) -> np.ndarray:
        """Rows at or above each threshold, (thresholds, draws)."""
        between = np.add.reduceat(weights[self.ranked], np.append(0, self.end[:-1]), axis=0)
        return np.cumsum(between, axis=0, dtype=np.int64)


def _rankings(area: Callable[[_WeightedRanking, np.ndarray], np.ndarray], macro: bool) -> RowMetric:
    def prepare(y: np.ndarray, proba: np.ndarray, k: int) -> WeightedMetric:
        rankings = [_WeightedRanking(y == code, proba[:, code]) if (y == code).any() else None for code in range(k)]

        def metric(weights: np.ndarray) -> np.ndarray:
            absent = np.full(weights.shape[1], np.nan)
            found = np.stack([area(ranking, weights) if ranking else absent for ranking in rankings], axis=-1)
            return mean_of_defined(found, keepdims=True) if macro else found

        return metric

    return prepare


def _mean_of(loss: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> RowMetric:
    def prepare(y: np.ndarray, proba: np.ndarray, _k: int) -> WeightedMetric:
        per_row = loss(y, proba)[:, None]
        return lambda weights: weights.T @ per_row / weights.sum(axis=0)[:, None]

    return prepare


def _calibration_error(y: np.ndarray, proba: np.ndarray, _k: int) -> WeightedMetric:
    bins, confidence, right = confidence_bins(y, proba)
    gap = np.eye(BINS)[bins] * (confidence - right)[:, None]
    return lambda weights: np.abs(weights.T @ gap).sum(axis=1, keepdims=True) / weights.sum(axis=0)[:, None]


WEIGHTED_METRICS: dict[str, RowMetric] = {
    "average_precision": _rankings(_WeightedRanking.average_precision, macro=True),
    "roc_auc": _rankings(_WeightedRanking.roc_auc, macro=True),
    "log_loss": _mean_of(log_losses),
    "brier": _mean_of(squared_errors),
    "ece": _calibration_error,
    "average_precision by class": _rankings(_WeightedRanking.average_precision, macro=False),
}
