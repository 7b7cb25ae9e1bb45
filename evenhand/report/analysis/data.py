"""What the page of an analysis shows."""

from __future__ import annotations

from dataclasses import dataclass

from evenhand.problem import Problem
from evenhand.spatial.forecasts.run_forecasts import ForecastOutcome
from evenhand.spatial.hotspots.run_hotspots import HotspotOutcome
from evenhand.spatial.survey import PastOutcome


@dataclass(frozen=True, eq=False)
class AnalysisReport:
    """Outcomes of all steps, and where the events came from.

    ``made`` are pairs of a name and a value: events, columns, hashes, versions.
    """

    problem: Problem
    looked: PastOutcome
    forecasts: ForecastOutcome | None
    hotspots: HotspotOutcome | None
    made: tuple[tuple[str, str], ...]

    @property
    def bar(self) -> str:
        """How plain counts are called."""
        return self.hotspots.bar if self.hotspots else ""
