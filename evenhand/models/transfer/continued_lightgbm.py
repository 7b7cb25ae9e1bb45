"""LightGBM that begins on other rows and continues on the training rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from lightgbm import Booster, LGBMClassifier
from sklearn.base import BaseEstimator, ClassifierMixin

from evenhand.models.transfer.first_rows import BALANCED, FirstRows, balanced_first


class ContinuedLightGBM(ClassifierMixin, BaseEstimator):
    """LightGBM whose first rounds see other rows than the rest (`init_model`); the result is one booster.

    Parameters
    ----------
    first : {"balanced", "older"} or dict
        Rows of the first rounds: a random sample with as many rows of each class, the older rows (the other rounds then
        see the newer ones), or another data set. Except for ``balanced``, ``fit`` must be given them.
    first_rounds : int
        ``n_estimators`` rounds follow.
    older_share : float
        Share of the rows that count as older.
    random_state : int
    settings : dict
        Parameters of ``LGBMClassifier``.

    Attributes
    ----------
    booster_ : Booster
        Holds the trees of both parts.
    classes_ : ndarray of shape (n_classes,)
    adaptations_ : tuple of str
    """

    def __init__(
        self,
        first: str | dict[str, str] = BALANCED,
        first_rounds: int = 50,
        random_state: int = 0,
        settings: dict[str, Any] | None = None,
        older_share: float = 0.5,
    ) -> None:
        self.first = first
        self.first_rounds = first_rounds
        self.random_state = random_state
        self.settings = settings
        self.older_share = older_share

    def fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        sample_weight: np.ndarray | None = None,
        first_rows: FirstRows | None = None,
    ) -> ContinuedLightGBM:
        """Boost on the first rows, then continue.

        Raises
        ------
        ValueError
            When ``first`` is not ``balanced`` and ``first_rows`` is missing.
        """
        if first_rows is None:
            if self.first != BALANCED:
                raise ValueError(f"first: {self.first!r} needs the argument first_rows")
            first_rows = balanced_first(X, y, sample_weight, self.random_state)
        settings = {"random_state": self.random_state, **(self.settings or {})}
        beginning = LGBMClassifier(**{**settings, "n_estimators": self.first_rounds})
        beginning.fit(first_rows.X, first_rows.y, sample_weight=first_rows.weight)
        rest = slice(None) if first_rows.rest is None else first_rows.rest
        weight = None if sample_weight is None else sample_weight[rest]
        whole = LGBMClassifier(**settings).fit(X[rest], y[rest], sample_weight=weight, init_model=beginning)
        self.classes_ = whole.classes_
        # Copied by its text: the booster itself would keep the first one in memory beside the trees taken over.
        self.booster_ = Booster(model_str=whole.booster_.model_to_string())
        self.adaptations_ = (f"the first {self.first_rounds} rounds saw {first_rows.note}",)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities of shape (n_rows, n_classes)."""
        probabilities = np.asarray(self.booster_.predict(X, num_threads=1))
        return np.column_stack([1 - probabilities, probabilities]) if probabilities.ndim == 1 else probabilities

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the most probable class of each row."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])
