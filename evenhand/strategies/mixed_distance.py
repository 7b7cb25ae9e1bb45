"""Nearest neighbours among rows of numbers and categories."""

from __future__ import annotations

import numpy as np
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.neighbors import NearestNeighbors

BUCKETS = 8  # that the categories of a column are hashed into for the first search
TRIED = 4  # candidates per neighbour
_ROWS_AT_ONCE = 8_192
_PAIRS_AT_ONCE = 4_000_000


class MixedRows:
    """Rows of one class with the squared distance of SMOTENC (Chawla et al. 2002).

    The squared distance is ``|numbers - numbers|^2 + mismatch^2 * (number of categories that differ)``. A search tree
    needs coordinates, and a category with 140 values would take 140 of them. Hashed into a few buckets it takes few,
    and the hashed distance is never larger than the true one. So the nearest rows by the hashed distance are
    candidates, which are ranked by the true distance. Where a row outside the candidates could still be nearer than the
    last neighbour found, the distances to all rows are computed.

    Parameters
    ----------
    numbers : ndarray of shape (n_rows, n_numbers)
    codes : ndarray of int, shape (n_rows, n_categories)
    mismatch : float
        Distance between two rows that differ in one category and nothing else.

    Examples
    --------
    >>> rows = MixedRows(np.array([[0.0], [1.0], [0.6]]), np.array([[0], [0], [1]]), mismatch=2.0)
    >>> rows.neighbours(1).ravel().tolist()
    [1, 0, 1]
    """

    def __init__(self, numbers: np.ndarray, codes: np.ndarray, mismatch: float) -> None:
        self.numbers = numbers - numbers.mean(axis=0)  # centred, so that products of large numbers lose no digits
        self.codes = codes
        self.mismatch = mismatch
        self._hashed = np.column_stack([self.numbers, *(_buckets(column) * mismatch / 2**0.5 for column in codes.T)])
        self._rounding = 1e-12 * float(np.square(self._hashed).sum(axis=1).max())

    def neighbours(self, k: int, of: np.ndarray | None = None) -> np.ndarray:
        """Find the k nearest other rows of every row, or of the rows at positions ``of``, nearest first.

        Returns
        -------
        ndarray of int, shape (n_rows or len(of), k)
        """
        of = np.arange(len(self.numbers)) if of is None else of
        tried = min(TRIED * k + 1, len(self.numbers))
        search = NearestNeighbors(n_neighbors=tried).fit(self._hashed)
        parts = [self._nearest(search, of[i : i + _ROWS_AT_ONCE], k) for i in range(0, len(of), _ROWS_AT_ONCE)]
        return np.vstack([np.empty((0, k), dtype=int), *parts])

    def _nearest(self, search: NearestNeighbors, of: np.ndarray, k: int) -> np.ndarray:
        hashed, tried = search.kneighbors(self._hashed[of])
        true = self._squared(of, tried)
        order = true.argsort(axis=1, kind="stable")[:, :k]
        found = np.take_along_axis(tried, order, axis=1)
        last = np.take_along_axis(true, order[:, -1:], axis=1)[:, 0]
        if tried.shape[1] < len(self.numbers):
            doubtful = np.flatnonzero(last > hashed[:, -1] ** 2 - self._rounding)
            at_once = max(1, _PAIRS_AT_ONCE // len(self.numbers))
            for i in range(0, len(doubtful), at_once):
                found[doubtful[i : i + at_once]] = self._among_all(of[doubtful[i : i + at_once]], k)
        return found

    def _squared(self, of: np.ndarray, others: np.ndarray) -> np.ndarray:
        apart = np.square(self.numbers[others] - self.numbers[of][:, None]).sum(axis=2)
        for column in self.codes.T:
            apart += self.mismatch**2 * (column[others] != column[of][:, None])
        return np.where(others == of[:, None], np.inf, apart)

    def _among_all(self, of: np.ndarray, k: int) -> np.ndarray:
        apart = euclidean_distances(self.numbers[of], self.numbers, squared=True)
        for column in self.codes.T:
            apart += self.mismatch**2 * (column[None] != column[of][:, None])
        apart[np.arange(len(of)), of] = np.inf
        nearest = np.argpartition(apart, k - 1, axis=1)[:, :k]
        order = np.take_along_axis(apart, nearest, axis=1).argsort(axis=1, kind="stable")
        return np.take_along_axis(nearest, order, axis=1)


def _buckets(codes: np.ndarray) -> np.ndarray:
    """Return one column per bucket; the most frequent categories are in different buckets."""
    _, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
    rank = np.empty(len(counts), dtype=int)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    return np.eye(min(BUCKETS, len(counts)))[rank[inverse] % BUCKETS]
