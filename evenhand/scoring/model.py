"""The model that is registered: encoder, classifier, calibrator and decision rule as one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin

from evenhand.features.unknown_cells import unknown_cells
from evenhand.postprocess.calibrators import Calibrator
from evenhand.postprocess.rules import DecidesOn, DecisionRule


def full_probabilities(model: ClassifierMixin, X: np.ndarray, n_classes: int) -> np.ndarray:
    """Predict probabilities with a column for every class; zero for classes that the model was not fitted on.

    Returns
    -------
    ndarray of shape (n_rows, n_classes)
    """
    known = np.asarray(model.classes_, dtype=int)
    probabilities = np.zeros((len(X), n_classes))
    probabilities[:, known] = model.predict_proba(X)
    return probabilities


class FittedCandidate(ClassifierMixin, BaseEstimator):
    """Encoder, classifier, calibrator and decision rule as one: raw columns in, class names out.

    Parameters
    ----------
    encoder : Pipeline
        Fitted on the training rows.
    classifier : ClassifierMixin
        Fitted on the encoded, resampled training rows; its labels are codes.
    class_names : list of str
        Name of each code.
    rule : DecisionRule, optional
        Fitted out of fold; without it the most probable class is predicted.
    calibrator : Calibrator, optional
        Fitted out of fold; without it the classifier's probabilities are returned.
    decides_on : {"calibrated", "raw"}
        Probabilities that the class is chosen from. With ``raw``, the class need not be the most probable one of
        :meth:`predict_proba`: a model trained on balanced rows favours rare classes, which calibrated probabilities
        do not.

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
        """Return True: the parts are fitted already."""
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
            Period or place of every row, negative where unknown; only needed by a capacity rule.

        Returns
        -------
        names : ndarray of str, shape (n_rows,)
        probabilities : ndarray of shape (n_rows, n_classes)
        """
        calibrated = self._calibrated(raw)
        read = raw if self.decides_on == "raw" else calibrated
        codes = read.argmax(axis=1) if self.rule is None else self.rule.decide(read, groups)
        return self.classes_[codes], calibrated

    def unknown_cells(self, X: pd.DataFrame) -> dict[str, float]:
        """Return the share of cells that the encoder does not know, by raw column; see ``evenhand.features``."""
        return unknown_cells(self.encoder, X) if len(X) else {}

    def _calibrated(self, raw: np.ndarray) -> np.ndarray:
        return raw if self.calibrator is None else self.calibrator.apply(raw)
