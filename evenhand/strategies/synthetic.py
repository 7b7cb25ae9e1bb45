"""Synthetic rows between neighbours of a class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from imblearn.over_sampling import SMOTE, SMOTENC

from evenhand.problem import SmoteStrategy
from evenhand.strategies.rows import CannotResample, TrainingRows


class _Traced:
    """Remembers which row each synthetic one starts from; imbalanced-learn draws it and keeps no record."""

    starts_: list[tuple[int, np.ndarray]]

    def _generate_samples(
        self, X: Any, nn_data: Any, nn_num: Any, rows: np.ndarray, cols: Any, steps: Any, y_type: Any, y: Any = None
    ) -> Any:
        self.starts_.append((y_type, rows))
        return super()._generate_samples(X, nn_data, nn_num, rows, cols, steps, y_type, y)  # type: ignore[misc]

    def traced(self, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Resample; return rows, classes and the source of each row."""
        self.starts_ = []
        new_X, new_y = self.fit_resample(X, y)  # type: ignore[attr-defined]
        starts = [np.flatnonzero(y == code)[rows] for code, rows in self.starts_]
        return new_X, new_y, np.concatenate([np.arange(len(y)), *starts])


class _TracedSMOTE(_Traced, SMOTE):
    pass


class _TracedSMOTENC(_Traced, SMOTENC):
    pass


def smote(
    strategy: SmoteStrategy, X: np.ndarray, y: np.ndarray, classes: Sequence[str], seed: int, n_categorical: int
) -> TrainingRows:
    """Grow every class of two rows and more to the largest, by points between neighbours of the class."""
    counts = np.bincount(y, minlength=len(classes))
    present = np.flatnonzero(counts)
    majority = int(counts.max())
    alone = [int(c) for c in present if counts[c] == 1]
    grown = {int(c): majority for c in present if 1 < counts[c] < majority}
    if not grown:
        raise CannotResample(f"{strategy.kind}: no class has two rows or more and fewer than the largest class")
    notes = [f"{classes[c]}: a single row has no neighbour and stays as it is" for c in alone]
    smallest = int(min(counts[c] for c in grown))
    k = min(strategy.k_neighbors, smallest - 1)
    if k < strategy.k_neighbors:
        notes.append(f"{k} neighbours instead of {strategy.k_neighbors}: the smallest class has {smallest} rows")
    filled, n_filled = _filled(X)
    if n_filled:
        notes.append(f"{n_filled} missing values set to the fold's median before interpolation")
    sampler = _smote_sampler(strategy, grown, k, seed, n_categorical, X.shape[1])
    new_X, new_y, source = sampler.traced(filled, y)
    # The real rows come first and keep their missing values: only what is interpolated needs them filled.
    new_X[: len(y)] = X
    return TrainingRows(new_X, new_y, source, adaptations=tuple(notes), n_synthetic=len(new_y) - len(y))


def _smote_sampler(
    strategy: SmoteStrategy, grown: dict[int, int], k: int, seed: int, n_categorical: int, n_features: int
) -> _Traced:
    if strategy.kind == "smote":
        return _TracedSMOTE(sampling_strategy=grown, k_neighbors=k, random_state=seed)
    if not 0 < n_categorical < n_features:
        raise CannotResample(f"smotenc: needs both kinds of columns, found {n_categorical} categories of {n_features}")
    return _TracedSMOTENC(list(range(n_categorical)), sampling_strategy=grown, k_neighbors=k, random_state=seed)


def _filled(X: np.ndarray) -> tuple[np.ndarray, int]:
    gaps = np.isnan(X)
    n_gaps = int(gaps.sum())
    if n_gaps == 0:
        return X, 0
    seen = ~gaps.all(axis=0)
    medians = np.zeros(X.shape[1])
    medians[seen] = np.nanmedian(X[:, seen], axis=0)
    return np.where(gaps, medians, X), n_gaps
