"""Stratified samples: rows drawn class by class, with a floor so that rare classes keep rows to learn from.

Drawing is one function; how many rows each class gets differs by purpose, as the functions that end in ``_sizes`` say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

MODEL_FLOOR = 50
SAMPLER_FLOOR = 500


def draw_per_class(y: np.ndarray, sizes: Mapping[Any, int], seed: int) -> np.ndarray:
    """Draw rows without replacement, class by class.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Class of each row, as a code or a name.
    sizes : mapping of class to int
        Rows of each class, drawn in this order; none of a class that is not among them.
    seed : int

    Returns
    -------
    ndarray of int
        Ascending positions.

    Examples
    --------
    >>> draw_per_class(np.array([0, 0, 0, 1, 2]), {0: 1, 2: 1}, seed=0)
    array([2, 4])
    """
    generator = np.random.default_rng(seed)
    drawn = [generator.choice(np.flatnonzero(y == label), n, replace=False) for label, n in sizes.items() if n]
    return np.sort(np.concatenate([np.empty(0, dtype=np.int64), *drawn]))


def stratified_rows(y: np.ndarray, n: int, seed: int, floor: int = MODEL_FLOOR) -> np.ndarray:
    """Draw ``n`` rows, each class at its share, but none below ``floor`` rows if it has them.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
    n : int
    seed : int
    floor : int
        Lowered to an equal part of half of ``n`` where that is less.

    Returns
    -------
    ndarray of int, shape (n,)
        Ascending positions, all rows where there are no more than ``n``.

    Examples
    --------
    >>> y = np.repeat([0, 1, 2], [9_000, 998, 2])
    >>> np.bincount(y[stratified_rows(y, 1_000, seed=0)]).tolist()
    [899, 99, 2]
    """
    if n >= len(y):
        return np.arange(len(y))
    classes, counts = np.unique(y, return_counts=True)
    sizes = np.maximum(np.minimum(counts, min(floor, n // (2 * len(classes)))), counts * n // len(y))
    sizes[counts.argmax()] += n - sizes.sum()
    return draw_per_class(y, dict(zip(classes.tolist(), sizes.tolist(), strict=True)), seed)


def proportional_sizes(counts: Mapping[Any, int], share: float, floor: int) -> dict[Any, int]:
    """Return each class's size: its rows times ``share``, rounded, but at least ``floor`` rows or all that it has.

    Examples
    --------
    >>> proportional_sizes({"Assault": 9_000, "Robbery": 90}, share=0.1, floor=20)
    {'Assault': 900, 'Robbery': 20}
    """
    return {label: min(count, max(floor, round(share * count))) for label, count in counts.items()}


def largest_remainder_sizes(counts: np.ndarray, n: int, floor: int = SAMPLER_FLOOR) -> np.ndarray:
    """Divide ``n`` rows among classes in proportion to their rows, by the largest remainders.

    Parameters
    ----------
    counts : ndarray of int, shape (n_classes,)
        Rows of each class, more than ``n`` together.
    n : int
    floor : int

    Returns
    -------
    ndarray of int, shape (n_classes,)
        Every class at its share, and at least ``floor`` rows, or all that it has, or an equal part of half of ``n``
        where that is less.

    Examples
    --------
    >>> largest_remainder_sizes(np.array([90_000, 9_500, 400]), 10_000)
    array([8683,  917,  400])
    >>> largest_remainder_sizes(np.array([90_000, 10_000]), 10_000)
    array([9000, 1000])
    """
    least = np.minimum(counts, min(floor, n // (2 * len(counts))))
    raised = np.zeros(len(counts), dtype=bool)
    while True:
        left = n - least[raised].sum()
        share = counts * left / counts[~raised].sum()
        more = ~raised & (share < least)
        if not more.any():
            break
        raised |= more
    sizes = np.where(raised, least, np.floor(share)).astype(int)
    remainder = np.where(raised, -1.0, share - np.floor(share))
    sizes[np.argsort(-remainder, kind="stable")[: n - sizes.sum()]] += 1
    return sizes


def largest_remainder_rows(y: np.ndarray, n: int, seed: int, floor: int = SAMPLER_FLOOR) -> np.ndarray:
    """Draw as many rows of each class as :func:`largest_remainder_sizes` gives; ascending positions, shape (n,)."""
    return draw_per_class(y, dict(enumerate(largest_remainder_sizes(np.bincount(y), n, floor).tolist())), seed)


def balanced_rows(y: np.ndarray, seed: int, floor: int) -> np.ndarray:
    """Draw as many rows of each class as the smallest has, or ``floor`` where it has fewer.

    Returns
    -------
    ndarray of int
        Ascending positions; all rows of a class that has no more.

    Examples
    --------
    >>> y = np.array([0, 0, 0, 0, 1, 1, 2])
    >>> np.bincount(y[balanced_rows(y, seed=0, floor=2)])
    array([2, 2, 1])
    """
    classes, counts = np.unique(y, return_counts=True)
    most = max(int(counts.min()), floor)
    drawn = draw_per_class(y, dict.fromkeys(classes[counts > most].tolist(), most), seed)
    return np.union1d(drawn, np.flatnonzero(np.isin(y, classes[counts <= most])))


def evenly_spaced_rows(y: np.ndarray, folds: np.ndarray, n: int) -> np.ndarray:
    """Choose ``n`` rows without chance: evenly spaced when sorted by class and fold, so that each keeps its share.

    Returns
    -------
    ndarray of int, shape (n,)
        Ascending positions.
    """
    order = np.lexsort((folds, y))
    return np.sort(order[np.linspace(0, len(order) - 1, n).astype(np.int64)])
