"""SMOTE inside one bag of an ensemble."""

from __future__ import annotations

import numpy as np
from imblearn.over_sampling import SMOTE
from sklearn.base import BaseEstimator


class BagSmote(BaseEstimator):
    """SMOTE (Chawla et al. 2002) in one bag: all classes undersampled or grown to the same number of rows.

    Neighbours are searched on standardised columns, fewer where the class has fewer. A class of one row is repeated.

    Parameters
    ----------
    rows_per_class : int
        Upper bound of the rows of each class; also bounded by the bag's largest class.
    k_neighbors : int
    random_state : int

    Attributes
    ----------
    fewest_neighbors_ : int
        Smallest number of neighbours used; zero where a class had a single row.
    """

    _sampling_type = "bypass"  # otherwise imblearn checks a sampling strategy

    def __init__(self, rows_per_class: int = 4_000, k_neighbors: int = 5, random_state: int | None = None) -> None:
        self.rows_per_class = rows_per_class
        self.k_neighbors = k_neighbors
        self.random_state = random_state

    def fit_resample(self, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the balanced rows and their classes."""
        generator = np.random.default_rng(self.random_state)
        labels, counts = np.unique(y, return_counts=True)
        target = min(int(counts.max()), self.rows_per_class)
        scale = X.std(axis=0)
        scale[scale == 0] = 1.0
        parts = [self._part(X[y == label] / scale, target, generator) * scale for label in labels]
        self.fewest_neighbors_ = min(self.k_neighbors, int(counts.min()) - 1)
        return np.vstack(parts), np.repeat(labels, target)

    def _part(self, rows: np.ndarray, target: int, generator: np.random.Generator) -> np.ndarray:
        if len(rows) >= target:
            return rows[generator.choice(len(rows), target, replace=False)]
        if len(rows) == 1:
            return np.repeat(rows, target, axis=0)
        # SMOTE needs a second class; only the rows of the first are returned.
        other = np.zeros((target, rows.shape[1]))
        y = np.repeat([0, 1], [len(rows), target])
        seed = int(generator.integers(2**31))
        smote = SMOTE(
            sampling_strategy={0: target}, k_neighbors=min(self.k_neighbors, len(rows) - 1), random_state=seed
        )
        grown, grown_y = smote.fit_resample(np.vstack([rows, other]), y)
        return np.asarray(grown[grown_y == 0])
