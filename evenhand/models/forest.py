"""A random forest that predicts the scored rows while it grows and keeps no tree.

Trees take far more memory than the rows: on 434,000 rows of 15 classes a fit of the default forest takes 637 MB with
its trees and 401 MB without, in each worker process (docs/decisions/0004-own-machines.md).
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.utils import check_array

BLOCK = 5  # trees that are grown, and held, at a time


@runtime_checkable
class KnowsItsRows(Protocol):
    """A model that makes its forest inside ``fit``."""

    def predict_only(self, rows: np.ndarray) -> ClassifierMixin:
        """Expect that only these rows will be predicted."""


class PredictingForest(ClassifierMixin, BaseEstimator):
    """scikit-learn's forest for the probabilities of given rows: trees, digits and importances are the same.

    Parameters
    ----------
    forest : RandomForestClassifier or ExtraTreesClassifier
        Unfitted, with an integer ``random_state``, so that growing in blocks (``warm_start``) gives the same trees.
    rows : ndarray of shape (n_rows, n_features)
        The very array that will be predicted.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    probabilities_ : ndarray of shape (n_rows, n_classes)
    feature_importances_ : ndarray of shape (n_features,)
        Zeros where no tree has a split.
    """

    def __init__(self, forest: RandomForestClassifier | ExtraTreesClassifier, rows: np.ndarray) -> None:
        self.forest = forest
        self.rows = rows

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> PredictingForest:
        """Grow the trees block by block, add up their probabilities and drop them."""
        forest = clone(self.forest).set_params(warm_start=True)
        rows = check_array(self.rows, dtype=np.float32, ensure_all_finite="allow-nan")
        n_trees, gains, total = self.forest.n_estimators, [], np.float64(0.0)
        for done in range(0, n_trees, BLOCK):
            forest.set_params(n_estimators=min(done + BLOCK, n_trees)).fit(X, y, sample_weight)
            for tree in forest.estimators_[done:]:
                total = total + tree.predict_proba(rows, check_input=False)
                if tree.tree_.node_count > 1:
                    gains.append(tree.feature_importances_)
            forest.estimators_ = [None] * len(forest.estimators_)  # warm_start asks for their number alone
        self.classes_ = forest.classes_
        self.probabilities_ = np.asarray(total) / n_trees
        mean = np.mean(gains, axis=0) if gains else np.zeros(X.shape[1])
        self.feature_importances_ = mean / mean.sum() if gains else mean
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities of shape (n_rows, n_classes).

        Raises
        ------
        ValueError
            When ``X`` is not the array that was given as ``rows``.
        """
        if X is not self.rows:
            raise ValueError("this forest kept no trees: it can predict the rows that it was given alone")
        return self.probabilities_

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the most probable class of each row."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])


def predict_only(model: ClassifierMixin, rows: np.ndarray) -> ClassifierMixin:
    """Return an unfitted model that will be asked for the probabilities of ``rows`` alone.

    Parameters
    ----------
    model : ClassifierMixin
    rows : ndarray of shape (n_rows, n_features)
        The very array that will be predicted.

    Returns
    -------
    ClassifierMixin
        A :class:`PredictingForest` in place of a forest, otherwise the model itself.
    """
    if isinstance(model, KnowsItsRows):
        return model.predict_only(rows)
    if type(model) in (RandomForestClassifier, ExtraTreesClassifier) and not model.oob_score:
        return PredictingForest(model, rows)
    return model
