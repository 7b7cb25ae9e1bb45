"""Scores of detectors as columns for other models, cross-fitted on the training rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline, make_pipeline

from evenhand.errors import ProblemError
from evenhand.features.anomaly.detectors import FittedDetector
from evenhand.problem import AnyDetector

CROSS_FITTING_FOLDS = 5


class AnomalyScores(TransformerMixin, BaseEstimator):
    """How unusual a row is to each detector, one column per detector.

    A detector learns from the rows of all classes but its own. A row it has learned from looks more normal than a new
    one, which would leak the row's class to a model. Therefore ``fit_transform`` scores every row by detectors that
    learned from other rows (cross-fitting), and ``transform`` by detectors that learned from all.

    Parameters
    ----------
    specs : list of dict
        One :class:`~evenhand.problem.Detector` per column, as plain data.
    n_categorical : int
        How many leading columns are categories.
    random_state : int

    Attributes
    ----------
    detectors_ : list of FittedDetector
    """

    def __init__(self, specs: Sequence[dict[str, Any]], n_categorical: int = 0, random_state: int = 0) -> None:
        self.specs = specs
        self.n_categorical = n_categorical
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> AnomalyScores:
        """Fit each detector on all rows but those of its class.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
        y : ndarray of shape (n_rows,)
            Class names.

        Raises
        ------
        ProblemError
            When fewer than two rows are normal.
        """
        y = np.asarray(y)
        self.n_features_in_ = X.shape[1]
        self.detectors_ = [self._learned(spec, X, y, np.arange(len(y))) for spec in self.specs]
        return self

    def fit_transform(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Fit, and score each row by detectors that have not seen it; shape (n_rows, n_detectors)."""
        self.fit(X, y)
        y, scores = np.asarray(y), np.empty((len(X), len(self.specs)))
        folds = KFold(CROSS_FITTING_FOLDS, shuffle=True, random_state=self.random_state)
        for others, rows in folds.split(X):
            for i, spec in enumerate(self.specs):
                scores[rows, i] = self._learned(spec, X, y, others).strangeness(X[rows])
        return scores

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Score rows, shape (n_rows, n_detectors)."""
        return np.column_stack([detector.strangeness(X) for detector in self.detectors_])

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return ``anomaly <detector>``."""
        return np.asarray([f"anomaly {_name(spec)}" for spec in self.specs], dtype=object)

    def _learned(self, spec: dict[str, Any], X: np.ndarray, y: np.ndarray, rows: np.ndarray) -> FittedDetector:
        normal = rows[y[rows] != (spec["class_name"] or rarest(y))]
        if len(normal) < 2:
            raise ProblemError(
                f"features: anomaly: {_name(spec)} has {len(normal)} normal rows to learn from; 2 are needed"
            )
        if len(normal) > spec["max_rows"]:
            generator = np.random.default_rng(self.random_state)
            normal = np.sort(generator.choice(normal, spec["max_rows"], replace=False))
        return FittedDetector(spec, self.n_categorical, self.random_state).fit(X[normal])


def anomaly_steps(
    detectors: Sequence[AnyDetector], own: Pipeline, columns: Sequence[str], n_categorical: int
) -> list[tuple[str, Pipeline, list[str]]]:
    """Return the step of a ``ColumnTransformer`` that scores how unusual a row is.

    Parameters
    ----------
    detectors : sequence of Detector
        Without any, there is no step.
    own : Pipeline
        Unfitted; encodes a row independently of other rows and of the classes.
    columns : sequence of str
        Columns that ``own`` reads.
    n_categorical : int
        How many leading columns of its output are categories.
    """
    if not detectors:
        return []
    scores = AnomalyScores([spec.model_dump(mode="json") for spec in detectors], n_categorical)
    return [("anomaly", make_pipeline(own, scores), list(columns))]


def rarest(y: np.ndarray) -> Any:
    """Return the label with the fewest rows, the first of several.

    Examples
    --------
    >>> rarest(np.array(["Theft", "Arson", "Theft", "Fraud"]))
    np.str_('Arson')
    """
    labels, counts = np.unique(y, return_counts=True)
    return labels[counts.argmin()]


def _name(spec: dict[str, Any]) -> str:
    return " ".join([spec["kind"], *([spec["class_name"]] if spec["class_name"] else [])])
