"""The fitted whole that goes into the registry."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin

from evenhand.rules import DecisionRule


def full_probabilities(model: ClassifierMixin, X: np.ndarray, n_classes: int) -> np.ndarray:
    """Predict probabilities with a column for every class, zero for those the model never saw.

    Returns
    -------
    ndarray of shape (n_rows, n_classes)
    """
    known = np.asarray(model.classes_, dtype=int)
    probabilities = np.zeros((len(X), n_classes))
    probabilities[:, known] = model.predict_proba(X)
    return probabilities


class FittedCandidate(ClassifierMixin, BaseEstimator):
    """Encoder, classifier and decision rule as one unit: raw columns in, class names out.

    Parameters
    ----------
    encoder : Pipeline
        Fitted on the training rows.
    classifier : ClassifierMixin
        Fitted on the encoded, resampled training rows; its labels are codes.
    class_names : list of str
        Name of each code.
    rule : DecisionRule, optional
        From probabilities to a class, fitted out of fold; the most probable class without it.

    Attributes
    ----------
    classes_ : ndarray of str, shape (n_classes,)
    """

    def __init__(self, encoder: Any, classifier: Any, class_names: list[str], rule: DecisionRule | None = None) -> None:
        self.encoder = encoder
        self.classifier = classifier
        self.class_names = class_names
        self.rule = rule

    @property
    def classes_(self) -> np.ndarray:
        """Class names in the order of the probability columns."""
        return np.asarray(self.class_names, dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        """Parts come fitted."""
        return True

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        """Return probabilities of shape (n_rows, n_classes)."""
        return full_probabilities(self.classifier, self.encoder.transform(X), len(self.class_names))

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Return class names of shape (n_rows,)."""
        probabilities = self.predict_proba(X)
        codes = probabilities.argmax(axis=1) if self.rule is None else self.rule.decide(probabilities)
        return self.classes_[codes]
