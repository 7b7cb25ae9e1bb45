"""What the page of a training shows of what the chosen model goes by, and of where and when it errs."""

from __future__ import annotations

from typing import Any

from evenhand.report.figures import to_svg
from evenhand.report.figures.effects import effect_curves
from evenhand.report.figures.errors import error_places, error_times
from evenhand.report.table_model import Cell, Table, interval_cell, numbers, words
from evenhand.report.training.data import Report
from evenhand.report.training.sentences import described, metric_name

SHOWN = 15  # columns before the rest is left to the file


def effects(report: Report) -> dict[str, Any] | None:
    """Return importances and effect curves; None without an explanation."""
    found = report.explanation
    if found is None:
        return None
    rows: list[list[str | Cell]] = [[one.label, interval_cell(one.loss)] for one in found.importances[:SHOWN]]
    curves, about = found.effects, "Mean probability of each class over the values of one column"
    return {
        "winner": described(report.winner),
        "metric": metric_name(found.metric),
        "table": Table(
            f"Loss of {metric_name(found.metric)} without the column, with 95 % intervals",
            words("column") + numbers("loss"),
            rows,
            "compact",
        ),
        "more": len(found.importances) - len(rows),
        "drawn": to_svg(effect_curves(curves), "effects", about) if curves else "",
    }


def errors(report: Report) -> dict[str, Any] | None:
    """Return the map and the hours of wrong predictions; None where there is neither."""
    if report.errors is None:
        return None
    places, times = error_places(report.errors), error_times(report.errors)
    if places is None and times is None:
        return None
    return {
        "places": to_svg(places, "error-places", "Share of wrong rows by place") if places else "",
        "times": to_svg(times, "error-times", "Share of wrong rows by weekday and hour") if times else "",
    }
