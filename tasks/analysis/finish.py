"""What an analysis leaves: the page, its tables as JSON, forecasts and hotspots as files, the run and the artifact."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from evenhand.report.analysis.data import AnalysisReport
from evenhand.report.analysis.map_data import shown_hotspots
from evenhand.report.analysis.page import analysis_page
from evenhand.report.analysis.sentences import NOTE, answers, conclusions, limits
from evenhand.report.table_text import plain_markdown
from evenhand.spatial.forecasts.judge import ALL
from evenhand.spatial.forecasts.run_forecasts import ForecastOutcome
from evenhand.spatial.hotspots.run_hotspots import HotspotOutcome
from evenhand.spatial.survey import PastOutcome
from evenhand.text.printable import printable
from tasks.analysis.events import StoredEvents
from tasks.analysis.session import AnalysisSession
from tasks.storage.files import write_json
from tasks.tracking import training_runs
from tasks.training.training import versions

PAGE = "analysis.html"


@task(cache_policy=NO_CACHE)
def finish_analysis(
    session: AnalysisSession,
    stored: StoredEvents,
    looked: PastOutcome,
    forecasts: ForecastOutcome | None,
    hotspots: HotspotOutcome | None,
) -> str:
    """Write all files, log them to the run, and print the answers; returns the path of the page."""
    report = AnalysisReport(session.problem, looked, forecasts, hotspots, _made(session, stored))
    session.say("write the page")
    path = session.folder / PAGE
    path.write_text(analysis_page(report), encoding="utf-8")
    _write_tables(session.folder, report)
    asked = session.problem.analysis
    lines = answers(report)
    if hotspots is not None:
        lines += conclusions(hotspots, asked.map_weeks, asked.map_share)
    lines += [one.text for one in looked.refused]
    if looked.can.refused:
        lines += ["Not possible with these data:", *(f"- {line}" for line in looked.can.refused)]
        lines += ["Possible, and on the page:", *(f"- {line}" for line in looked.can.possible)]
    note = "\n".join(f"- {plain_markdown(line.removeprefix('- '))}" for line in [*lines, NOTE])
    training_runs.log_training(session.run_id, _metrics(report), {"mlflow.note.content": note}, session.folder)
    create_markdown_artifact(
        f"# {plain_markdown(session.problem.title)}\n\n{note}\n\nPage: `{path}`",
        key=f"analysis-{session.problem.name}".replace("_", "-"),
    )
    for line in lines:
        print(printable(line), flush=True)  # noqa: T201 - the answers of the command
    print(printable(f"The page, to read: {path}"), flush=True)  # noqa: T201
    return str(path)


def _made(session: AnalysisSession, stored: StoredEvents) -> tuple[tuple[str, str], ...]:
    columns = ", ".join(f"{key} from {name}" for key, name in stored.columns.items())
    used = versions()
    return (
        ("data", f"{session.problem.title}; licence: {session.problem.licence}"),
        (
            "events",
            f"{stored.rows.rows:,}; {stored.without_time:,} rows had no time or class, {stored.without_place:,} events "
            "have no coordinates",
        ),
        ("columns", columns),
        ("SHA-256 of the events", stored.rows.sha256),
        ("seed", str(session.seed)),
        ("command", f"make analyse PROBLEM={session.problem.name}"),
        (
            "versions",
            ", ".join(f"{name} {used[name]}" for name in ("evenhand", "python", "numpy", "scikit-learn", "lightgbm")),
        ),
        ("map library", "Leaflet 1.9.4, BSD-2-Clause, (c) 2010-2023 Volodymyr Agafonkin, (c) 2010-2011 CloudMade"),
    )


def _metrics(report: AnalysisReport) -> dict[str, float]:
    """Return skill and coverage of each rival, and PAI and ratio of each class at the size of the map."""
    found: dict[str, float] = {}
    if report.forecasts is not None:
        for line in report.forecasts.judged.scores:
            if line.klass == ALL:
                found |= {f"forecast/{line.rival}/crps": line.crps, f"forecast/{line.rival}/skill": line.skill.estimate}
    if report.hotspots is not None:
        asked = report.problem.analysis
        for score in report.hotspots.judged.scores:
            if (score.weeks, score.share) == (asked.map_weeks, asked.map_share):
                found[f"hotspots/{score.klass}/{score.rival}/pai"] = score.indices.pai
                found[f"hotspots/{score.klass}/{score.rival}/ratio"] = score.ratio.estimate
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _write_tables(folder: Path, report: AnalysisReport) -> None:
    tables: dict[str, Any] = {"note": NOTE, "limits": limits(report), "refused": list(report.looked.can.refused)}
    if report.forecasts is not None:
        tables["forecasts"] = [asdict(line) for line in report.forecasts.judged.scores]
        _forecast_frame(report, report.forecasts).to_csv(folder / "forecasts.csv", index=False)
    if report.hotspots is not None:
        tables["hotspots"] = [asdict(line) for line in report.hotspots.judged.scores]
        write_json(folder / "hotspots.geojson", _geojson(report, report.hotspots))
    write_json(folder / "analysis.json", _finite(tables))


def _finite(value: Any) -> Any:
    """Return plain data in which what is not defined is null."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _forecast_frame(report: AnalysisReport, found: ForecastOutcome) -> pd.DataFrame:
    counts, masked = found.counts, report.problem.analysis.masked
    names = ("low_80", "high_80", "low_95", "high_95")
    rows = [
        {
            "class": printable(klass),
            "area": printable(area),
            "start": f"{counts.periods.start(counts.periods.n + h):%Y-%m-%d}",
            "expected": round(float(found.coming.mean[c, a, h]), 3),
            **dict(zip(names, found.coming.bounds[:, c, a, h].tolist(), strict=True)),
        }
        for c, klass in enumerate(counts.classes)
        for a, area in enumerate(counts.areas)
        if area not in masked
        for h in range(found.plan.horizons)
    ]
    return pd.DataFrame(rows)


def _geojson(report: AnalysisReport, found: HotspotOutcome) -> dict[str, Any]:
    """Return the cells that are shown, with what is expected there."""
    shown, counts, coming = shown_hotspots(report, found), found.counts, found.coming
    masked = _masked_cells(report, found)
    features = []
    for c, klass in enumerate(counts.classes):
        for i in (i for i in range(len(counts.cells)) if shown[c, i] and int(counts.cells[i]) not in masked):
            south, west, north, east = (round(edge, 6) for edge in counts.grid.corners(int(counts.cells[i])))
            ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
            low, high, lowest, highest = coming.bounds[:, c, i].tolist()
            properties = {
                "class": printable(klass),
                "expected": round(float(coming.mean[c, i]), 3),
                **{"low_80": low, "high_80": high, "low_95": lowest, "high_95": highest},
                "among_top": round(float(coming.among_top[c, i]), 3),
            }
            geometry = {"type": "Polygon", "coordinates": [ring]}
            features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    return json.loads(json.dumps({"type": "FeatureCollection", "note": NOTE, "features": features}))


def _masked_cells(report: AnalysisReport, found: HotspotOutcome) -> set[int]:
    past = report.looked.past
    if past is None or not report.problem.analysis.masked:
        return set()
    codes = {a for a, name in enumerate(report.looked.areas) if name in report.problem.analysis.masked}
    return {int(cell) for cell, area in zip(past.cells, past.area, strict=True) if int(area) in codes}
