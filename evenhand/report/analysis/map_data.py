"""The data of the map: counts and forecasts by cell and area, without what must not be shown."""

from __future__ import annotations

from typing import Any

import numpy as np

from evenhand.report.analysis.data import AnalysisReport
from evenhand.report.analysis.sentences import NOTE, conclusions, share_text, window_text
from evenhand.spatial.forecasts.run_forecasts import ForecastOutcome
from evenhand.spatial.hotspots.run_hotspots import HotspotOutcome
from evenhand.spatial.past import PastMap
from evenhand.text.printable import printable

EVERYTHING = "All classes"
_SHOWN = {"day": 56, "week": 52, "month": 36}  # periods of the past on curves


def map_data(report: AnalysisReport) -> dict[str, Any]:
    """Return what the script of the page reads.

    Counts below the limit are ``None``, and a cell without a count that may be shown is left out: the page does not
    contain what it does not show.
    """
    looked, asked = report.looked, report.problem.analysis
    mapped = list(looked.mapped)
    together = [EVERYTHING] if len(mapped) > 1 else []
    classes = [*together, *mapped, *(one.klass for one in looked.refused)]
    masked = [a for a, name in enumerate(looked.areas) if name in asked.masked]
    data: dict[str, Any] = {
        "problem": report.problem.name,
        "title": printable(report.problem.title),
        "note": NOTE,
        "classes": [printable(name) for name in classes],
        "start": len(together) if report.hotspots else 0,
        "refused": _without_hotspots(report),
        "suppress": asked.suppress_below,
        "names": [printable(name) for name in looked.areas],
        "masked": masked,
        "tiles": asked.tile_url,
        "hours": _hours(report, classes),
        "cells": None,
        "areas": None,
        "hotspots": None,
        "grid": None,
        "view": None,
    }
    if looked.past is not None:
        hidden = np.isin(looked.past.area, masked)
        data |= _cells(report, looked.past, hidden, classes)
        if report.hotspots is not None:
            data["hotspots"] = _hotspots(report, report.hotspots, looked.past, hidden)
            data["hotspots"]["of"] = [data["hotspots"]["of"].get(name) for name in classes]
    if report.forecasts is not None:
        data["areas"] = _areas(report, report.forecasts, classes, masked)
    return data


def _without_hotspots(report: AnalysisReport) -> dict[str, str]:
    """Say why a class has no hotspots."""
    why = {
        name: f"{name}: no hotspots, since {n:,} events are too few to test them."
        for name, n in report.looked.few.items()
    }
    why |= {one.klass: one.text for one in report.looked.refused}
    return {printable(name): printable(text) for name, text in why.items()}


def _of_classes(report: AnalysisReport, values: np.ndarray, classes: list[str]) -> list[np.ndarray | None]:
    """Return the values of each class of the page, and the sum of those that are mapped for all together."""
    names = list(report.looked.classes)
    of = {name: values[names.index(name)] for name in report.looked.classes}
    of[EVERYTHING] = values[[names.index(name) for name in report.looked.mapped]].sum(axis=0)
    return [of[name] for name in classes]


def _hours(report: AnalysisReport, classes: list[str]) -> list[Any] | None:
    by_hour = report.looked.times.by_hour
    if by_hour.shape[2] == 1:
        return None
    return [part.tolist() for part in _of_classes(report, by_hour, classes) if part is not None]


def _cells(report: AnalysisReport, past: PastMap, hidden: np.ndarray, classes: list[str]) -> dict[str, Any]:
    limit, grid = report.problem.analysis.suppress_below, past.grid
    refused = {one.klass for one in report.looked.refused}
    counts, marked = [], []
    names = list(report.looked.classes)
    for name, of_class in zip(classes, _of_classes(report, past.counts, classes), strict=True):
        rows: dict[int, list[int | None]] = {}
        if of_class is not None and name not in refused:
            for i in np.flatnonzero((of_class >= max(limit, 1)).any(axis=1) & ~hidden):
                rows[int(i)] = [int(n) if n >= limit else None for n in of_class[i]]
        counts.append(rows)
        significant = report.looked.significant
        shown = significant is not None and name in names and name not in refused
        marked.append(
            np.flatnonzero(significant[names.index(name)] & ~hidden).tolist()
            if shown and significant is not None
            else []
        )
    north_step, east_step = grid.steps
    return {
        "grid": {
            "south": grid.south,
            "west": grid.west,
            "north_step": north_step,
            "east_step": east_step,
            "columns": grid.columns,
        },
        "view": _view(past),
        "cells": {
            "cells": past.cells.tolist(),
            "area": np.where(hidden, -1, past.area).tolist(),
            "years": [str(year) for year in past.years],
            "counts": counts,
            "marked": marked,
            "km2": (grid.side / 1000) ** 2,
            "side": round(grid.side),
        },
    }


