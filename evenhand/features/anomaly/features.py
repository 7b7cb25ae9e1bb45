"""Scores of detectors as columns for other models, cross-fitted on the training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline, make_pipeline

from evenhand.errors import ProblemError
from evenhand.features.anomaly.detectors import FittedDetector, missing_extra
from evenhand.problem import AnyDetector, FeatureSet

CROSS_FITTING_FOLDS = 5


class AnomalyScores(TransformerMixin, BaseEstimator):
    """How unusual a row is to each detector, one column a detector.

    A detector learns from rows of all classes but its own, so a row it has learned from looks more normal than a new
    one, and a model would read the row's class from that. ``fit_transform`` therefore scores every row by detectors
    that learned from other rows; ``transform`` scores by those that learned from all.

    Parameters
    ----------
    specs : list of dict
        One :class:`~evenhand.problem.Detector` a column, as plain data.
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
        """Let each detector learn from all rows but those of its class.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
        y : ndarray of shape (n_rows,)
            Class names.

        Raises
        ------
        ProblemError
            When there are too few rows to learn from.
        """
        y = np.asarray(y)
        self.n_features_in_ = X.shape[1]
        self.detectors_ = [self._learned(spec, X, y, np.arange(len(y))) for spec in self.specs]
        return self

    def fit_transform(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Learn from the rows, and score each by detectors that have not seen it; shape (n_rows, n_detectors)."""
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
            raise ProblemError(f"features: anomaly: {_name(spec)} has {len(normal)} normal rows to learn from")
        if len(normal) > spec["max_rows"]:
            generator = np.random.default_rng(self.random_state)
            normal = np.sort(generator.choice(normal, spec["max_rows"], replace=False))
        return FittedDetector(spec, self.n_categorical, self.random_state).fit(X[normal])


def anomaly_steps(
    detectors: Sequence[AnyDetector], own: Pipeline, columns: Sequence[str], n_categorical: int
) -> list[tuple[str, Pipeline, list[str]]]:
    """Make the step of a ``ColumnTransformer`` that scores how unusual a row is.

    Parameters
    ----------
    detectors : sequence of Detector
        None of them, no step.
    own : Pipeline
        Unfitted; encodes a row by itself, whatever its neighbours and their classes.
    columns : sequence of str
        What it reads.
    n_categorical : int
        How many leading columns of what it gives are categories.
    """
    if not detectors:
        return []
    scores = AnomalyScores([spec.model_dump(mode="json") for spec in detectors], n_categorical)
    return [("anomaly", make_pipeline(own, scores), list(columns))]


def check_features(features: Mapping[str, FeatureSet]) -> None:
    """Refuse detectors whose package is not installed before any data is read.

    Raises
    ------
    ProblemError
    """
    for name, feature_set in features.items():
        for spec in feature_set.anomaly:
            needed = missing_extra(spec.kind)
            if needed:
                raise ProblemError(f"features.{name}.anomaly: {needed}")


def rarest(y: np.ndarray) -> Any:
    """Return the label that the fewest rows have; the first of several.

    Examples
    --------
    >>> rarest(np.array(["Theft", "Arson", "Theft", "Fraud"]))
    np.str_('Arson')
    """
    labels, counts = np.unique(y, return_counts=True)
    return labels[counts.argmin()]


def _name(spec: dict[str, Any]) -> str:
    return " ".join([spec["kind"], *([spec["class_name"]] if spec["class_name"] else [])])
