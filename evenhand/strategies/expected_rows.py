"""How many rows a strategy searches and leaves to fit, from the class counts alone."""

from __future__ import annotations

import numpy as np

from evenhand.problem import AnyStrategy, CappedStrategy, NeighbourStrategy

GROWING = frozenset(
    {
        "random_over",
        "rose",
        "smote",
        "smotenc",
        "borderline_smote",
        "adasyn",
        "smote_tomek",
        "smote_enn",
        "text_augment",
    }
)
THINNING = frozenset({"random_under", "near_miss"})
MANY_ROWS = 200_000  # to search for neighbours: seconds below, minutes above


def expected_rows(strategy: AnyStrategy, counts: np.ndarray) -> int:
    """Estimate how many rows a strategy leaves to fit.

    Parameters
    ----------
    strategy : AnyStrategy
    counts : ndarray of int, shape (n_classes,)
        Training rows of each class.

    Examples
    --------
    >>> from evenhand.problem import SimpleStrategy, SmoteEnnStrategy
    >>> expected_rows(SimpleStrategy(kind="random_over"), np.array([100, 20, 70]))
    300
    >>> expected_rows(SimpleStrategy(kind="random_under", ratio=0.5), np.array([100, 20, 70]))
    120
    >>> expected_rows(SmoteEnnStrategy(kind="smote_enn", max_rows=100), np.array([100, 20, 80]))
    150
    """
    n_rows = int(counts.sum())
    sampled = counts * min(1.0, (getattr(strategy, "max_rows", None) or n_rows) / n_rows)
    ratio = getattr(strategy, "ratio", None)
    share = max(ratio.values()) if isinstance(ratio, dict) else ratio
    if strategy.kind in GROWING:
        sampled = np.where(sampled > 0, np.maximum(sampled, (share or 1.0) * sampled.max()), 0)
    elif strategy.kind in THINNING:
        sampled = np.minimum(sampled, sampled[sampled > 0].min() if share is None else share * sampled.max())
    elif isinstance(strategy, CappedStrategy):
        sampled = np.minimum(sampled, strategy.cap)
    return round(float(sampled.sum()))


def searched_rows(strategy: AnyStrategy, n_rows: int) -> int:
    """Return how many of ``n_rows`` training rows a strategy searches for neighbours; 0 where it searches none."""
    return min(n_rows, strategy.max_rows or n_rows) if isinstance(strategy, NeighbourStrategy) else 0


def above_search_limit(strategy: AnyStrategy, n_rows: int) -> str | None:
    """Return why a strategy is skipped for its ``skip_above_rows``, or None.

    Examples
    --------
    >>> from evenhand.problem import SmoteEnnStrategy
    >>> above_search_limit(SmoteEnnStrategy(kind="smote_enn", skip_above_rows=100_000), 200_000)
    '200,000 rows to search for neighbours, and skip_above_rows is 100,000; max_rows: 20000 would take a sample'
    >>> above_search_limit(SmoteEnnStrategy(kind="smote_enn", max_rows=20_000), 200_000)
    """
    rows = searched_rows(strategy, n_rows)
    if not isinstance(strategy, NeighbourStrategy) or rows <= strategy.skip_above_rows:
        return None
    limit = f"skip_above_rows is {strategy.skip_above_rows:,}"
    return f"{rows:,} rows to search for neighbours, and {limit}; max_rows: 20000 would take a sample"


def search_note(strategy: AnyStrategy, n_rows: int) -> str | None:
    """Return a note on a strategy that searches neighbours among more than 200,000 rows, or None.

    Examples
    --------
    >>> from evenhand.problem import SmoteEnnStrategy
    >>> search_note(SmoteEnnStrategy(kind="smote_enn"), 300_000)
    'searches neighbours among 300,000 rows in each fold; max_rows: 20000 would take a sample'
    >>> search_note(SmoteEnnStrategy(kind="smote_enn", max_rows=20_000), 300_000)
    """
    rows = searched_rows(strategy, n_rows)
    if rows <= MANY_ROWS:
        return None
    return f"searches neighbours among {rows:,} rows in each fold; max_rows: 20000 would take a sample"
