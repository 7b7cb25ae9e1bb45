"""Intervals whose coverage is held: adaptive conformal inference on the miss rate of central intervals."""

from __future__ import annotations

import numpy as np

from evenhand.spatial.forecasts.rolling import RollingPlan
from evenhand.spatial.forecasts.scores import coverage

STEP = 0.1  # gamma: how fast the miss rate that is asked for follows the one that was seen
_LEAST, _MOST = 0.001, 0.9


def adapted_misses(
    lower: np.ndarray, upper: np.ndarray, plan: RollingPlan, miss: float, leads: tuple[int, ...] | None = None
) -> np.ndarray:
    """Return the miss rate to ask of the forecast distribution at each origin, so that ``miss`` is what is seen.

    Gibbs & Candes 2021: the rate is raised where intervals were too wide and lowered where they were too narrow. It is
    one for each class and horizon, over all areas, and an origin learns from counts that were known at it alone. A miss
    is counted by the exact probability that a randomised interval misses: see
    :func:`evenhand.spatial.forecasts.scores.coverage`.

    Parameters
    ----------
    lower, upper : ndarray, shape (n_origins, n_classes, n_areas, n_horizons)
        F(y - 1) and F(y).
    plan : RollingPlan
    miss : float
        Such as 0.2 for intervals of 80 %.
    leads : tuple of int, optional
        Periods after an origin until the counts of each position on the last axis are known; 1, 2, ... if not given.

    Returns
    -------
    ndarray of float, shape (n_origins + 1, n_classes, n_horizons)
        The last one is for the forecast from the end of the data.
    """
    n_origins, n_classes, _, n_horizons = lower.shape
    leads = leads or tuple(range(1, n_horizons + 1))
    rates = np.full((n_origins + 1, n_classes, n_horizons), miss)
    ends = [*plan.origins, plan.origins[-1] + plan.horizons]
    current = rates[0].copy()
    known = np.zeros(n_horizons, dtype=int)  # origins of which each horizon's counts were used
    for at, now in enumerate(ends):
        for h in range(n_horizons):
            while known[h] < min(at, n_origins) and plan.origins[known[h]] + leads[h] <= now:
                o = known[h]
                held = coverage(lower[o, :, :, h], upper[o, :, :, h], rates[o, :, None, h]).mean(axis=1)
                current[:, h] = np.clip(current[:, h] + STEP * (miss - (1 - held)), _LEAST, _MOST)
                known[h] += 1
        rates[at] = current
    return rates
