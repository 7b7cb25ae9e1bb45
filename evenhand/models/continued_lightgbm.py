"""Transfer within LightGBM: boosting starts on other rows and goes on with the imbalanced ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from lightgbm import Booster, LGBMClassifier
from sklearn.base import BaseEstimator, ClassifierMixin

from evenhand.models.warm_start import BALANCED, Beginning, on_balanced


class ContinuedLightGBM(ClassifierMixin, BaseEstimator):
    """LightGBM whose first rounds see other rows than the rest (`init_model`): one booster in the end.

    Parameters
    ----------
    first : {"balanced", "older"} or dict
        What the first rounds are trained on: a random sample with as many rows of each class, the older rows (the
        others then see the newer ones), or another data set's rows. But for the first, ``fit`` is given them.
    first_rounds : int
        ``n_estimators`` rounds follow.
    older_share : float
        Of the rows that are older.
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
        self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None, begin: Beginning | None = None
    ) -> ContinuedLightGBM:
        """Boost on the first rows, then go on.

        Raises
        ------
        ValueError
            When ``first`` asks for rows that can't be told from ``X`` and ``begin`` does not bring them.
        """
        if begin is None:
            if self.first != BALANCED:
                raise ValueError(f"first: {self.first!r} needs to be told which rows these are")
            begin = on_balanced(X, y, sample_weight, self.random_state)
        settings = {"random_state": self.random_state, **(self.settings or {})}
        begun = LGBMClassifier(**{**settings, "n_estimators": self.first_rounds})
        begun.fit(begin.X, begin.y, sample_weight=begin.weight)
        then = slice(None) if begin.then is None else begin.then
        weight = None if sample_weight is None else sample_weight[then]
        whole = LGBMClassifier(**settings).fit(X[then], y[then], sample_weight=weight, init_model=begun)
        self.classes_ = whole.classes_
        # Through its text: the booster itself would keep the first one beside the trees it took over.
        self.booster_ = Booster(model_str=whole.booster_.model_to_string())
        self.adaptations_ = (f"the first {self.first_rounds} rounds saw {begin.said}",)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities of shape (n_rows, n_classes)."""
        said = np.asarray(self.booster_.predict(X, num_threads=1))
        return np.column_stack([1 - said, said]) if said.ndim == 1 else said

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the most probable class of each row."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])
