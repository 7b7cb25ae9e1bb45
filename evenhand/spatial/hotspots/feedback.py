"""What happens when patrols follow the map: a simulation on the problem's own records (Ensign et al. 2018).

The records of the data are taken for what truly happened. A part of it is discovered: it gets on record only if police
find it, which is likelier where a patrol is. The patrols of a week go to the cells with the most records of the year
before; what they find is in the records that send the next ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenhand.spatial.hotspots.cells import CellCounts
from evenhand.spatial.hotspots.surfaces import YEAR, top_cells

FOUND_WITH, FOUND_WITHOUT = 0.9, 0.3  # probability that a discovered event gets on record with a patrol, and without
DISCOVERED = (0.0, 0.25, 0.5, 1.0)


@dataclass(frozen=True)
class Feedback:
    """The last year of a simulation.

    Attributes
    ----------
    discovered : float
        Share of the events that are on record only if police find them.
    recorded, true : float
        Share of the records, and of what truly happened, in the cells with a patrol.
    right : float
        Share of the cells with a patrol that truly were among the top cells of that year.
    """

    discovered: float
    recorded: float
    true: float
    right: float


def simulate_feedback(counts: CellCounts, share: float, seed: int) -> tuple[Feedback, ...]:
    """Let patrols follow the records of all classes together, for several shares of discovered events.

    Parameters
    ----------
    counts : CellCounts
        At least two years.
    share : float
        Of the cells, that get a patrol each week.
    seed : int
    """
    return tuple(_simulate(np.diff(counts.sums.sum(axis=0), axis=1), share, part, seed) for part in DISCOVERED)


def _simulate(true: np.ndarray, share: float, discovered: float, seed: int) -> Feedback:
    """Simulate the weeks of ``true``, shape (n_cells, n_weeks); the first year has no patrols."""
    rng = np.random.default_rng(seed)
    n_cells, n_weeks = true.shape
    top = max(1, round(share * n_cells))
    hidden = rng.binomial(true, discovered)
    recorded = true - hidden + rng.binomial(hidden, FOUND_WITHOUT)
    seen, happened, visits = 0, 0, np.zeros(n_cells)
    for week in range(YEAR, n_weeks):
        visited = top_cells(recorded[:, week - YEAR : week].sum(axis=1), top)
        found = rng.binomial(hidden[visited, week], FOUND_WITH)
        recorded[visited, week] = true[visited, week] - hidden[visited, week] + found
        if week >= n_weeks - YEAR:
            seen += int(recorded[visited, week].sum())
            happened += int(true[visited, week].sum())
            visits[visited] += 1
    last = slice(n_weeks - YEAR, n_weeks)
    truly = np.zeros(n_cells, bool)
    truly[top_cells(true[:, last].sum(axis=1), top)] = True
    return Feedback(
        discovered,
        seen / max(1, int(recorded[:, last].sum())),
        happened / max(1, int(true[:, last].sum())),
        float(visits[truly].sum() / max(1.0, visits.sum())),
    )
