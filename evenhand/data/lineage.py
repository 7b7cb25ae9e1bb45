"""Which rows something was fitted on: a hash of a set of rows, and an encoder that records it."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline


class RowsSeen(NamedTuple):
    """A set of rows: how many, and the hash of their positions."""

    n: int
    sha256: str


def rows_seen(X: pd.DataFrame | np.ndarray) -> RowsSeen:
    """Hash the index of a frame, or the positions of the rows of an array.

    Examples
    --------
    >>> frame = pd.DataFrame({"place": ["bar", "park", "bar"]})
    >>> rows_seen(frame.iloc[[0, 2]]).n
    2
    >>> rows_seen(frame.iloc[[0, 2]]) == rows_seen(frame.iloc[[0, 1]])
    False
    """
    index = X.index if isinstance(X, pd.DataFrame) else pd.RangeIndex(len(X))
    hashes = pd.util.hash_pandas_object(index, index=False).to_numpy()
    return RowsSeen(len(index), hashlib.sha256(hashes.tobytes()).hexdigest())


class Encoder(Pipeline):
    """A pipeline that records which rows it was fitted on.

    Attributes
    ----------
    n_rows_seen_ : int
    rows_seen_ : str
        See :func:`rows_seen`.
    """

    def fit(self, X: pd.DataFrame, y: np.ndarray | None = None, **params: Any) -> Encoder:
        """Fit every step."""
        self._remember(X)
        return super().fit(X, y, **params)

    def fit_transform(self, X: pd.DataFrame, y: np.ndarray | None = None, **params: Any) -> np.ndarray:
        """Fit every step and encode the same rows, cross-fitted by a step that does so."""
        self._remember(X)
        return super().fit_transform(X, y, **params)

    @property
    def seen(self) -> RowsSeen | None:
        """The rows it was fitted on; None before that."""
        return RowsSeen(self.n_rows_seen_, self.rows_seen_) if hasattr(self, "rows_seen_") else None

    def _remember(self, X: pd.DataFrame) -> None:
        self.n_rows_seen_, self.rows_seen_ = rows_seen(X)
