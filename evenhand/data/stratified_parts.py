"""Rows dealt out so that each part holds every class."""

from __future__ import annotations

import numpy as np


def stripes(y: np.ndarray, n: int) -> list[np.ndarray]:
    """Deal out rows so that every stripe holds every class, at its share as nearly as can be.

    Parameters
    ----------
    y : ndarray of int, shape (n_rows,)
    n : int
        Stripes that are asked for; no more are made than the rarest class has rows.

    Returns
    -------
    list of ndarray of int
        Positions of each stripe's rows, ascending; together every row once.

    Examples
    --------
    >>> stripes(np.array([0, 0, 1, 0, 1, 0]), 2)
    [array([0, 2, 3]), array([1, 4, 5])]
    >>> stripes(np.array([0, 0, 1, 0, 0, 0]), 2)
    [array([0, 1, 2, 3, 4, 5])]
    """
    counts = np.bincount(y)
    n = max(1, min(n, int(counts[counts > 0].min())))
    dealt = np.empty(len(y), dtype=np.int64)
    # Going on where the last class ended keeps the stripes equally long.
    dealt[np.argsort(y, kind="stable")] = np.arange(len(y)) % n
    return [np.flatnonzero(dealt == stripe) for stripe in range(n)]
