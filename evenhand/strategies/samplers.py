"""Samplers of synthetic rows that tell which row each one starts from; imbalanced-learn's keep no record of it."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from imblearn import over_sampling

from evenhand.strategies.numbers import neighbours


class Traced(Protocol):
    """A sampler with lineage."""

    def traced(self, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Resample.

        Returns
        -------
        X : ndarray of shape (n_rows, n_features)
            The given rows, then the synthetic ones.
        y : ndarray of int, shape (n_rows,)
        source : ndarray of int, shape (n_rows,)
            Position of the given row that a row is or starts from.
        """
        ...


class _Recorder:
    """Writes down the rows that imbalanced-learn draws to start from."""

    starts_: list[tuple[int, np.ndarray]]

    def _generate_samples(
        self, X: Any, nn_data: Any, nn_num: Any, rows: np.ndarray, cols: Any, steps: Any, y_type: Any, y: Any = None
    ) -> Any:
        self.starts_.append((y_type, rows))
        return super()._generate_samples(X, nn_data, nn_num, rows, cols, steps, y_type, y)  # type: ignore[misc]

    def traced(self, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Resample; see :class:`Traced`."""
        self.starts_ = []
        new_X, new_y = self.fit_resample(X, y)  # type: ignore[attr-defined]
        starts = [self._members(code, y)[rows] for code, rows in self.starts_]
        return new_X, new_y, np.concatenate([np.arange(len(y)), *starts])

    def _members(self, code: int, y: np.ndarray) -> np.ndarray:
        return np.flatnonzero(y == code)


class SMOTE(_Recorder, over_sampling.SMOTE):
    """SMOTE with lineage."""


class SMOTENC(_Recorder, over_sampling.SMOTENC):
    """SMOTENC with lineage."""


class BorderlineSMOTE(_Recorder, over_sampling.BorderlineSMOTE):
    """Borderline-SMOTE with lineage."""

    def _members(self, code: int, y: np.ndarray) -> np.ndarray:
        return self.in_danger_indices[code]


class ADASYN:
    """ADASYN with lineage (He et al. 2008), one class against the rest.

    A class without foreign neighbours is left as it is, where imbalanced-learn's sampler refuses the whole set, and
    counts are shared out to the last row, where it rounds each (all of them to nought, if few rows are wanted).

    Parameters
    ----------
    targets : dict of int to int
        Rows of each class that grows.
    n_neighbors : int
    random_state : int
    """

    def __init__(self, targets: dict[int, int], n_neighbors: int, random_state: int) -> None:
        self.targets = targets
        self.n_neighbors = n_neighbors
        self.random_state = random_state

    def traced(self, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Resample; see :class:`Traced`."""
        generator = np.random.default_rng(self.random_state)
        made, source = [X], [np.arange(len(y))]
        for code, target in self.targets.items():
            members = np.flatnonzero(y == code)
            foreign = (y[neighbours(X, self.n_neighbors, members)] != code).sum(axis=1)
            if not foreign.any():
                continue
            start = np.repeat(np.arange(len(members)), _shared_out(target - len(members), foreign))
            near = neighbours(X[members], self.n_neighbors)
            end = near[start, generator.integers(self.n_neighbors, size=len(start))]
            step = generator.random((len(start), 1))
            made.append(X[members[start]] + step * (X[members[end]] - X[members[start]]))
            source.append(members[start])
        rows = np.concatenate(source)
        return np.concatenate(made), y[rows], rows


def _shared_out(n: int, weight: np.ndarray) -> np.ndarray:
    share = n * weight / weight.sum()
    whole = np.floor(share).astype(int)
    whole[np.argsort(whole - share, kind="stable")[: n - whole.sum()]] += 1
    return whole
