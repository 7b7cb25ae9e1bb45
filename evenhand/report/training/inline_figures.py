"""The figures of a training's report as SVG in its page."""

from __future__ import annotations

from evenhand.report.figures import to_svg
from evenhand.report.training.data import Report


def drawn(report: Report, name: str, label: str) -> str:
    """Return a figure as SVG with a label for those who can't see it; empty if the report has none of that name."""
    return to_svg(report.figures[name], name, label) if name in report.figures else ""
