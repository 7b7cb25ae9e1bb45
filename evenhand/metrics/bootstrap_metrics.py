"""Metrics of many resampled data sets at once: of confusion matrices, and of rows with weights.

The definitions are those of :func:`evenhand.metrics.scores.score`; here each is one array operation over all draws.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evenhand.metrics.scores import BINS, FLOOR

WeightedMetric = Callable[[np.ndarray], np.ndarray]
RowMetric = Callable[[np.ndarray, np.ndarray, int], WeightedMetric]


# --- metrics of confusion matrices (..., K, K), truth in rows; each (..., values) ----------------------------------


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(np.broadcast_shapes(part.shape, whole.shape)), where=whole > 0)


def _hits(c: np.ndarray) -> np.ndarray:
    return np.diagonal(c, axis1=-2, axis2=-1)


def _class_recall(c: np.ndarray) -> np.ndarray:
    rows = c.sum(-1)
    return np.where(rows > 0, _ratio(_hits(c), rows), np.nan)


def _class_precision(c: np.ndarray) -> np.ndarray:
    return np.where(c.sum(-1) > 0, _ratio(_hits(c), c.sum(-2)), np.nan)


def _class_f1(c: np.ndarray) -> np.ndarray:
    return np.where(c.sum(-1) > 0, _ratio(2 * _hits(c), c.sum(-1) + c.sum(-2)), np.nan)


def _macro(values: np.ndarray) -> np.ndarray:
    """Mean over the classes where the value is defined; nan where there is none."""
    present = np.isfinite(values)
    count = present.sum(-1, keepdims=True)
    mean = _ratio(np.where(present, values, 0).sum(-1, keepdims=True), count)
    return np.where(count > 0, mean, np.nan)


def _weighted_f1(c: np.ndarray) -> np.ndarray:
    return _ratio((np.nan_to_num(_class_f1(c)) * c.sum(-1)).sum(-1, keepdims=True), c.sum((-2, -1))[..., None])


def _g_mean(c: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):  # a recall of 0 makes the mean 0
        return np.exp(np.nanmean(np.log(_class_recall(c)), axis=-1, keepdims=True))


def _mcc(c: np.ndarray) -> np.ndarray:
    n, truth, said = c.sum((-2, -1)), c.sum(-1), c.sum(-2)
    together = _hits(c).sum(-1) * n - (truth * said).sum(-1)
    spread = np.sqrt(n**2 - (truth**2).sum(-1)) * np.sqrt(n**2 - (said**2).sum(-1))
    return _ratio(together, spread)[..., None]


FROM_CONFUSION: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "macro_f1": lambda c: _macro(_class_f1(c)),
    "weighted_f1": _weighted_f1,
    "balanced_accuracy": lambda c: _macro(_class_recall(c)),
    "g_mean": _g_mean,
    "mcc": _mcc,
    "macro_precision": lambda c: _macro(_class_precision(c)),
    "macro_recall": lambda c: _macro(_class_recall(c)),
    "accuracy": lambda c: _ratio(_hits(c).sum(-1), c.sum((-2, -1)))[..., None],
    "recall by class": _class_recall,
    "precision by class": _class_precision,
    "f1 by class": _class_f1,
}


# --- metrics of weighted rows: prepared once a model, then weights (n, draws) -> (draws, values) -------------------


class _Ranking:
    """One class against the rest, sorted once; rows with equal values share a threshold.

    Only thresholds with positives count, so the rows between two of them are summed in one go.
    """

    def __init__(self, positive: np.ndarray, values: np.ndarray) -> None:
        self.order = np.argsort(-values, kind="stable")
        change = np.diff(values[self.order], prepend=np.inf) != 0
        first, group = np.flatnonzero(change), np.cumsum(change) - 1
        at = np.flatnonzero(positive[self.order])
        self.positives = self.order[at]
        held, self.starts = np.unique(group[at], return_index=True)
        self.first, self.end = first[held], np.append(first[1:], len(values))[held]
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
        return float((step * (hits / np.maximum(seen, 1))).sum() / len(self.positives))

    def roc_auc(self, weights: np.ndarray) -> np.ndarray:
        step, seen = self._steps(weights), self._seen(weights)
        bounds = np.stack([self.first, self.end], axis=1).ravel()
        tied = np.add.reduceat(weights[self.order], bounds[bounds < len(weights)], axis=0)[::2]
        wrong = 2 * (seen - np.cumsum(step, axis=0)) - (tied - step)  # negatives above, those at the threshold half
        negatives = len(weights) - len(self.positives)
        return 1 - (step * wrong).sum(axis=0) / (2 * len(self.positives) * negatives or np.nan)

    def _steps(self, weights: np.ndarray) -> np.ndarray:
        """Positives at every threshold, (thresholds, draws)."""
        return np.add.reduceat(weights[self.positives], self.starts, axis=0, dtype=np.int64)

    def _seen(self, weights: np.ndarray) -> np.ndarray:
        """Rows at or above every threshold, (thresholds, draws)."""
        return np.cumsum(
            np.add.reduceat(weights[self.ranked], np.append(0, self.end[:-1]), axis=0), axis=0, dtype=np.int64
        )


def _rankings(area: Callable[[_Ranking, np.ndarray], np.ndarray], macro: bool) -> RowMetric:
    def prepare(y: np.ndarray, proba: np.ndarray, k: int) -> WeightedMetric:
        rankings = [_Ranking(y == code, proba[:, code]) if (y == code).any() else None for code in range(k)]

        def metric(weights: np.ndarray) -> np.ndarray:
            nothing = np.full(weights.shape[1], np.nan)
            found = np.stack([area(ranking, weights) if ranking else nothing for ranking in rankings], axis=-1)
            return _macro(found) if macro else found

        return metric

    return prepare


def _mean_of(loss: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> RowMetric:
    def prepare(y: np.ndarray, proba: np.ndarray, _k: int) -> WeightedMetric:
        per_row = loss(y, proba)[:, None]
        return lambda weights: weights.T @ per_row / len(y)

    return prepare


def log_losses(y: np.ndarray, proba: np.ndarray) -> np.ndarray:
    """Return the log-loss of each row, shape (n,)."""
    lifted = np.maximum(proba, FLOOR)
    return -np.log(lifted[np.arange(len(y)), y] / lifted.sum(axis=1))


def squared_errors(y: np.ndarray, proba: np.ndarray) -> np.ndarray:
    """Return the squared error of each row, summed over the classes, shape (n,)."""
    return ((proba - np.eye(proba.shape[1])[y]) ** 2).sum(axis=1)


def _calibration_error(y: np.ndarray, proba: np.ndarray, _k: int) -> WeightedMetric:
    confidence, right = proba.max(axis=1), proba.argmax(axis=1) == y
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gap = np.eye(BINS)[bins] * (confidence - right)[:, None]
    return lambda weights: np.abs(weights.T @ gap).sum(axis=1, keepdims=True) / len(y)


FROM_ROWS: dict[str, RowMetric] = {
    "average_precision": _rankings(_Ranking.average_precision, macro=True),
    "roc_auc": _rankings(_Ranking.roc_auc, macro=True),
    "log_loss": _mean_of(log_losses),
    "brier": _mean_of(squared_errors),
    "ece": _calibration_error,
    "average_precision by class": _rankings(_Ranking.average_precision, macro=False),
}
