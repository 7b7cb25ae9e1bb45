"""Models that read one column per value of a category, where it has few values."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from evenhand.models.forest import predict_only
from evenhand.models.imputation import column_medians, filled

MOST_VALUES = 30  # a category with more keeps its code: each value would have too few rows and cost a column


class OneHot(ClassifierMixin, BaseEstimator):
    """A classifier that reads categories by value, where their codes would be read in alphabetical order.

    Values are those of the fitted rows; a row with another value has zero in all columns of the category. Codes between
    two values, which plain SMOTE makes, count as the nearest.

    Parameters
    ----------
    model : ClassifierMixin
        Unfitted.
    n_categorical : int
        Number of leading columns that are codes of categories.
    standardise : bool
        Whether the other columns get mean 0 and deviation 1, with missing values at the median, as linear models need.

    Attributes
    ----------
    model_ : ClassifierMixin
    classes_ : ndarray of shape (n_classes,)
    values_ : list of ndarray
        Of each leading column, the values that have a column of their own; empty where the code is kept.
    medians_, means_, scales_ : ndarray of shape (n_features,)
        Used where ``standardise`` is true.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> X, y = np.array([[0.0, 7.0], [1.0, 7.0], [2.0, 7.0]]), np.array([0, 1, 0])
    >>> OneHot(DecisionTreeClassifier(max_depth=1), 1).fit(X, y).predict(X).tolist()
    [0, 1, 0]
    """

    def __init__(self, model: Any, n_categorical: int = 0, standardise: bool = False) -> None:
        self.model = model
        self.n_categorical = n_categorical
        self.standardise = standardise

    _only: np.ndarray | None = None
    _columns: np.ndarray | None = None

    def predict_only(self, rows: np.ndarray) -> OneHot:
        """Ask for the probabilities of these rows alone, (n_rows, n_features): a forest then keeps no tree."""
        self._only = rows
        return self

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> OneHot:
        """Learn values and scales, and fit the model."""
        found = [np.unique(np.rint(X[:, column])) for column in range(self.n_categorical)]
        self.values_ = [values if len(values) <= MOST_VALUES else values[:0] for values in found]
        self.medians_ = column_medians(X)
        full = filled(X, self.medians_)
        self.means_, self.scales_ = full.mean(axis=0), full.std(axis=0)
        self.scales_[self.scales_ == 0] = 1.0
        model = clone(self.model)
        if self._only is not None:
            self._columns = self._split(self._only)
            model = predict_only(model, self._columns)
        self.model_ = model.fit(self._split(X), y, sample_weight=sample_weight)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities of shape (n_rows, n_classes)."""
        known = self._columns is not None and X is self._only
        return np.asarray(self.model_.predict_proba(self._columns if known else self._split(X)))

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the most probable class of each row."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])

    @property
    def feature_importances_(self) -> np.ndarray:
        """Importances of the columns as they were given, shape (n_features,): a category's are those of its values."""
        parts = np.asarray(self.model_.feature_importances_)
        widths = [max(1, len(values)) for values in self.values_]
        starts = np.cumsum([0, *widths])
        gains = [parts[start : start + width].sum() for start, width in zip(starts[:-1], widths, strict=True)]
        return np.concatenate([np.asarray(gains, dtype=float), parts[starts[-1] :]])

    def _split(self, X: np.ndarray) -> np.ndarray:
        rest = (filled(X, self.medians_) - self.means_) / self.scales_ if self.standardise else X
        parts = [
            (np.rint(X[:, [column]]) == values).astype(float) if len(values) else rest[:, [column]]
            for column, values in enumerate(self.values_)
        ]
        return np.hstack([*parts, rest[:, self.n_categorical :]])
