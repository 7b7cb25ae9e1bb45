"""Transfer within LightGBM: boosting starts on balanced rows and goes on with all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from lightgbm import Booster, LGBMClassifier
from sklearn.base import BaseEstimator, ClassifierMixin

# Fewer rows of a class can't fill the leaves of the first trees.
FEWEST = 100


def balanced_rows(y: np.ndarray, seed: int, fewest: int = FEWEST) -> np.ndarray:
    """Choose rows without copies, as many of each class as the smallest has, or ``fewest`` where it has fewer.

    Returns
    -------
    ndarray of int
        Ascending row positions.

    Examples
    --------
    >>> np.bincount(np.array([0, 0, 0, 0, 1, 1, 2])[balanced_rows(np.array([0, 0, 0, 0, 1, 1, 2]), 0, fewest=2)])
    array([2, 2, 1])
    """
    generator = np.random.default_rng(seed)
    classes, counts = np.unique(y, return_counts=True)
    most = max(int(counts.min()), fewest)
    kept = [np.flatnonzero(y == label) for label in classes]
    chosen = [generator.choice(rows, most, replace=False) if len(rows) > most else rows for rows in kept]
    return np.sort(np.concatenate(chosen))


class ContinuedLightGBM(ClassifierMixin, BaseEstimator):
    """LightGBM whose first rounds see balanced rows and whose others see all (`init_model`): one booster in the end.

    Parameters
    ----------
    first : {"balanced"}
        What the first rounds are trained on: a random sample with as many rows of each class.
    first_rounds : int
        ``n_estimators`` rounds on all rows follow.
    random_state : int
    settings : dict
        Of LightGBM.

    Attributes
    ----------
    booster_ : Booster
        Holds the trees of both parts.
    classes_ : ndarray of shape (n_classes,)
    adaptations_ : tuple of str
    """

    def __init__(
        self,
        first: str = "balanced",
        first_rounds: int = 50,
        random_state: int = 0,
        settings: dict[str, Any] | None = None,
    ) -> None:
        self.first = first
        self.first_rounds = first_rounds
        self.random_state = random_state
        self.settings = settings

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> ContinuedLightGBM:
        """Boost on the balanced rows, then go on."""
        rows = balanced_rows(y, self.random_state)
        settings = {"random_state": self.random_state, **(self.settings or {})}
        begun = LGBMClassifier(**{**settings, "n_estimators": self.first_rounds})
        begun.fit(X[rows], y[rows], sample_weight=None if sample_weight is None else sample_weight[rows])
        whole = LGBMClassifier(**settings).fit(X, y, sample_weight=sample_weight, init_model=begun)
        self.classes_ = whole.classes_
        # Through its text: the booster itself would keep the first one beside the trees it took over.
        self.booster_ = Booster(model_str=whole.booster_.model_to_string())
        self.adaptations_ = (f"the first {self.first_rounds} rounds saw {len(rows):,} of {len(y):,} rows, balanced",)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities of shape (n_rows, n_classes)."""
        said = np.asarray(self.booster_.predict(X, num_threads=1))
        return np.column_stack([1 - said, said]) if said.ndim == 1 else said

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the most probable class of each row."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])
