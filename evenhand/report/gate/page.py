"""The gate report: one page with everything that a verdict rests on, the verdict first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from evenhand.evidence.bootstrap import Interval
from evenhand.gate.conditions import percent
from evenhand.gate.verdict import Condition, Verdict
from evenhand.problem import GatePolicy
from evenhand.report.figures import against_bound, to_svg
from evenhand.report.figures.intervals import Bar
from evenhand.report.gate import tables
from evenhand.report.gate.details import Details
from evenhand.report.rendering import render_page
from evenhand.report.table_model import Cell, Table, facts, words

MEANINGS = {
    "promote": "better than the champion",
    "promote (first)": "good enough to be the first champion",
    "reject": "a condition fails",
    "insufficient evidence": "not promoted: these rows can't decide",
    "error": "not promoted: it could not be compared",
}
SHOWN = 6  # reasons at the top of the page
ORDER = ("fail", "undecided", "pass")


@dataclass(frozen=True)
class Change:
    """Something that differs between the champion's training and the challenger's."""

    name: str
    champion: str
    challenger: str


@dataclass(frozen=True)
class About:
    """Where a verdict comes from."""

    problem: str
    """Title, for people."""
    model: str
    version: str
    champion: str
    """Version; empty if there is none."""
    judged_at: str
    case: str
    """Digest of what was compared."""
    policy: GatePolicy
    synthetic: bool = False
    changes: tuple[Change, ...] = ()
    alike: int = 0
    """How many settings are the same."""
    not_compared: str = ""
    """Why the two trainings could not be compared, if so."""
    held_out: str = ""
    """Which rows they are, for people."""


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
        "primary": ("difference", lambda: _primary(verdict)),
        "differences": ("differences by class", lambda: _differences(verdict)),
        "conditions": ("conditions", lambda: _conditions(verdict)),
    }
    if details is not None:
        views |= tables.sections(details)
    views |= {
        "changes": ("what changed", lambda: _changes(about)),
        "judging": ("how it was compared", lambda: _judging(verdict, about)),
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
        tone=tone(verdict),
        meaning=_meaning(verdict),
        first=first,
        reasons=_shortened(rest),
    )


def tone(verdict: Verdict) -> str:
    """Return the status whose colour a verdict has."""
    return "pass" if verdict.passes else "undecided" if verdict.outcome == "insufficient evidence" else "fail"


def counted(verdict: Verdict) -> str:
    """Count the conditions by status: ``1 fail, 9 pass``."""
    count = Counter(condition.status for condition in verdict.conditions)
    return ", ".join(f"{count[status]} {status}" for status in ORDER if count[status])  # type: ignore[index]


def _meaning(verdict: Verdict) -> str:
    if verdict.high is not None and verdict.margin is not None and verdict.high <= verdict.margin:
        return "not better than the champion"
    return MEANINGS[verdict.outcome]


def _shortened(reasons: Sequence[str]) -> list[str]:
    """Leave out the middle of a long list; the conditions below have all of it."""
    if len(reasons) <= SHOWN:
        return list(reasons)
    left_out = len(reasons) - SHOWN + 1
    return [*reasons[: SHOWN - 3], f"and {left_out} more, see the conditions below", *reasons[-2:]]


def _interval(found: Verdict | Condition) -> Interval | None:
    if found.estimate is None or found.low is None or found.high is None:
        return None
    return Interval(found.estimate, found.low, found.high)


def _primary(verdict: Verdict) -> dict[str, Any] | None:
    interval = _interval(verdict)
    if interval is None or verdict.margin is None:
        return None
    above, below = interval.low > verdict.margin, interval.high <= verdict.margin
    bar = Bar(verdict.metric, interval, "pass" if above else "fail" if below else "undecided")
    plot = against_bound([bar], verdict.margin, f"margin {verdict.margin:+g}")
    return {
        "metric": verdict.metric,
        "drawn": to_svg(plot, "primary", f"Difference in {verdict.metric} with its interval"),
    }


def _differences(verdict: Verdict) -> dict[str, Any] | None:
    parts = []
    for kind in ("recall", "average precision"):
        found = [c for c in verdict.conditions if c.kind == kind]
        bars = [Bar(c.subject, interval, c.status) for c in found if (interval := _interval(c)) is not None]
        bound = next((c.bound for c in found if c.bound is not None), None)
        if bars and bound is not None:
            plot = against_bound(bars, bound, f"allowed {bound:+g}")
            drawn = to_svg(plot, kind.replace(" ", "-"), f"Difference in {kind} of each class")
            parts.append({"kind": kind, "drawn": drawn, "absent": [c.subject for c in found if c.estimate is None]})
    return {"parts": parts} if parts else None


def _conditions(verdict: Verdict) -> dict[str, Any] | None:
    if not verdict.conditions:
        return None
    columns = words("condition", "result", "found", "allowed", "would decide")
    rows: list[list[str | Cell]] = [
        [c.name, Cell(c.status, css=c.status), *_found_and_allowed(c, verdict.confidence), _more(c)]
        for c in sorted(verdict.conditions, key=lambda c: ORDER.index(c.status))
    ]
    if all(c.status != "undecided" for c in verdict.conditions):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    return {
        "counts": counted(verdict),
        "confidence": percent(verdict.confidence) if verdict.confidence else "",
        "table": Table("What failed first", columns, rows, "stacked"),
    }


def _found_and_allowed(condition: Condition, confidence: float | None) -> tuple[str, str]:
    found, _, allowed = condition.detail.partition(", allowed is ")
    # All intervals of a page have the same confidence, which is written once.
    return found.replace(f" at {percent(confidence)})", ")") if confidence else found, allowed


def _more(condition: Condition) -> str:
    if condition.status != "undecided":
        return ""
    return "not known" if condition.more_rows is None else f"about {condition.more_rows:,} more rows"


def _changes(about: About) -> dict[str, Any] | None:
    if not about.champion:
        return None
    columns = words("", f"champion, version {about.champion}", f"challenger, version {about.version}")
    rows = [[change.name, change.champion, change.challenger] for change in about.changes]
    return {"about": about, "table": Table("Settings that differ", columns, rows, "wide") if rows else None}


def _judging(verdict: Verdict, about: About) -> dict[str, Any]:
    evaluation = f"{verdict.evaluation}; {verdict.evaluations_left} left" if verdict.evaluation else "none was used"
    rows: list[tuple[str, str | Cell]] = [
        ("held-out rows", f"{verdict.rows:,} rows {about.held_out}" if verdict.rows else "not read"),
        ("their SHA-256", Cell(verdict.rows_sha256 or "not read", css="code")),
        ("evaluation of these rows", evaluation),
        ("confidence of each interval", percent(verdict.confidence) if verdict.confidence else "no interval"),
        ("intervals", "paired bootstrap of the rows, class by class, both models on the same draws"),
        ("review", Cell(f"review: {verdict.review}", css="code")),
        ("compared at", about.judged_at),
        ("case", Cell(about.case or "none", css="code")),
    ]
    policy = [(f"gate.{name}", _plain(value)) for name, value in about.policy.model_dump().items()]
    return {"facts": facts("", rows), "policy": facts("Policy", policy)}


def _plain(value: object) -> str:
    if value is None:
        return "off"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(part)}" for name, part in value.items() if part is not None) or "none"
    return ("; ".join(map(_plain, value)) or "none") if isinstance(value, tuple) else str(value)
