"""Samplers that record which row each synthetic row starts from, which imbalanced-learn's do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
from imblearn import over_sampling

from evenhand.strategies.neighbour_search import neighbours


@dataclass(frozen=True, eq=False)
class Drawn:
    """The draws behind synthetic rows: each is ``start + step * (end - start)``.

    Attributes
    ----------
    y : ndarray of int, shape (n_new,)
    start, end : ndarray of int, shape (n_new,)
        Positions in the given rows.
    step : ndarray of shape (n_new, 1)
    X : ndarray of shape (n_new, n_features)
        The rows as the sampler made them.
    """

    y: np.ndarray
    start: np.ndarray
    end: np.ndarray
    step: np.ndarray
    X: np.ndarray


def joined(parts: Sequence[Drawn]) -> Drawn:
    """Concatenate the rows drawn for several classes."""
    return Drawn(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Drawn)))


class Traced(Protocol):
    """A sampler with lineage."""

    def drawn(self, X: np.ndarray, y: np.ndarray) -> Drawn:
        """Draw synthetic rows for the given ones."""
        ...


class _Recorder:
    """Records what imbalanced-learn draws."""

    draws_: list[tuple[int, np.ndarray, np.ndarray, np.ndarray]]

    def _generate_samples(  # noqa: PLR0913 - overrides a method of imbalanced-learn
        self, X: Any, nn_data: Any, nn_num: Any, rows: Any, cols: Any, steps: Any, y_type: Any, y: Any = None
    ) -> Any:
        self.draws_.append((y_type, rows, nn_num[rows, cols], steps))
        return super()._generate_samples(X, nn_data, nn_num, rows, cols, steps, y_type, y)  # type: ignore[misc]

    def drawn(self, X: np.ndarray, y: np.ndarray) -> Drawn:
        """Draw synthetic rows for the given ones."""
        self.draws_ = []
        new_X, new_y = self.fit_resample(X, y)  # type: ignore[attr-defined]
        starts = [self._starts(code, y)[rows] for code, rows, _, _ in self.draws_]
        ends = [np.flatnonzero(y == code)[rows] for code, _, rows, _ in self.draws_]
        steps = [step for *_, step in self.draws_]
        none = np.empty(0, dtype=int)
        return Drawn(
            new_y[len(y) :],
            np.concatenate([none, *starts]),
            np.concatenate([none, *ends]),
            np.concatenate([np.empty((0, 1)), *steps]),
            new_X[len(y) :],
        )

    def _starts(self, code: int, y: np.ndarray) -> np.ndarray:
        return np.flatnonzero(y == code)


class SMOTE(_Recorder, over_sampling.SMOTE):
    """SMOTE with lineage."""


class BorderlineSMOTE(_Recorder, over_sampling.BorderlineSMOTE):
    """Borderline-SMOTE with lineage."""

    def _starts(self, code: int, y: np.ndarray) -> np.ndarray:
        return self.in_danger_indices[code]


class ADASYN:
    """ADASYN with lineage (He et al. 2008), one class against the rest.

    Unlike imbalanced-learn's, it does not refuse all rows because one class has no foreign neighbours, and it
    distributes the wanted number of rows exactly instead of rounding each row's count, which gives none where few rows
    are wanted.

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

    def drawn(self, X: np.ndarray, y: np.ndarray) -> Drawn:
        """Draw synthetic rows for the given ones."""
        generator = np.random.default_rng(self.random_state)
        starts, ends = [np.empty(0, dtype=int)], [np.empty(0, dtype=int)]
        for code, target in self.targets.items():
            members = np.flatnonzero(y == code)
            foreign = (y[neighbours(X, self.n_neighbors, members)] != code).sum(axis=1)
            if not foreign.any():
                continue
            rows = np.repeat(np.arange(len(members)), _proportional_counts(target - len(members), foreign))
            near = neighbours(X[members], self.n_neighbors)
            starts.append(members[rows])
            ends.append(members[near[rows, generator.integers(self.n_neighbors, size=len(rows))]])
        start, end = np.concatenate(starts), np.concatenate(ends)
        step = generator.random((len(start), 1))
        return Drawn(y[start], start, end, step, X[start] + step * (X[end] - X[start]))


def _proportional_counts(n: int, weight: np.ndarray) -> np.ndarray:
    share = n * weight / weight.sum()
    whole = np.floor(share).astype(int)
    whole[np.argsort(whole - share, kind="stable")[: n - whole.sum()]] += 1
    return whole
