"""From rows of the normal classes to a score of how unusual a row is."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors
from sklearn.svm import OneClassSVM

from evenhand.features.anomaly.detector_input import Points


class FittedDetector(BaseEstimator):
    """A detector of unusual rows, on :class:`~evenhand.features.anomaly.detector_input.Points`.

    Parameters
    ----------
    spec : dict
        A :class:`~evenhand.problem.Detector` as plain data.
    n_categorical : int
        How many leading columns are categories.
    random_state : int

    Attributes
    ----------
    points_ : Points
    model_ : OneClassSVM, IsolationForest, Tails or Distances
    """

    def __init__(self, spec: dict[str, Any], n_categorical: int = 0, random_state: int = 0) -> None:
        self.spec = spec
        self.n_categorical = n_categorical
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: object = None) -> FittedDetector:
        """Learn what normal rows look like.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            Encoded rows of the normal classes.
        """
        self.points_ = Points(self.n_categorical).fit(X)
        self.model_ = self._unfitted(len(X)).fit(self.points_.transform(X))
        return self

    def strangeness(self, X: np.ndarray) -> np.ndarray:
        """Score rows, shape (n_rows,), each independently of the others; a higher score is stranger."""
        points = self.points_.transform(X)
        if isinstance(self.model_, OneClassSVM):
            # The coefficients sum to a number of rows: undivided, scores would grow with the rows learned from.
            return -np.asarray(self.model_.decision_function(points)) / self.model_.dual_coef_.sum()
        return -np.asarray(self.model_.score_samples(points))

    def _unfitted(self, n_rows: int) -> Any:
        spec = self.spec
        match spec["kind"]:
            case "one_class_svm":
                return OneClassSVM(nu=spec["nu"], gamma=spec["gamma"])
            case "isolation_forest":
                most = min(spec["max_samples"], n_rows)
                return IsolationForest(
                    n_estimators=spec["n_estimators"], max_samples=most, random_state=self.random_state
                )
            case "ecod":
                return Tails()
        return Distances(min(spec["n_neighbors"], n_rows - 1), spec["method"])


class Tails(BaseEstimator):
    """How far a row lies in the tails of its columns: ECOD (Li et al. 2022), one row at a time.

    A column adds the negative logarithm of the smaller of its two tails, or of both in a column without skew, as in
    PyOD. PyOD adds the rows it scores to those it has learned from, so a row's score there depends on the rows scored
    with it. Here each row is added alone, which gives PyOD's score of that row by itself.

    Attributes
    ----------
    columns_ : ndarray of shape (n_rows, n_features)
        Each column sorted by itself: no row of them is a row of the data.
    even_ : ndarray of bool, shape (n_features,)
        Columns without skew.

    Examples
    --------
    >>> tails = Tails().fit(np.arange(9.0)[:, None])
    >>> (-tails.score_samples(np.array([[4.0], [8.0], [99.0]]))).round(2).tolist()
    [1.02, 1.61, 2.3]
    """

    def fit(self, X: np.ndarray, y: object = None) -> Tails:
        """Keep the columns' distributions."""
        self.columns_ = np.sort(X, axis=0)
        centred = X - X.mean(axis=0)
        self.even_ = np.abs((centred**3).mean(axis=0)) < 1e-12
        return self

    def score_samples(self, X: np.ndarray) -> np.ndarray:
        """Score rows, shape (n_rows,); a lower score is stranger."""
        n = len(self.columns_) + 1
        total = np.zeros(len(X))
        for column, values, even in zip(self.columns_.T, X.T, self.even_, strict=True):
            below = np.log((np.searchsorted(column, values, side="right") + 1) / n)
            above = np.log((n - np.searchsorted(column, values, side="left")) / n)
            total += below + above if even else np.minimum(below, above)
        return total


class Distances(BaseEstimator):
    """The distance to the nearest normal rows (Ramaswamy, Rastogi & Shim 2000): the scores of PyOD's ``KNN``.

    scikit-learn's search gives the same scores without PyOD, whose installation takes 190 MB.

    Attributes
    ----------
    search_ : NearestNeighbors
        Holds the points it was fitted on.
    """

    def __init__(self, n_neighbors: int = 20, method: str = "largest") -> None:
        self.n_neighbors = n_neighbors
        self.method = method

    def fit(self, X: np.ndarray, y: object = None) -> Distances:
        """Keep the points."""
        self.search_ = NearestNeighbors(n_neighbors=self.n_neighbors, algorithm="brute").fit(X)
        return self

    def score_samples(self, X: np.ndarray) -> np.ndarray:
        """Score rows, shape (n_rows,); a lower score is stranger."""
        distances, _ = self.search_.kneighbors(X)
        summaries = {
            "largest": distances[:, -1],
            "mean": distances.mean(axis=1),
            "median": np.median(distances, axis=1),
        }
        return -summaries[self.method]
