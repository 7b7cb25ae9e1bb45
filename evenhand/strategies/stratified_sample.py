"""The stratified sample that a strategy works on where there are more rows than its ``max_rows``."""

from __future__ import annotations

import numpy as np

from evenhand.problem import AnyStrategy
from evenhand.strategies.expected_rows import above_search_limit
from evenhand.strategies.training_rows import CannotResample

RARE = 500


def bounded_counts(counts: np.ndarray, max_rows: int) -> np.ndarray:
    """Distribute ``max_rows`` over the classes.

    Parameters
    ----------
    counts : ndarray of int, shape (n_classes,)
        Rows of each class, more than ``max_rows`` together.
    max_rows : int

    Returns
    -------
    ndarray of int, shape (n_classes,)
        In proportion to the classes, but at least 500 rows of each, or all rows of a smaller class, or an equal part of
        half of ``max_rows`` where that is less.

    Examples
    --------
    >>> bounded_counts(np.array([90_000, 9_500, 400]), 10_000)
    array([8683,  917,  400])
    >>> bounded_counts(np.array([90_000, 10_000]), 10_000)
    array([9000, 1000])
    """
    least = np.minimum(counts, min(RARE, max_rows // (2 * len(counts))))
    raised = np.zeros(len(counts), dtype=bool)
    while True:
        left = max_rows - least[raised].sum()
        share = counts * left / counts[~raised].sum()
        more = ~raised & (share < least)
        if not more.any():
            break
        raised |= more
    whole = np.where(raised, least, np.floor(share)).astype(int)
    # Rounding leaves a few rows over: they go to the classes with the largest remainders.
    lost = np.where(raised, -1.0, share - np.floor(share))
    whole[np.argsort(-lost, kind="stable")[: max_rows - whole.sum()]] += 1
    return whole


def bounded_rows(y: np.ndarray, max_rows: int, seed: int) -> np.ndarray:
    """Draw the rows of the sample.

    Returns
    -------
    ndarray of int, shape (max_rows,)
        Ascending positions.
    """
    generator = np.random.default_rng(seed)
    wanted = bounded_counts(np.bincount(y), max_rows)
    kept = [generator.choice(np.flatnonzero(y == code), n, replace=False) for code, n in enumerate(wanted) if n]
    return np.sort(np.concatenate(kept))


def sampled_rows(strategy: AnyStrategy, y: np.ndarray, seed: int) -> np.ndarray | None:
    """Draw the rows that a strategy works on; None means all of them.

    Raises
    ------
    CannotResample
        When more rows than the strategy's ``skip_above_rows`` would have to be searched.
    """
    reason = above_search_limit(strategy, len(y))
    if reason is not None:
        raise CannotResample(f"{strategy.name}: {reason}")
    most = getattr(strategy, "max_rows", None)
    return None if most is None or len(y) <= most else bounded_rows(y, most, seed)
