"""Parts of the rows, each with every class."""

from __future__ import annotations

import numpy as np


def stratified_parts(y: np.ndarray, n: int) -> list[np.ndarray]:
    """Divide rows into parts that hold every class, as near to its share as possible.

    Parameters
    ----------
    y : ndarray of int, shape (n_rows,)
    n : int
        Number of parts; no more are made than the rarest class has rows.

    Returns
    -------
    list of ndarray of int
        Positions of each part's rows, ascending; every row is in one part.

    Examples
    --------
    >>> stratified_parts(np.array([0, 0, 1, 0, 1, 0]), 2)
    [array([0, 2, 3]), array([1, 4, 5])]
    >>> stratified_parts(np.array([0, 0, 1, 0, 0, 0]), 2)
    [array([0, 1, 2, 3, 4, 5])]
    """
    counts = np.bincount(y)
    n = max(1, min(n, int(counts[counts > 0].min())))
    part_of = np.empty(len(y), dtype=np.int64)
    # Going on where the last class ended keeps the parts equally long.
    part_of[np.argsort(y, kind="stable")] = np.arange(len(y)) % n
    return [np.flatnonzero(part_of == part) for part in range(n)]
