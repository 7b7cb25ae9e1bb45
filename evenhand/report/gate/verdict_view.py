"""What the gate report shows of a verdict: differences, conditions, and how the models were compared."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from evenhand.evidence.bootstrap import Interval
from evenhand.gate.conditions import percent
from evenhand.gate.verdict import Condition, Verdict
from evenhand.problem import GatePolicy
from evenhand.report.figures import against_bound, to_svg
from evenhand.report.figures.intervals import Bar
from evenhand.report.table_model import Cell, Table, facts, words

MEANINGS = {
    "promote": "better than the champion",
    "promote (first)": "good enough to be the first champion",
    "reject": "not better by the margin, or a condition fails",
    "insufficient evidence": "not promoted: these rows can't decide",
    "error": "not promoted: it could not be compared",
}


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


def tone(verdict: Verdict) -> str:
    """Return the status whose colour a verdict has."""
    return "pass" if verdict.passes else "undecided" if verdict.outcome == "insufficient evidence" else "fail"


def counted(verdict: Verdict) -> str:
    """Count the conditions by status: ``1 fail, 9 pass``."""
    count = Counter(condition.status for condition in verdict.conditions)
    return ", ".join(f"{count[status]} {status}" for status in ORDER if count[status])  # type: ignore[index]


def meaning(verdict: Verdict) -> str:
    """Say in a few words what a verdict means."""
    if verdict.high is not None and verdict.margin is not None and verdict.high <= verdict.margin:
        return "not better than the champion"
    return MEANINGS[verdict.outcome]


def _interval(found: Verdict | Condition) -> Interval | None:
    if found.estimate is None or found.low is None or found.high is None:
        return None
    return Interval(found.estimate, found.low, found.high)


def primary(verdict: Verdict) -> dict[str, Any] | None:
    """Return the interval of the primary metric, if there is one."""
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


def differences(verdict: Verdict) -> dict[str, Any] | None:
    """Return the intervals of every class, if the champion was compared."""
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


def conditions(verdict: Verdict) -> dict[str, Any] | None:
    """Return all conditions, what failed first."""
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


def judging(verdict: Verdict, about: About) -> dict[str, Any]:
    """Return the rows, intervals and policy of the comparison."""
    evaluation = f"{verdict.evaluation}; {verdict.evaluations_left} left" if verdict.evaluation else "none was used"
    drawn = f"paired bootstrap of {verdict.drawn}, both models on the same draws" if verdict.drawn else "none"
    rows: list[tuple[str, str | Cell]] = [
        ("held-out rows", f"{verdict.rows:,} rows {about.held_out}" if verdict.rows else "not read"),
        ("they come from", verdict.source or "not recorded"),
        ("their SHA-256", Cell(verdict.rows_sha256 or "not read", css="code")),
        ("evaluation of these rows", evaluation),
        ("confidence of each interval", percent(verdict.confidence) if verdict.confidence else "no interval"),
        ("intervals", drawn),
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