def _view(past: PastMap) -> list[list[float]]:
    """Return the south-west and north-east of what the map opens on: all but 1 event in 200 each side."""
    weight = past.counts.sum(axis=(0, 2))
    bounds = []
    for position in np.divmod(past.cells, past.grid.columns):
        share = np.cumsum(np.bincount(position, weight)) / weight.sum()
        bounds.append([int(np.searchsorted(share, level)) for level in (0.005, 0.995)])
    (south, north), (west, east) = bounds
    columns = past.grid.columns
    low, high = past.grid.corners(south * columns + west), past.grid.corners(north * columns + east)
    return [[low[0], low[1]], [high[2], high[3]]]


def shown_hotspots(report: AnalysisReport, found: HotspotOutcome) -> np.ndarray:
    """Return which cells of each class have enough events in the counted years to be shown, (n_classes, n_cells)."""
    asked = report.problem.analysis
    n = found.counts.n_weeks
    return np.asarray(found.counts.between(n - 52 * asked.counted_years, n) >= max(1, asked.suppress_below))


def _hotspots(report: AnalysisReport, found: HotspotOutcome, past: PastMap, hidden: np.ndarray) -> dict[str, Any]:
    asked = report.problem.analysis
    at = np.searchsorted(past.cells, found.counts.cells)  # cells of the study area are cells of the past
    shown = shown_hotspots(report, found) & ~hidden[at]
    sentences = conclusions(found, asked.map_weeks, asked.map_share)
    of = {}
    for c, name in enumerate(found.counts.classes):
        cells = {
            int(at[i]): [
                round(float(found.coming.mean[c, i]), 2),
                *found.coming.bounds[:, c, i].tolist(),
                round(float(found.coming.among_top[c, i]), 2),
            ]
            for i in np.flatnonzero(shown[c])
        }
        of[name] = {"cells": cells, "sentence": printable(sentences[c])}
    return {"window": window_text(asked.map_weeks), "share": share_text(asked.map_share), "of": of}


def _areas(report: AnalysisReport, found: ForecastOutcome, classes: list[str], masked: list[int]) -> dict[str, Any]:
    counts, coming = found.counts, found.coming
    periods = counts.periods
    past = min(_SHOWN[periods.kind], periods.n)
    form = "%Y-%m" if periods.kind == "month" else "%Y-%m-%d"
    of: list[dict[str, Any] | None] = []
    for name in classes:
        if name == EVERYTHING:
            # Intervals do not add up, so there are none of all classes together.
            mean, seen = coming.mean.sum(axis=0), counts.values.sum(axis=0)
            of.append(_series(mean, seen[:, -past:], masked) | {"bounds": [], "city_bounds": []})
            continue
        c = counts.classes.index(name)
        series = _series(coming.mean[c], counts.values[c][:, -past:], masked)
        bounds = [_masked_rows(part, masked) for part in coming.bounds[:, c]]
        of.append(series | {"bounds": bounds, "city_bounds": coming.city_bounds[:, c].tolist()})
    return {
        "past": [f"{periods.start(periods.n - past + k):{form}}" for k in range(past)],
        "coming": [f"{periods.start(periods.n + h):{form}}" for h in range(found.plan.horizons)],
        "period": f"{periods.kind.capitalize()} from",
        "of": of,
        "sentence": "Areas are drawn as the cells whose events name them most often. Left of the last steps: recorded; "
        "the last steps: forecast.",
    }


def _series(mean: np.ndarray, seen: np.ndarray, masked: list[int]) -> dict[str, Any]:
    return {
        "mean": _masked_rows(np.round(mean, 2), masked),
        "seen": _masked_rows(seen, masked),
        "city_mean": np.round(mean.sum(axis=0), 1).tolist(),
        "city_seen": seen.sum(axis=0).tolist(),
    }


def _masked_rows(values: np.ndarray, masked: list[int]) -> list[Any]:
    return [None if a in masked else row for a, row in enumerate(values.tolist())]
