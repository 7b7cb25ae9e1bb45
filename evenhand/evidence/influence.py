"""Influence functions of metrics of probabilities: how much each row moves a metric.

The influence of a row is the derivative of the metric by the row's weight (the infinitesimal jackknife, Jaeckel 1972,
Efron 1982). Its spread is, to first order, that of a bootstrap with any number of draws, for one sort per class. The
metrics of :mod:`evenhand.metrics.weighted_metrics` give the draws themselves, which the gate's conditions need.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evenhand.evidence.evaluation_rows import EvaluationRows
from evenhand.metrics.losses import BINS, confidence_bins, log_losses, squared_errors
from evenhand.metrics.ranking import Ranking


@dataclass(frozen=True, eq=False)
class Influence:
    """One metric of one model's probabilities: on all rows, the influence of each row, and in each fold."""

    estimate: float
    by_row: np.ndarray
    fold_values: tuple[float, ...]


def influences(rows: EvaluationRows, proba: np.ndarray, metric: str, known: np.ndarray) -> Influence:
    """Measure a metric of probabilities.

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
    """Return the average precision of one class against the rest, and the influence of each row; shape (n,)."""
    ranking = Ranking.of(positive, values)
    order, group, seen = ranking.order, ranking.threshold_of_ranked, ranking.predicted_positive
    step, precision, estimate = ranking.added_positives, ranking.precision, ranking.average_precision
    lost = np.cumsum((step * precision / seen)[::-1])[::-1]  # by one more row at or above each threshold
    gained = np.cumsum((step / seen)[::-1])[::-1] + precision - estimate
    by_row = np.empty(len(values))
    by_row[order] = (np.where(positive[order], gained[group], 0.0) - lost[group]) / ranking.true_positives[-1]
    return estimate, by_row


def roc_auc(positive: np.ndarray, values: np.ndarray) -> Measured:
    """Return the area under the ROC curve, and the influence of each row (DeLong et al. 1988); shape (n,)."""
    ranking = Ranking.of(positive, values)
    order, group = ranking.order, ranking.threshold_of_ranked
    tp, fp = ranking.true_positives, ranking.false_positives
    positives, negatives = tp[-1], fp[-1]
    if not negatives:
        return np.nan, np.full(len(values), np.nan)
    below = 1 - (fp - np.diff(fp, prepend=0) / 2) / negatives  # negatives ranked lower, ties half
    above = (tp - ranking.added_positives / 2) / positives
    estimate = float((ranking.added_positives * below).sum() / positives)
    by_row = np.empty(len(values))
    by_row[order] = np.where(
        positive[order], (below[group] - estimate) / positives, (above[group] - estimate) / negatives
    )
    return estimate, by_row


def _over_classes(area: Callable[[np.ndarray, np.ndarray], Measured]) -> Callable[..., Measured]:
    def of(y: np.ndarray, proba: np.ndarray, known: np.ndarray) -> Measured:
        present = [code for code in np.flatnonzero(known) if (y == code).any()]
        if not present:
            return np.nan, np.full(len(y), np.nan)
        values, total = [], np.zeros(len(y))  # added up class by class: those of all classes together are large
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
    """Return each row's part of the calibration error, with the sign of its bin's gap, shape (n,)."""
    bins, confidence, right = confidence_bins(y, proba)
    gap = confidence - right
    return gap * np.sign(np.bincount(bins, gap, BINS))[bins]


PROBABILITY_METRICS: dict[str, Callable[..., Measured]] = {
    "average_precision": _over_classes(average_precision),
    "roc_auc": _over_classes(roc_auc),
    "log_loss": _mean_of(log_losses),
    "brier": _mean_of(squared_errors),
    "ece": _mean_of(_calibration_gap),
}
