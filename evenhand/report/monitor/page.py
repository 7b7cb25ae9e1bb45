"""The page of the monitor, in one file that needs nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evenhand.report.monitor import sections
from evenhand.report.monitor.data import MonitorView
from evenhand.report.rendering import render_page
from evenhand.report.training.sentences import SYNTHETIC

# Each section: its link, and what its template ``templates/monitor/<name>.html.j2`` shows; None leaves it out.
SECTIONS: dict[str, tuple[str, Callable[[MonitorView], dict[str, Any] | None]]] = {
    "alarms": ("alarms", sections.alarms),
    "timeline": ("timeline", sections.timeline),
    "classes": ("classes", sections.classes),
    "columns": ("columns", sections.columns),
    "expected": ("without labels", sections.expected),
    "limits": ("limits", sections.limits),
}


def monitor_page(view: MonitorView) -> str:
    """Write what the monitor knows of a champion as self-contained HTML.

    Returns
    -------
    str
        A page without a script and without a link to anything outside it.
    """
    parts = [
        (name, link, render_page(f"monitor/{name}.html.j2", **values))
        for name, (link, of) in SECTIONS.items()
        if (values := of(view)) is not None
    ]
    tone, first = sections.answer(view)
    return render_page(
        "monitor/page.html.j2",
        title=f"Monitor: {view.title}",
        heading=view.title,
        synthetic=SYNTHETIC if view.synthetic else "",
        sections=parts,
        tone=tone,
        first=first,
        model=view.state.model,
        version=view.state.version,
        newest=view.state.newest,
        summary=sections.period_text(view),
        next_step=view.next_step,
        new=[f"{alarm.kind}, {alarm.period}: {alarm.text}" for alarm in view.new],
        notes=list(view.notes),
    )
