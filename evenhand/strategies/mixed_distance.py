"""Nearest neighbours among rows of numbers and categories."""

from __future__ import annotations

import numpy as np
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.neighbors import NearestNeighbors

BUCKETS = 8  # that the categories of a column are folded into for the first search
TRIED = 4  # times as many candidates as neighbours
_ROWS_AT_ONCE = 8_192
_PAIRS_AT_ONCE = 4_000_000


class MixedRows:
    """Rows of one class, between which ``|numbers - numbers|^2 + mismatch^2 * (categories that differ)`` is measured.

    That is the squared distance of SMOTENC (Chawla et al. 2002). Indices want coordinates, and a category of 140 values
    has 140 of them, one each. Folded into a few buckets it has few: rows then are as far apart as they truly are, or
    nearer where two values share a bucket. So the nearest rows by that distance are candidates. They are ranked by the
    true one, and where the farthest candidate is nearer than the last neighbour found, every row is looked at.

    Parameters
    ----------
    numbers : ndarray of shape (n_rows, n_numbers)
    codes : ndarray of int, shape (n_rows, n_categories)
    mismatch : float
        What two rows are apart for a category in which they differ.

    Examples
    --------
    >>> rows = MixedRows(np.array([[0.0], [1.0], [0.6]]), np.array([[0], [0], [1]]), mismatch=2.0)
    >>> rows.neighbours(1).ravel().tolist()
    [1, 0, 1]
    """

    def __init__(self, numbers: np.ndarray, codes: np.ndarray, mismatch: float) -> None:
        self.numbers = numbers - numbers.mean(axis=0)  # products of large numbers would cost digits
        self.codes = codes
        self.mismatch = mismatch
        self._folded = np.column_stack([self.numbers, *(_buckets(column) * mismatch / 2**0.5 for column in codes.T)])
        self._rounding = 1e-12 * float(np.square(self._folded).sum(axis=1).max())

    def neighbours(self, k: int, of: np.ndarray | None = None) -> np.ndarray:
        """Find the k nearest other rows of every row, or of the rows at positions ``of``, nearest first.

        Returns
        -------
        ndarray of int, shape (n_rows or len(of), k)
        """
        of = np.arange(len(self.numbers)) if of is None else of
        tried = min(TRIED * k + 1, len(self.numbers))
        search = NearestNeighbors(n_neighbors=tried).fit(self._folded)
        parts = [self._nearest(search, of[i : i + _ROWS_AT_ONCE], k) for i in range(0, len(of), _ROWS_AT_ONCE)]
        return np.vstack([np.empty((0, k), dtype=int), *parts])

    def _nearest(self, search: NearestNeighbors, of: np.ndarray, k: int) -> np.ndarray:
        folded, tried = search.kneighbors(self._folded[of])
        true = self._squared(of, tried)
        order = true.argsort(axis=1, kind="stable")[:, :k]
        found = np.take_along_axis(tried, order, axis=1)
        last = np.take_along_axis(true, order[:, -1:], axis=1)[:, 0]
        if tried.shape[1] < len(self.numbers):
            doubtful = np.flatnonzero(last > folded[:, -1] ** 2 - self._rounding)
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
    """One column for each bucket; the most frequent categories are in different ones."""
    _, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
    rank = np.empty(len(counts), dtype=int)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    return np.eye(min(BUCKETS, len(counts)))[rank[inverse] % BUCKETS]
