"""The stratified sample that a strategy works on where there are more rows than its ``max_rows``."""

from __future__ import annotations

import numpy as np

from evenhand.data.stratified_sample import largest_remainder_rows
from evenhand.problem import AnyStrategy
from evenhand.strategies.expected_rows import above_search_limit
from evenhand.strategies.training_rows import CannotResample


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
    return None if most is None or len(y) <= most else largest_remainder_rows(y, most, seed)
