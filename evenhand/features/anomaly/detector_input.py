"""Encoded rows as standardised points, which detectors measure distances between."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import StandardScaler


class Points(TransformerMixin, BaseEstimator):
    """Missing values filled, categories by their rarity, and every column at mean 0 and standard deviation 1.

    A category becomes the negative logarithm of its share: its code says nothing about distance, and rare categories
    set a row apart. A category that the rows lack counts as one row.

    Parameters
    ----------
    n_categorical : int
        How many leading columns are categories.

    Attributes
    ----------
    medians_ : ndarray of shape (n_features,)
    scaler_ : StandardScaler
    codes_, rarity_ : list of ndarray
        Of each category column, its codes, ascending, and their rarities.

    Examples
    --------
    >>> rows = np.array([[0.0, 5.0], [0.0, np.nan], [0.0, 7.0], [1.0, 6.0]])
    >>> points = Points(n_categorical=1).fit(rows)
    >>> points.transform(rows).round(2).tolist()
    [[-0.58, -1.41], [-0.58, 0.0], [-0.58, 1.41], [1.73, 0.0]]
    """

    def __init__(self, n_categorical: int = 0) -> None:
        self.n_categorical = n_categorical

    def fit(self, X: np.ndarray, y: object = None) -> Points:
        """Learn the rarity of categories, and each column's median and scale."""
        self.n_rows_, self.n_features_in_ = X.shape
        found = [np.unique(column, return_counts=True) for column in X[:, : self.n_categorical].T]
        self.codes_ = [codes for codes, _ in found]
        self.rarity_ = [-np.log(counts / self.n_rows_) for _, counts in found]
        numbers = self._numbers(X)
        self.medians_ = np.zeros(X.shape[1])
        seen = ~np.isnan(numbers).all(axis=0)
        self.medians_[seen] = np.nanmedian(numbers[:, seen], axis=0)
        self.scaler_ = StandardScaler().fit(np.where(np.isnan(numbers), self.medians_, numbers))
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return points of shape (n_rows, n_features)."""
        numbers = self._numbers(X)
        return np.asarray(self.scaler_.transform(np.where(np.isnan(numbers), self.medians_, numbers)))

    def _numbers(self, X: np.ndarray) -> np.ndarray:
        numbers = np.array(X, dtype=float)
        for i, (codes, rarity) in enumerate(zip(self.codes_, self.rarity_, strict=True)):
            at = np.searchsorted(codes, X[:, i]).clip(max=len(codes) - 1)
            numbers[:, i] = np.where(codes[at] == X[:, i], rarity[at], np.log(self.n_rows_))
        return numbers
