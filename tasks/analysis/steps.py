"""The steps of an analysis; the two long ones run side by side, on one core each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from prefect import task
from prefect.cache_policies import NO_CACHE
from threadpoolctl import threadpool_limits

from evenhand.problem import Analysis
from evenhand.spatial.counts import count_by_area
from evenhand.spatial.events import Events
from evenhand.spatial.forecasts.run_forecasts import ForecastOutcome, forecast_areas
from evenhand.spatial.hotspots.cells import count_in_cells
from evenhand.spatial.hotspots.run_hotspots import HotspotOutcome, MapRequest, find_hotspots
from evenhand.spatial.survey import PastOutcome, survey
from tasks.analysis.events import StoredEvents, read_events

Progress = Callable[[str, int], Callable[[int], None]]


@task(cache_policy=NO_CACHE)
def survey_past(stored: StoredEvents, asked: Analysis, seed: int) -> PastOutcome:
    """Count the past, and find out what the data allow."""
    return survey(read_events(stored), asked, seed)


@task(cache_policy=NO_CACHE)
def forecast_counts(
    stored: StoredEvents, looked: PastOutcome, asked: Analysis, seed: int, progress: Progress
) -> ForecastOutcome | None:
    """Judge forecasts and make those of the coming periods; None where the data do not allow it."""
    plan = looked.can.forecasts
    if plan is None:
        return None
    with threadpool_limits(1):
        counts = count_by_area(read_events(stored), asked.period)
        return forecast_areas(counts, plan, asked.counted_years, seed, progress("forecasts", len(plan.origins)))


@task(cache_policy=NO_CACHE)
def map_hotspots(
    stored: StoredEvents, looked: PastOutcome, asked: Analysis, seed: int, progress: Progress
) -> HotspotOutcome | None:
    """Judge hotspots and draw those of the coming weeks; None where the data do not allow it or no class is left."""
    plan = looked.can.hotspots
    if plan is None or looked.past is None or not looked.with_hotspots:
        return None
    with threadpool_limits(1):
        events = _only_classes(read_events(stored), looked.with_hotspots)
        counts = count_in_cells(events, looked.past.grid, plan.weeks, plan.origins[0])
        request = MapRequest(asked.map_weeks, asked.map_share, asked.counted_years, seed)
        return find_hotspots(counts, plan, request, progress("hotspots", len(plan.origins)))


def _only_classes(events: Events, names: Sequence[str]) -> Events:
    codes = np.full(len(events.classes), -1)
    codes[[events.classes.index(name) for name in names]] = np.arange(len(names))
    kept = events.only(codes[events.klass] >= 0)
    return replace(kept, classes=tuple(names), klass=codes[kept.klass])
