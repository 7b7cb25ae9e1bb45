"""scikit-learn's forest, told how often each row is there: what is drawn twice is counted twice, not stored twice."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.utils import check_random_state


class Forest(RandomForestClassifier):
    """scikit-learn's random forest (Breiman 2001), which can also be told how often each row is there.

    A tree knows its bag as the number of times that each row was drawn. Drawn among copies, and counted for the rows
    they were made of, these are the same numbers, so the trees are the same to the last bit.
    """

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> Forest:
        """Fit as scikit-learn does; where rows only count, each tree from the rows of its bag alone."""
        plain = self.bootstrap and sample_weight is None and self.class_weight is None and not self.warm_start
        self._validate_params()
        if plain and self.counts_copies(X, y):
            return self.fit_copies(X, y, np.arange(len(y)))
        fitted: Forest = super().fit(X, y, sample_weight)
        return fitted

    def counts_copies(self, X: np.ndarray, y: np.ndarray) -> bool:
        """Whether nothing looks at numbers of rows: a smallest leaf does, and so does the way that a gap takes."""
        by_weight = (self.min_samples_leaf, self.min_samples_split, self.oob_score) == (1, 2, False)
        return by_weight and not np.isnan(X).any()

    def fit_copies(self, X: np.ndarray, y: np.ndarray, source: np.ndarray) -> Forest:
        """Fit as on ``X[source], y[source]``.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            Without gaps.
        y : ndarray of shape (n_rows,)
        source : ndarray of int, shape (n_copies,)
            Row that each copy is of, in the order of the copies.
        """
        self.classes_, first, codes = np.unique(y, return_index=True, return_inverse=True)
        self.n_classes_, self.n_outputs_, self.n_features_in_ = len(self.classes_), 1, X.shape[1]
        self._validate_estimator()
        X = np.ascontiguousarray(X, dtype=np.float32)
        generator = check_random_state(self.random_state)
        self.estimators_ = [self._make_estimator(False, generator) for _ in range(self.n_estimators)]
        for tree in self.estimators_:
            drawn = self._drawn(tree.random_state, source, len(X))
            # Side by side in memory, which a tree goes through again and again. A tree knows the classes of its rows,
            # so a row of each is among them; where it was not drawn, its weight is none.
            bag = np.union1d(np.flatnonzero(drawn), first)
            tree.fit(X[bag], codes[bag].astype(float), sample_weight=drawn[bag])
        return self

    def _drawn(self, seed: int, source: np.ndarray, n_rows: int) -> np.ndarray:
        if self.bootstrap:
            source = source[check_random_state(seed).randint(0, len(source), self._bag(len(source)))]
        return np.bincount(source, minlength=n_rows)

    def _bag(self, n_rows: int) -> int:
        if isinstance(self.max_samples, float):
            return max(int(n_rows * self.max_samples), 1)
        return n_rows if self.max_samples is None else int(self.max_samples)
