"""The fitted whole that goes into the registry."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin

from evenhand.postprocess.calibrators import Calibrator
from evenhand.postprocess.rules import DecidesOn, DecisionRule


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
    """Encoder, classifier, calibrator and decision rule as one unit: raw columns in, class names out.

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
    calibrator : Calibrator, optional
        Of the probabilities, fitted out of fold; they stay as the classifier gives them without it.
    decides_on : {"calibrated", "raw"}
        Which probabilities the class is chosen from. On raw ones, the class need not be the most probable of
        :meth:`predict_proba`: a model trained on balanced rows favours rare classes, and its calibrated
        probabilities say how seldom that is right.

    Attributes
    ----------
    classes_ : ndarray of str, shape (n_classes,)
    """

    def __init__(
        self,
        encoder: Any,
        classifier: Any,
        class_names: list[str],
        rule: DecisionRule | None = None,
        calibrator: Calibrator | None = None,
        decides_on: DecidesOn = "calibrated",
    ) -> None:
        self.encoder = encoder
        self.classifier = classifier
        self.class_names = class_names
        self.rule = rule
        self.calibrator = calibrator
        self.decides_on = decides_on

    @property
    def classes_(self) -> np.ndarray:
        """Class names in the order of the probability columns."""
        return np.asarray(self.class_names, dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        """Parts come fitted."""
        return True

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        """Return calibrated probabilities of shape (n_rows, n_classes)."""
        return self._calibrated(self.raw_proba(X))

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Return class names of shape (n_rows,)."""
        return self.decide(self.raw_proba(X))[0]

    def raw_proba(self, X: pd.DataFrame) -> np.ndarray:
        """Return the classifier's own probabilities of shape (n_rows, n_classes); there may be no row."""
        if not len(X):
            return np.empty((0, len(self.class_names)))
        return full_probabilities(self.classifier, self.encoder.transform(X), len(self.class_names))

    def decide(self, raw: np.ndarray, groups: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Choose a class for every row and calibrate its probabilities, from one prediction.

        Parameters
        ----------
        raw : ndarray of shape (n_rows, n_classes)
            Of :meth:`raw_proba`.
        groups : ndarray of int, shape (n_rows,), optional
            Period or place of every row, negative where unknown; only a capacity asks for it.

        Returns
        -------
        names : ndarray of str, shape (n_rows,)
        probabilities : ndarray of shape (n_rows, n_classes)
        """
        calibrated = self._calibrated(raw)
        read = raw if self.decides_on == "raw" else calibrated
        codes = read.argmax(axis=1) if self.rule is None else self.rule.decide(read, groups)
        return self.classes_[codes], calibrated

    def _calibrated(self, raw: np.ndarray) -> np.ndarray:
        return raw if self.calibrator is None else self.calibrator.apply(raw)
