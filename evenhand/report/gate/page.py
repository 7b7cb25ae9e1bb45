"""The gate report: one page with everything that a verdict rests on, the verdict first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from evenhand.gate.verdict import Verdict
from evenhand.report.gate import models_view, verdict_view
from evenhand.report.gate.details import Details
from evenhand.report.gate.verdict_view import About
from evenhand.report.rendering import render_page
from evenhand.report.table_model import Table, words

SHOWN = 6  # reasons at the top of the page


def gate_report(verdict: Verdict, about: About, details: Details | None = None) -> str:
    """Write a verdict, why, and everything it rests on, as self-contained HTML.

    Parameters
    ----------
    verdict : Verdict
    about : About
    details : Details, optional
        None where the models could not be scored.

    Returns
    -------
    str
        A page without a script and without a link to anything outside it.
    """
    views: dict[str, tuple[str, Callable[[], dict[str, Any] | None]]] = {
        "primary": ("difference", lambda: verdict_view.primary(verdict)),
        "differences": ("differences by class", lambda: verdict_view.differences(verdict)),
        "conditions": ("conditions", lambda: verdict_view.conditions(verdict)),
    }
    if details is not None:
        views |= models_view.sections(details)
    views |= {
        "changes": ("what changed", lambda: _changes(about)),
        "judging": ("how it was compared", lambda: verdict_view.judging(verdict, about)),
    }
    first, *rest = verdict.reasons
    return render_page(
        "gate/page.html.j2",
        title=f"{about.model} version {about.version}: {verdict.outcome}",
        synthetic="",
        sections=[
            (name, link, render_page(f"gate/{name}.html.j2", **values))
            for name, (link, view) in views.items()
            if (values := view()) is not None
        ],
        about=about,
        outcome=verdict.outcome,
        tone=verdict_view.tone(verdict),
        meaning=verdict_view.meaning(verdict),
        first=first,
        reasons=_shortened(rest),
    )


def _shortened(reasons: Sequence[str]) -> list[str]:
    """Leave out the middle of a long list; the conditions below have all of it."""
    if len(reasons) <= SHOWN:
        return list(reasons)
    left_out = len(reasons) - SHOWN + 1
    return [*reasons[: SHOWN - 3], f"and {left_out} more, see the conditions below", *reasons[-2:]]


def _changes(about: About) -> dict[str, Any] | None:
    if not about.champion:
        return None
    columns = words("", f"champion, version {about.champion}", f"challenger, version {about.version}")
    rows = [[change.name, change.champion, change.challenger] for change in about.changes]
    return {"about": about, "table": Table("Settings that differ", columns, rows, "wide") if rows else None}
