"""Training rows in parts for machines that fit one model together."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from sklearn.base import ClassifierMixin

from evenhand.strategies import TrainingRows


class FitTogether(Protocol):
    """Fits a model on rows that are spread over several machines."""

    def __call__(self, model: ClassifierMixin, rows: TrainingRows) -> ClassifierMixin:
        """Return a fitted model of the same family, for use on one machine."""


def stripes(y: np.ndarray, n: int) -> list[np.ndarray]:
    """Deal out rows so that every stripe holds every class.

    A machine counts the classes among its own rows, so a stripe without the rarest one would be fitted for fewer
    classes than the others.

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
