"""Median imputation for families whose trees take no missing values."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier


def column_medians(X: np.ndarray) -> np.ndarray:
    """Return each column's median of shape (n_features,), zero for a column without a number.

    Examples
    --------
    >>> column_medians(np.array([[1.0, np.nan], [3.0, np.nan]])).tolist()
    [2.0, 0.0]
    """
    seen = ~np.isnan(X).all(axis=0)
    medians = np.zeros(X.shape[1])
    medians[seen] = np.nanmedian(X[:, seen], axis=0)
    return medians


def filled(X: np.ndarray, medians: np.ndarray) -> np.ndarray:
    """Return the rows with missing values set to their column's median."""
    return np.where(np.isnan(X), medians, X)


class FilledGradientBoosting(GradientBoostingClassifier):
    """Exact gradient boosting with missing values set to the training rows' medians, since its trees take none.

    Attributes
    ----------
    medians_ : ndarray of shape (n_features,)
        Zero for a column without a number.
    """

    def fit(
        self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None, monitor: Any = None
    ) -> FilledGradientBoosting:
        """Learn the medians, then the trees."""
        self.medians_ = column_medians(X)
        return super().fit(filled(X, self.medians_), y, sample_weight, monitor)

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """Return raw scores, which classes and probabilities are computed from."""
        return super().decision_function(filled(X, self.medians_))
