"""Histogram boosting on rows of which some are copies: a weight of three instead of three rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from lightgbm import LGBMClassifier
from sklearn.ensemble import HistGradientBoostingClassifier

LEAVES = 50


def enough_rows(y: np.ndarray, in_a_leaf: int) -> bool:
    """Whether every class could fill fifty of the smallest leaves.

    A smallest leaf is a number of rows, and a copy counts as one. With fewer rows of a class, weights and copies grow
    trees that differ.

    Examples
    --------
    >>> enough_rows(np.repeat([0, 1], [3_000, 1_000]), 20), enough_rows(np.repeat([0, 1], [3_000, 999]), 20)
    (True, False)
    """
    return bool(np.unique(y, return_counts=True)[1].min() >= LEAVES * in_a_leaf)


class LightGBM(LGBMClassifier):
    """LightGBM that can be told how often each row is there."""

    def counts_copies(self, X: np.ndarray, y: np.ndarray) -> bool:
        """Whether weights score as copies do, but for noise."""
        return enough_rows(y, self.min_child_samples)

    def fit_copies(self, X: np.ndarray, y: np.ndarray, source: np.ndarray) -> Any:
        """Fit as on ``X[source], y[source]``."""
        return self.fit(X, y, sample_weight=np.bincount(source))


class HistogramBoosting(HistGradientBoostingClassifier):
    """scikit-learn's histogram boosting that can be told how often each row is there."""

    def counts_copies(self, X: np.ndarray, y: np.ndarray) -> bool:
        """Whether weights score as copies do, but for noise."""
        return enough_rows(y, self.min_samples_leaf)

    def fit_copies(self, X: np.ndarray, y: np.ndarray, source: np.ndarray) -> Any:
        """Fit as on ``X[source], y[source]``."""
        return self.fit(X, y, sample_weight=np.bincount(source))
