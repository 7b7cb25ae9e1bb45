"""One class against the rest at every threshold: what precision-recall and ROC curves are made of."""

from __future__ import annotations

import math

import numpy as np


def average_precision_and_roc_auc(positive: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """Average precision and area under the ROC curve out of one sort; rows with equal values share a threshold.

    Parameters
    ----------
    positive : ndarray of bool, shape (n,)
    values : ndarray of float, shape (n,)
        The higher, the more likely positive.

    Returns
    -------
    average_precision, roc_auc : float
        As scikit-learn's ``average_precision_score`` and ``roc_auc_score``; nan where there is no positive, and
        ``roc_auc`` also where there is no negative.
    """
    tp, fp = threshold_counts(positive, values)
    positives, negatives = tp[-1], fp[-1]
    if not positives:
        return math.nan, math.nan
    average_precision = float(np.sum(np.diff(tp, prepend=0) * (tp / (tp + fp))) / positives)
    if not negatives:
        return average_precision, math.nan
    height = tp + np.concatenate(([0], tp[:-1]))  # twice the mean height of each step, in whole numbers
    area = int(np.sum(np.diff(fp, prepend=0) * height))
    return average_precision, area / (2 * int(positives) * int(negatives))


def threshold_counts(positive: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count true and false positives at every distinct threshold, from the highest value down, each of shape (t,)."""
    order = np.argsort(values)[::-1]
    ranked = values[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    tp = np.cumsum(positive[order])[last]
    return tp, last + 1 - tp
