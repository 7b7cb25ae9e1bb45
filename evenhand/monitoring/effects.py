"""How far the counts of a column in one period are from those of other periods."""

from __future__ import annotations

import numpy as np

from evenhand.monitoring.columns import ColumnBins


def jensen_shannon(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the Jensen-Shannon distance of shares, 0 to 1 (Lin 1991).

    Parameters
    ----------
    first, second : ndarray of shape (..., slots)
        Shares that sum to 1.

    Examples
    --------
    >>> jensen_shannon(np.array([1.0, 0.0]), np.array([[1.0, 0.0], [0.0, 1.0]])).tolist()
    [0.0, 1.0]
    """
    middle = (first + second) / 2

    def divergence(share: np.ndarray) -> np.ndarray:
        ratio = np.divide(share, middle, out=np.ones(np.broadcast_shapes(share.shape, middle.shape)), where=share > 0)
        return np.asarray((share * np.log2(ratio)).sum(-1))

    return np.sqrt(np.clip((divergence(first) + divergence(second)) / 2, 0, None))


def wasserstein(first: np.ndarray, second: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the Wasserstein-1 distance of shares at places on a line, in the unit of the places.

    Examples
    --------
    >>> round(float(wasserstein(np.array([0.5, 0.5]), np.array([0.4, 0.6]), np.array([0.0, 2.0]))), 3)
    0.2
    """
    gap = np.cumsum(first - second, axis=-1)[..., :-1]
    return np.asarray((np.abs(gap) * np.diff(places)).sum(-1))


def shares(counts: np.ndarray) -> np.ndarray:
    """Divide counts by their sum over the last axis; zero where there is none."""
    total = counts.sum(-1, keepdims=True)
    return np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)


def distances(bins: ColumnBins, counts: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return how far each period is from its peers.

    Parameters
    ----------
    bins : ColumnBins
    counts : ndarray of shape (n_periods, slots)
    others : ndarray of shape (n_periods, slots)
        Counts of the periods that each is compared with.

    Returns
    -------
    ndarray of shape (n_periods, 2)
        Distance of the values, and difference in the share of missing cells.
    """
    own, pooled = shares(counts), shares(others)
    missing = np.abs(own[:, 0] - pooled[:, 0])
    if bins.values is not None:
        between = jensen_shannon(shares(counts[:, 1:]), shares(others[:, 1:]))
    else:
        between = wasserstein(shares(counts[:, 1:]), shares(others[:, 1:]), np.asarray(bins.places))
    return np.stack([np.where(counts[:, 1:].sum(-1) > 0, between, 0.0), missing], axis=1)
