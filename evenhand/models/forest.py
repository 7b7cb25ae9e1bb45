"""scikit-learn's forest, told how often each row is there, and able to judge rows while it grows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import assert_all_finite, check_random_state

from evenhand.models.trees import packed, unpacked


class Forest(RandomForestClassifier):
    """scikit-learn's random forest (Breiman 2001), to the last bit, for less time and memory.

    A tree knows its bag as the number of times that each row was drawn. Drawn among copies, and counted for the rows
    they were made of, these are the same numbers, so the trees are the same. A forest that is asked for the
    probabilities of some rows only need not keep its trees: see :meth:`judge`.
    """

    estimators_: list[DecisionTreeClassifier]
    _judged: np.ndarray | None = None
    _keep = False
    _sum: np.ndarray | None = None
    _gains: np.ndarray | None = None

    def judge(self, X: np.ndarray, keep: bool = False) -> Forest:
        """Have each tree judge these rows as soon as it is grown, and keep none, or keep them packed.

        Full-grown trees of many rows and classes take far more memory than the rows.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            From now on, :meth:`predict_proba` knows the answer for this very array.
        keep : bool
            Whether it may be asked for others; the first time it is, the trees are unpacked.

        Returns
        -------
        Forest
            Itself, still to be fitted.
        """
        self._judged, self._keep = X, keep
        return self

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> Forest:
        """Fit as scikit-learn does; where it takes nothing but the rows of a bag, each tree from these alone."""
        self._validate_params()
        shares = any(isinstance(smallest, float) for smallest in (self.min_samples_leaf, self.min_samples_split))
        of_all_rows = self.class_weight is not None or self.warm_start or self.oob_score or not self.bootstrap
        if not shares and not of_all_rows:
            return self._grow(X, y, np.arange(len(y)), sample_weight)
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
        return self._grow(X, y, source, None)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities of shape (n_rows, n_classes).

        Raises
        ------
        ValueError
            When the trees are gone and ``X`` is not what they judged.
        """
        if self._sum is not None and X is self._judged:
            return self._sum / self.n_estimators
        if self._sum is not None and not self._keep:
            raise ValueError("the trees of this forest judged other rows, and were not kept")
        self.estimators_ = [unpacked(tree) for tree in self.estimators_]
        return np.asarray(super().predict_proba(X))

    @property
    def feature_importances_(self) -> np.ndarray:
        """Mean decrease of impurity of each feature, of shape (n_features,); adds up to one."""
        return np.asarray(super().feature_importances_) if self._gains is None else self._gains

    def __getstate__(self) -> dict[str, Any]:
        """Return what a file holds: the trees are packed."""
        own = ("_judged", "_keep", "_sum", "_gains")  # of the rows that were judged
        state = {name: value for name, value in super().__getstate__().items() if name not in own}
        if "estimators_" in state:
            state["estimators_"] = [packed(tree) for tree in state["estimators_"]]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Read what a file holds; older ones hold trees as they are."""
        if "estimators_" in state:
            state = {**state, "estimators_": [unpacked(tree) for tree in state["estimators_"]]}
        super().__setstate__(state)

    def _grow(self, X: np.ndarray, y: np.ndarray, source: np.ndarray, weight: np.ndarray | None) -> Forest:
        self._validate_params()
        self.classes_, first, codes = np.unique(y, return_index=True, return_inverse=True)
        self.n_classes_, self.n_outputs_, self.n_features_in_ = len(self.classes_), 1, X.shape[1]
        self._validate_estimator()
        trees = self._trees(_narrow(X), codes.astype(float), first, source, weight)
        if self._judged is None:
            self.estimators_ = list(trees)
        else:
            self._let_judge(trees, _narrow(self._judged))
        return self

    def _trees(
        self, X: np.ndarray, y: np.ndarray, first: np.ndarray, source: np.ndarray, weight: np.ndarray | None
    ) -> Iterator[DecisionTreeClassifier]:
        generator = check_random_state(self.random_state)
        for _ in range(self.n_estimators):
            tree = self._make_estimator(False, generator)
            drawn = self._drawn(tree.random_state, source, len(X), weight)
            # Side by side in memory, which a tree goes through again and again. A tree knows the classes of its rows,
            # so a row of each is among them; where it was not drawn, its weight is none.
            bag = np.union1d(np.flatnonzero(drawn), first)
            yield tree.fit(X[bag], y[bag], sample_weight=drawn[bag])

    def _let_judge(self, trees: Iterator[DecisionTreeClassifier], X: np.ndarray) -> None:
        """Add up what the forest's own methods would, in their order."""
        total, gains, kept = np.zeros((len(X), self.n_classes_)), [], []
        for tree in trees:
            total += tree.predict_proba(X, check_input=False)
            if tree.tree_.node_count > 1:
                gains.append(tree.feature_importances_)
            if self._keep:
                kept.append(packed(tree))
        self._sum = total
        if self._keep:
            self.estimators_ = kept
        self._gains = np.zeros(self.n_features_in_)
        if gains:
            mean = np.mean(gains, axis=0)
            self._gains = mean / mean.sum()

    def _drawn(self, seed: int, source: np.ndarray, n_rows: int, weight: np.ndarray | None) -> np.ndarray:
        """Count how often each row is in the bag of a tree; weights make a row likelier to be drawn."""
        if self.bootstrap:
            n, generator = len(source), check_random_state(seed)
            bag = self._bag(n, n if weight is None else weight.sum())
            shares = None if weight is None else weight / weight.sum()
            chosen = generator.randint(0, n, bag) if shares is None else generator.choice(n, bag, p=shares)
            source = source[chosen]
        return np.bincount(source, minlength=n_rows)

    def _bag(self, n_rows: int, weight: float) -> int:
        if isinstance(self.max_samples, float):
            return max(int(weight * self.max_samples), 1)
        return n_rows if self.max_samples is None else int(self.max_samples)


def _narrow(X: np.ndarray) -> np.ndarray:
    """Convert to what trees read; what is too large for it is refused, as scikit-learn does."""
    with np.errstate(over="ignore"):  # said below, better
        narrow = np.ascontiguousarray(X, dtype=np.float32)
    assert_all_finite(narrow, allow_nan=True, input_name="X")
    return narrow
