"""Metrics of many confusion matrices at once: those of all draws of a bootstrap, or of all folds.

The definitions are those of :func:`evenhand.metrics.scores.score`, which has one matrix and uses scikit-learn's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

ConfusionMetric = Callable[[np.ndarray], np.ndarray]


def _ratio(part: np.ndarray, total: np.ndarray) -> np.ndarray:
    return np.divide(part, total, out=np.zeros(np.broadcast_shapes(part.shape, total.shape)), where=total > 0)


def _hits(c: np.ndarray) -> np.ndarray:
    return np.diagonal(c, axis1=-2, axis2=-1)


def _class_recall(c: np.ndarray) -> np.ndarray:
    rows = c.sum(-1)
    return np.where(rows > 0, _ratio(_hits(c), rows), np.nan)


def _class_precision(c: np.ndarray) -> np.ndarray:
    return np.where(c.sum(-1) > 0, _ratio(_hits(c), c.sum(-2)), np.nan)


def _class_f1(c: np.ndarray) -> np.ndarray:
    return np.where(c.sum(-1) > 0, _ratio(2 * _hits(c), c.sum(-1) + c.sum(-2)), np.nan)


def mean_of_defined(values: np.ndarray, keepdims: bool = False) -> np.ndarray:
    """Return the mean over the last axis of what is not nan; nan where nothing is.

    Examples
    --------
    >>> mean_of_defined(np.array([[0.2, np.nan, 0.4], [np.nan, np.nan, np.nan]])).round(3).tolist()
    [0.3, nan]
    """
    defined = ~np.isnan(values)
    count = defined.sum(-1, keepdims=keepdims)
    total = np.where(defined, values, 0).sum(-1, keepdims=keepdims)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _macro(values: np.ndarray) -> np.ndarray:
    return mean_of_defined(values, keepdims=True)


def _weighted_f1(c: np.ndarray) -> np.ndarray:
    return _ratio((np.nan_to_num(_class_f1(c)) * c.sum(-1)).sum(-1, keepdims=True), c.sum((-2, -1))[..., None])


def _g_mean(c: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):  # a recall of 0 makes the mean 0
        return np.exp(np.nanmean(np.log(_class_recall(c)), axis=-1, keepdims=True))


def _mcc(c: np.ndarray) -> np.ndarray:
    n, truth, predicted = c.sum((-2, -1)), c.sum(-1), c.sum(-2)
    covariance = _hits(c).sum(-1) * n - (truth * predicted).sum(-1)
    spread = np.sqrt(n**2 - (truth**2).sum(-1)) * np.sqrt(n**2 - (predicted**2).sum(-1))
    return _ratio(covariance, spread)[..., None]


# Confusions of shape (..., K, K), truth in rows, to values of shape (..., 1), or (..., K) by class.
CONFUSION_METRICS: dict[str, ConfusionMetric] = {
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
MEAN_OVER_CLASSES = {
    "macro_f1": "f1 by class",
    "macro_precision": "precision by class",
    "macro_recall": "recall by class",
    "balanced_accuracy": "recall by class",
    "g_mean": "recall by class",
}


def metric_over(metric: str, classes: np.ndarray) -> ConfusionMetric:
    """Return a metric whose mean over classes, if it is one, leaves some classes out.

    Parameters
    ----------
    metric : str
        A key of ``CONFUSION_METRICS`` with one value.
    classes : ndarray of bool, shape (K,)
        Those that the mean is over.

    Returns
    -------
    callable
        Confusions of shape (..., K, K) to values of shape (...).
    """
    if metric not in MEAN_OVER_CLASSES:
        return lambda confusions: CONFUSION_METRICS[metric](confusions)[..., 0]
    by_class = CONFUSION_METRICS[MEAN_OVER_CLASSES[metric]]

    def mean(confusions: np.ndarray) -> np.ndarray:
        values = by_class(confusions)[..., classes]
        if metric != "g_mean":
            return mean_of_defined(values)
        with np.errstate(divide="ignore"):  # a recall of 0 makes the mean 0
            return np.exp(mean_of_defined(np.log(values)))

    return mean
