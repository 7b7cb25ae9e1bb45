"""What the data allow: where a forecast or a hotspot map can't be tested on the past, it is refused with the reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenhand.problem import Analysis
from evenhand.spatial.events import Events
from evenhand.spatial.forecasts.rolling import RollingPlan
from evenhand.spatial.hotspots.backtest import HotspotPlan
from evenhand.spatial.hotspots.surfaces import LONGEST_HISTORY
from evenhand.spatial.periods import PeriodKind, Periods, complete_span, day_precision

_EVERY = {"day": 28, "week": 4, "month": 1}  # periods between two origins
_FEWEST_ORIGINS = 6
_FEWEST_EVENTS = 500
_BURN_IN = 0.25  # of the origins, to choose by, where there is less than a year


@dataclass(frozen=True)
class Possible:
    """What can be done, and the reasons why the rest can't."""

    forecasts: RollingPlan | None
    hotspots: HotspotPlan | None
    refused: tuple[str, ...]
    possible: tuple[str, ...]


def possible(events: Events, asked: Analysis) -> Possible:
    """Look at times, places and lengths.

    Parameters
    ----------
    events : Events
    asked : Analysis
    """
    refused: list[str] = []
    forecasts = _forecast_plan(events, asked, refused)
    hotspots = _hotspot_plan(events, asked, refused)
    can = ["counts by class and by the years and months that are in the data"]
    can += ["counts by area"] if events.areas else []
    can += ["a map of past counts by cell, with significant cells (Gi*) and clusters"] if has_places(events) else []
    can += ["forecasts of counts, judged on the past"] if forecasts else []
    can += ["hotspots, judged on the past"] if hotspots else []
    return Possible(forecasts, hotspots, tuple(refused), tuple(can))


def has_places(events: Events) -> bool:
    """Whether any event has coordinates."""
    return events.latitude is not None and bool(np.isfinite(events.latitude).any())


def _span(events: Events, kind: PeriodKind) -> tuple[Periods, str]:
    first, last = complete_span(events.day, kind)
    span = Periods(kind, first, last - first + 1)
    return span, f"{span.n} {kind}{'s' if span.n > 1 else ''} in a row from {span.start(0):%Y-%m-%d}"


def _forecast_plan(events: Events, asked: Analysis, refused: list[str]) -> RollingPlan | None:
    kind = asked.period
    if not events.areas:
        refused.append("no forecasts: no column of areas was found; name one under analysis.area")
        return None
    if kind != "month" and not day_precision(events.day):
        months, text = _span(events, "month")
        enough = f"{_needed('month', asked)} months in a row"
        refused.append(
            f"no forecasts by {kind}: every time is the first day of a month, so no event has a {kind}. "
            + (
                "Write analysis.period: month"
                if months.n >= _needed("month", asked)
                else f"Forecasts by month need {enough}; found are {text}"
            )
        )
        return None
    span, text = _span(events, kind)
    n = span.n
    year = Periods(kind, 0, 1).year
    step = _EVERY[kind]
    last = n - asked.horizons
    earliest = max(int(1.5 * year), 3)
    reported = min(asked.backtest_years * year // step, (last - earliest) // step)
    if reported < _FEWEST_ORIGINS or len(events) < _FEWEST_EVENTS:
        needed = _needed(kind, asked)
        refused.append(
            f"no forecasts by {kind}: they need {needed} {kind}s in a row (a year and a half to learn from, and past "
            f"origins to be judged on) and {_FEWEST_EVENTS} events; found are {text} and {len(events):,} events"
        )
        return None
    burn_in = min(year // step, (last - earliest) // step - reported)
    if burn_in < 3:
        burn_in = max(2, int(_BURN_IN * reported))
        reported -= burn_in
    count = reported + burn_in
    origins = tuple(last - step * (count - 1 - i) for i in range(count))
    return RollingPlan(origins, reported, asked.horizons, max(1, year // step))


def _needed(kind: PeriodKind, asked: Analysis) -> int:
    """Return the periods in a row that forecasts need."""
    return max(int(1.5 * Periods(kind, 0, 1).year), 3) + asked.horizons + _FEWEST_ORIGINS * _EVERY[kind]


def _hotspot_plan(events: Events, asked: Analysis, refused: list[str]) -> HotspotPlan | None:
    if not has_places(events):
        refused.append("no hotspots: no coordinates were found; name them in analysis.latitude and analysis.longitude")
        return None
    if not day_precision(events.day):
        refused.append(
            "no hotspots for coming weeks: every time is the first day of a month, so nobody can say in which week an "
            "event was, and no map can be tested on the weeks after it was drawn"
        )
        return None
    span, text = _span(events, "week")
    n = min(span.n, 52 * (asked.backtest_years + 1) + LONGEST_HISTORY)  # what is older would not be read
    step, longest = _EVERY["week"], max(asked.all_windows)
    last, earliest = n - longest, 78
    reported = min(asked.backtest_years * 52 // step, (last - earliest) // step)
    if reported < _FEWEST_ORIGINS or len(events) < _FEWEST_EVENTS:
        refused.append(
            f"no hotspots: they need {earliest + longest + _FEWEST_ORIGINS * step} weeks in a row and {_FEWEST_EVENTS} "
            f"events; found are {text} and {len(events):,} events"
        )
        return None
    burn_in = min(13, (last - earliest) // step - reported)
    if burn_in < 3:
        burn_in = max(2, int(_BURN_IN * reported))
        reported -= burn_in
    count = reported + burn_in
    origins = tuple(last - step * (count - 1 - i) for i in range(count))
    return HotspotPlan(
        origins, reported, asked.all_windows, asked.all_shares, 13, Periods("week", span.first + span.n - n, n)
    )
