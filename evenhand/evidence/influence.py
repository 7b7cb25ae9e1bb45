"""How much each row moves a metric of probabilities: its influence, whose spread is the metric's.

The influence of a row is the derivative of the metric by the row's weight (the infinitesimal jackknife, Jaeckel 1972,
Efron 1982). It gives, to first order, the variance that a bootstrap of endless draws would, for one sort a class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evenhand.evidence.evaluation_rows import EvaluationRows
from evenhand.metrics.bootstrap_metrics import log_losses, squared_errors
from evenhand.metrics.scores import BINS


@dataclass(frozen=True, eq=False)
class Influence:
    """One metric of one model's probabilities: on all rows, in each fold, and by row."""

    estimate: float
    by_row: np.ndarray
    fold_values: tuple[float, ...]


def influences(rows: EvaluationRows, proba: np.ndarray, metric: str, known: np.ndarray) -> Influence:
    """Measure a metric that judges probabilities.

    Parameters
    ----------
    rows : EvaluationRows
    proba : ndarray, shape (n, K)
    metric : {"average_precision", "roc_auc", "log_loss", "brier", "ece"}
    known : ndarray of bool, shape (K,)
        Classes with enough rows: means over classes are over these.

    Returns
    -------
    Influence
        Of the metric as it is: positive is better only where higher is better.
    """
    of = PROBABILITY_METRICS[metric]
    estimate, by_row = of(rows.y, proba, known)
    folds = [] if rows.fold_codes is None else [rows.fold_codes == fold for fold in range(rows.fold_codes.max() + 1)]
    return Influence(estimate, by_row, tuple(of(rows.y[held], proba[held], known)[0] for held in folds))


Measured = tuple[float, np.ndarray]


def average_precision(positive: np.ndarray, values: np.ndarray) -> Measured:
    """Average precision of one class against the rest, and the influence of each row; ties share a threshold."""
    order, group, tp, seen = _ranked(positive, values)
    positives = tp[-1]
    step, precision = np.diff(tp, prepend=0), tp / seen
    estimate = float((step * precision).sum() / positives)
    lost = np.cumsum((step * precision / seen)[::-1])[::-1]  # by one more row at or above each threshold
    gained = np.cumsum((step / seen)[::-1])[::-1] + precision - estimate
    by_row = np.empty(len(values))
    by_row[order] = (np.where(positive[order], gained[group], 0.0) - lost[group]) / positives
    return estimate, by_row


def roc_auc(positive: np.ndarray, values: np.ndarray) -> Measured:
    """Area under the ROC curve, and the influence of each row (DeLong et al. 1988)."""
    order, group, tp, seen = _ranked(positive, values)
    fp = seen - tp
    positives, negatives = tp[-1], fp[-1]
    if not negatives:
        return np.nan, np.full(len(values), np.nan)
    below = 1 - (fp - np.diff(fp, prepend=0) / 2) / negatives  # negatives ranked lower, ties half
    above = (tp - np.diff(tp, prepend=0) / 2) / positives
    estimate = float((np.diff(tp, prepend=0) * below).sum() / positives)
    by_row = np.empty(len(values))
    by_row[order] = np.where(
        positive[order], (below[group] - estimate) / positives, (above[group] - estimate) / negatives
    )
    return estimate, by_row


def _ranked(positive: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Order of the rows from the highest value down, threshold of each, and positives and rows up to each threshold."""
    order = np.argsort(values)[::-1]
    change = np.append(np.diff(values[order]) != 0, True)
    group = np.cumsum(change) - change
    last = np.flatnonzero(change)
    return order, group, np.cumsum(positive[order])[last], last + 1


def _over_classes(area: Callable[[np.ndarray, np.ndarray], Measured]) -> Callable[..., Measured]:
    def of(y: np.ndarray, proba: np.ndarray, known: np.ndarray) -> Measured:
        present = [code for code in np.flatnonzero(known) if (y == code).any()]
        if not present:
            return np.nan, np.full(len(y), np.nan)
        values, total = [], np.zeros(len(y))  # class by class: those of fifteen classes side by side are large
        for code in present:
            value, by_row = area(y == code, proba[:, code])
            values.append(value)
            total += by_row
        return float(np.mean(values)), total / len(present)

    return of


def _mean_of(loss: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[..., Measured]:
    def of(y: np.ndarray, proba: np.ndarray, known: np.ndarray) -> Measured:
        each = loss(y, proba)
        return float(each.mean()), (each - each.mean()) / len(y)

    return of


def _calibration_gap(y: np.ndarray, proba: np.ndarray) -> np.ndarray:
    """Each row's part of the calibration error, with the sign of its bin's gap."""
    confidence = proba.max(axis=1)
    gap = confidence - (proba.argmax(axis=1) == y)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return gap * np.sign(np.bincount(bins, gap, BINS))[bins]


PROBABILITY_METRICS: dict[str, Callable[..., Measured]] = {
    "average_precision": _over_classes(average_precision),
    "roc_auc": _over_classes(roc_auc),
    "log_loss": _mean_of(log_losses),
    "brier": _mean_of(squared_errors),
    "ece": _mean_of(_calibration_gap),
}
