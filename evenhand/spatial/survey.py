"""What was recorded, and what can be done with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenhand.problem import Analysis
from evenhand.spatial.discovered import HotspotRefusal, refusals
from evenhand.spatial.events import Events, grid_over
from evenhand.spatial.feasible import Possible, has_places, possible
from evenhand.spatial.hotspots.explore import Cluster, clusters, significant_cells
from evenhand.spatial.past import PastMap, PastTimes, past_map, past_times

FEWEST = 200  # events of a class


@dataclass(frozen=True, eq=False)
class PastOutcome:
    """The past, for maps and exploration, and what the data allow.

    Attributes
    ----------
    classes, areas : tuple of str
    times : PastTimes
    past : PastMap or None
        None without coordinates.
    significant : ndarray of bool, shape (n_classes, n_cells), or None
        Gi* of all years, on the cells of ``past``.
    clusters : dict of str to tuple of Cluster
        By class; a refused class has none.
    can : Possible
    refused : tuple of HotspotRefusal
    """

    classes: tuple[str, ...]
    areas: tuple[str, ...]
    times: PastTimes
    past: PastMap | None
    significant: np.ndarray | None
    clusters: dict[str, tuple[Cluster, ...]]
    can: Possible
    refused: tuple[HotspotRefusal, ...]

    @property
    def few(self) -> dict[str, int]:
        """Classes with too few events for hotspots that can be tested, with their number."""
        events = self.times.by_year.sum(axis=1)
        return {name: int(n) for name, n in zip(self.classes, events, strict=True) if n < FEWEST}

    @property
    def with_hotspots(self) -> tuple[str, ...]:
        """Classes that get hotspots."""
        return tuple(name for name in self.mapped if name not in self.few)

    @property
    def mapped(self) -> tuple[str, ...]:
        """Classes that are on maps of cells."""
        hidden = {one.klass for one in self.refused}
        return tuple(name for name in self.classes if name not in hidden)


def survey(events: Events, asked: Analysis, seed: int) -> PastOutcome:
    """Count the past, and find out what the data allow."""
    refused = refusals(events.classes, asked.discovered, asked.refused)
    past, marked, found = None, None, {}
    if has_places(events) and events.latitude is not None and events.longitude is not None:
        past = past_map(events, grid_over(events.latitude, events.longitude, asked.cell))
        marked = np.stack([significant_cells(past, counts.sum(axis=1), seed) for counts in past.counts])
        for c, name in enumerate(events.classes):
            if name not in {one.klass for one in refused}:
                rows = events.klass == c
                found[name] = clusters(events.latitude[rows], events.longitude[rows], seed)
    times, can = past_times(events), possible(events, asked)
    return PastOutcome(events.classes, events.areas, times, past, marked, found, can, refused)
