"""The page of an analysis, as one HTML file that loads nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import numpy as np
from markupsafe import Markup

from evenhand.report.analysis import tables
from evenhand.report.analysis.data import AnalysisReport
from evenhand.report.analysis.map_data import map_data
from evenhand.report.analysis.sentences import answers, conclusions, limits, share_text, window_text
from evenhand.report.rendering import render_page
from evenhand.report.table_model import facts
from evenhand.spatial.forecasts.judge import ALL, CHOSEN
from evenhand.spatial.hotspots.feedback import FOUND_WITH, FOUND_WITHOUT

_POLICY = "POLICY"
_LIMITS = (
    "Where people report less to the police, the map is paler. It shows where and when crime was recorded, and where "
    "more records are to be expected."
)
Section = tuple[str, str, str]


def analysis_page(report: AnalysisReport) -> str:
    """Write the page.

    Its content security policy allows nothing but its own scripts and styles, each by its hash, and images of itself;
    with ``analysis.tile_url``, images of that server too.
    """
    looked, problem = report.looked, report.problem
    makers: tuple[Callable[[AnalysisReport], Section | None], ...] = (
        _map,
        _times,
        _forecasts,
        _hotspots,
        _feedback,
        _explore,
        _limits,
    )
    sections = [made for made in (make(report) for make in makers) if made is not None]
    page = render_page(
        "analysis/page.html.j2",
        policy=_POLICY,
        title=f"Where and when: {problem.title}",
        synthetic="Synthetic rows: nothing here happened." if problem.synthetic else "",
        kicker=f"Recorded, not true, crime. {sum(map(int, looked.times.by_year.sum(axis=0))):,} events, "
        f"{looked.times.years[0]} to {looked.times.years[-1]}",
        answers=answers(report),
        details=_details(report),
        refused=looked.can.refused,
        possible=looked.can.possible,
        sections=sections,
        data=_json(map_data(report)),
        leaflet=_asset("leaflet/leaflet.js"),
        script=_asset("map.js"),
    )
    return _with_policy(page, problem.analysis.tile_url)


def _details(report: AnalysisReport) -> list[str]:
    asked = report.problem.analysis
    lines = conclusions(report.hotspots, asked.map_weeks, asked.map_share) if report.hotspots else []
    refused = ", ".join(one.klass for one in report.looked.refused)
    return [*lines, *([f"No maps of {refused}: police work discovers them (see Limits)"] if refused else [])]


def _map(report: AnalysisReport) -> Section | None:
    if report.looked.past is None:
        return None
    notes = [
        f"{name}: shown although police work discovers it. The reason that was given: {reason}"
        for name, reason in report.problem.analysis.discovered.items()
    ]
    text = render_page("analysis/map.html.j2", heading="Where", recorded=_LIMITS, notes=notes)
    return "where", "Map", text


def _times(report: AnalysisReport) -> Section:
    hours = report.looked.times.by_hour.shape[2] > 1
    found = report.forecasts
    text = render_page(
        "analysis/times.html.j2",
        series=found is not None and report.looked.past is not None,
        hours=hours and report.looked.past is not None,
        hours_note="Hours are those of the records. Many records have the hour at which something was found or "
        "reported, or a round one such as midnight or noon.",
        curve_note="Grey: recorded. Orange: expected, with the intervals of 80 % and 95 %.",
        years=tables.year_table(report.looked),
    )
    return "when", "When", text


def _forecasts(report: AnalysisReport) -> Section | None:
    found = report.forecasts
    if found is None:
        return None
    overall, by_class = tables.forecast_tables(found)
    periods, plan = found.counts.periods, found.plan
    first, last = (periods.start(plan.origins[at]) for at in (-plan.reported, -1))
    line = next(s for s in found.judged.scores if s.rival == CHOSEN and s.klass == ALL)
    text = render_page(
        "analysis/forecasts.html.j2",
        intro=f"Every method forecast each of {len(found.counts.areas):,} areas from {plan.reported} origins, "
        f"{first:%Y-%m-%d} to {last:%Y-%m-%d}, with what was known before each. The chosen one is, at each origin, "
        "the one that had done best by CRPS over the origins before.",
        overall=overall,
        by_class=by_class,
        by_horizon=tables.horizon_table(found),
        pit=_pit(line.pit),
        worst=tables.worst_areas(found, report.problem.analysis.masked),
        city="The city is the sum of its areas, so the two always agree.",
        city_table=tables.city_table(found),
        coming=tables.coming_table(found),
        coming_name=f"{plan.horizons} {periods.kind}s",
    )
    return "forecasts", "Forecasts", text


def _pit(shares: tuple[float, ...]) -> str:
    n, top = len(shares), max(0.15, 1.15 * max(shares))
    width, scale = 280 / n, 150 / top
    bars = [
        {
            "x": f"{36 + at * width:.1f}",
            "y": f"{160 - share * scale:.1f}",
            "width": f"{width - 2:.1f}",
            "height": f"{share * scale:.1f}",
            "title": f"{at / n:.1f} to {(at + 1) / n:.1f}: {100 * share:.1f} %",
        }
        for at, share in enumerate(shares)
    ]
    return render_page(
        "analysis/bars.html.j2",
        bars=bars,
        even=f"{160 - scale / n:.1f}",
        label="Histogram of the randomised PIT: " + ", ".join(f"{100 * share:.1f} %" for share in shares),
        name="randomised PIT of the chosen method",
        caption="Level with the dashed line: calibrated. High at both ends: too narrow; high in the middle: too wide.",
    )


def _hotspots(report: AnalysisReport) -> Section | None:
    found, asked = report.hotspots, report.problem.analysis
    if found is None:
        return None
    classes, judged, plan = found.counts.classes, found.judged, found.plan
    at = f"{window_text(asked.map_weeks)} and {share_text(asked.map_share)} of the area"
    chosen = [judged.find(CHOSEN, name, asked.map_weeks, asked.map_share) for name in classes]
    here = [s for s in judged.scores if (s.weeks, s.share) == (asked.map_weeks, asked.map_share)]
    by_class = [line for name in classes for line in here if line.klass == name]
    sizes = [line for name in classes for line in judged.scores if line.klass == name and line.rival == CHOSEN]
    first, last = (found.counts.periods.start(plan.origins[k]) for k in (-plan.reported, -1))
    km2 = len(found.counts.cells) * (found.counts.grid.side / 1000) ** 2
    part = found.reliability
    text = render_page(
        "analysis/hotspots.html.j2",
        intro=f"Every method ranked {len(found.counts.cells):,} cells of {found.counts.grid.side:g} m, {km2:,.0f} km² "
        f"in which anything had been recorded, at {plan.reported} origins from {first:%Y-%m-%d} to {last:%Y-%m-%d}. "
        f"What was recorded after each was counted. The bar is {found.bar}. A method is chosen for a class only if it "
        "was surely ahead of plain counts at the origins before; if none was, the map is plain counts.",
        chosen=tables.hotspot_table(chosen, f"The chosen method, {at}", ("class",)),
        rivals=tables.hotspot_table(by_class, f"All methods, {at}", ("class", "method")),
        all_sizes=tables.hotspot_table(sizes, "The chosen method", ("class", "window", "area")),
        at=at,
        reliability=tables.reliability_table(found),
        reliability_chart=_reliability(part.expected, part.observed, part.cells),
    )
    return "hotspots", "Hotspots", text


def _reliability(expected: np.ndarray, observed: np.ndarray, cells: np.ndarray) -> str:
    points = [
        {"x": f"{40 + 270 * e:.1f}", "y": f"{220 - 210 * o:.1f}", "title": f"given {e:.0%}, came {o:.0%}, {n:,} cells"}
        for e, o, n in zip(expected, observed, cells, strict=True)
    ]
    label = "Reliability: " + ", ".join(point["title"] for point in points)
    return render_page("analysis/points.html.j2", points=points, label=label)


def _feedback(report: AnalysisReport) -> Section | None:
    found, asked = report.hotspots, report.problem.analysis
    if found is None:
        return None
    text = render_page(
        "analysis/feedback.html.j2",
        intro="A simulation on these records, taken for what truly happened: each week the patrols go to the "
        f"{share_text(asked.map_share)} of the cells with the most records of the year before. Events that only police "
        f"find get on record with a chance of {100 * FOUND_WITH:.0f} % where a patrol is and of "
        f"{100 * FOUND_WITHOUT:.0f} % elsewhere; all others are reported.",
        table=tables.feedback_table(found),
        meaning="The more of a category police find by themselves, the more the records of patrolled cells overstate "
        "them, though nothing there has changed: the map confirms itself.",
    )
    return "feedback", "Feedback", text


def _explore(report: AnalysisReport) -> Section | None:
    looked = report.looked
    if looked.past is None or looked.significant is None:
        return None
    marked = ", ".join(
        f"{name} {int(looked.significant[list(looked.classes).index(name)].sum()):,}" for name in looked.mapped
    )
    text = render_page(
        "analysis/explore.html.j2",
        intro="Not tested on the future. Cells with significantly many records in and around them (Gi*, 9,999 "
        f"permutations, false discovery rate 5 %), of {len(looked.past.cells):,}: {marked}; the map names them when a "
        "cell is chosen. Clusters are found by HDBSCAN.",
        clusters=tables.cluster_table(looked),
    )
    return "explore", "Exploration", text


def _limits(report: AnalysisReport) -> Section:
    text = render_page(
        "analysis/limits.html.j2", lines=limits(report), made=facts("How this page was made", report.made)
    )
    return "limits", "Limits", text


def _json(data: dict[str, Any]) -> Markup:
    """Write data for a script element, which no text in it can end."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    escaped = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return Markup(escaped.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))  # noqa: S704 - escaped above


def _asset(name: str) -> Markup:
    text = files("evenhand.report").joinpath("templates", "analysis", name).read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704 - our own file


def _with_policy(page: str, tile_url: str | None) -> str:
    def hashes(tag: str) -> str:
        found = re.findall(rf"<{tag}>(.*?)</{tag}>", str(page), re.DOTALL)
        digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in found)
        return " ".join(f"'sha256-{digest}'" for digest in digests)

    images = "data: blob:"
    if tile_url:
        server = re.match(r"https?://[^/]+", tile_url.replace("{s}", "*"))
        images += f" {server[0]}" if server else ""
    policy = (
        f"default-src 'none'; script-src {hashes('script')}; style-src {hashes('style')}; img-src {images}; "
        "base-uri 'none'; form-action 'none'"
    )
    return str(page).replace(f'content="{_POLICY}"', f'content="{policy}"', 1)
