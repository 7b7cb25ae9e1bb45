"""The past, for exploration: cells with significantly many events (Gi*), and clusters of places (HDBSCAN)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenhand.spatial.events import METRES_PER_DEGREE
from evenhand.spatial.hotspots.cells import summed_around
from evenhand.spatial.past import PastMap

_PERMUTATIONS = 9_999
_RATE = 0.05
_MOST_POINTS = 4_000


@dataclass(frozen=True)
class Cluster:
    """A cluster of places: its middle, and its share of the events."""

    latitude: float
    longitude: float
    radius: float
    """Metres that hold half its events."""
    share: float


def significant_cells(past: PastMap, values: np.ndarray, seed: int) -> np.ndarray:
    """Return which cells have significantly many events in them and the cells that touch them.

    Gi* of Ord & Getis (1995): the sum over a cell and the neighbours inside the study area. Its null distribution is
    that of as many cells drawn anywhere (9,999 permutations); the false discovery rate over all cells is held at 5 %
    (Benjamini & Hochberg 1995). Roots of the counts are summed: they vary alike whatever the mean is, and a single cell
    with very many events does not hide all others.

    Parameters
    ----------
    past : PastMap
    values : ndarray of int, shape (n_cells,)
    seed : int

    Returns
    -------
    ndarray of bool, shape (n_cells,)
    """
    block = np.ones((3, 3))
    steady = np.sqrt(values)
    around = summed_around(past.grid, past.cells, steady, block)
    size = summed_around(past.grid, past.cells, np.ones(len(values)), block).round().astype(int)
    rng = np.random.default_rng(seed)
    p = np.ones(len(values))
    for k in np.unique(size):
        drawn = np.sort(steady[rng.integers(0, len(values), (_PERMUTATIONS, k))].sum(axis=1)) - 1e-9
        own = size == k
        p[own] = (1 + _PERMUTATIONS - np.searchsorted(drawn, around[own], side="left")) / (_PERMUTATIONS + 1)
    return false_discoveries_held(p, _RATE)


def false_discoveries_held(p: np.ndarray, rate: float) -> np.ndarray:
    """Return which hypotheses are rejected by Benjamini & Hochberg.

    Examples
    --------
    >>> false_discoveries_held(np.array([0.001, 0.2, 0.03, 0.04]), 0.05).tolist()
    [True, False, False, False]
    """
    order = np.argsort(p, kind="stable")
    passed = np.flatnonzero(p[order] <= rate * np.arange(1, len(p) + 1) / len(p))
    rejected = np.zeros(len(p), bool)
    rejected[order[: passed[-1] + 1 if len(passed) else 0]] = True
    return rejected


def clusters(latitude: np.ndarray, longitude: np.ndarray, seed: int) -> tuple[Cluster, ...]:
    """Find clusters of events by HDBSCAN (Campello, Moulavi & Sander 2013), the largest first.

    Of more than 4,000 events as many are drawn. Points at the same spot are moved apart by some metres: in many data
    sets a coordinate is that of a crossing, and such a pile would be a cluster of its own.

    Parameters
    ----------
    latitude, longitude : ndarray of float, shape (n,)
    seed : int
    """
    from sklearn.cluster import HDBSCAN

    rng = np.random.default_rng(seed)
    known = np.flatnonzero(np.isfinite(latitude) & np.isfinite(longitude))
    if len(known) > _MOST_POINTS:
        known = np.sort(rng.choice(known, _MOST_POINTS, replace=False))
    if len(known) < 50:
        return ()
    lat, lon = latitude[known], longitude[known]
    narrow = float(np.cos(np.radians(np.median(lat))))
    points = np.column_stack([lat, lon * narrow]) * METRES_PER_DEGREE
    moved = points + rng.normal(0, 40, points.shape)
    smallest = max(15, len(known) // 60)
    labels = HDBSCAN(min_cluster_size=smallest, min_samples=10, cluster_selection_method="leaf", copy=True).fit_predict(
        moved
    )
    found = []
    for label in range(labels.max() + 1):
        part = points[labels == label]
        middle = np.median(part, axis=0)
        radius = float(np.median(np.linalg.norm(part - middle, axis=1)))
        degrees = middle / METRES_PER_DEGREE
        found.append(Cluster(float(degrees[0]), float(degrees[1] / narrow), radius, len(part) / len(known)))
    return tuple(sorted(found, key=lambda one: -one.share))
