"""The gate report: one page with a whole case, the verdict first, that needs nothing else to be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from evenhand.gate.conditions import percent
from evenhand.gate.verdict import Condition, Verdict
from evenhand.problem import GatePolicy
from evenhand.report.gate.details import Details
from evenhand.report.gate.plots import Bar, interval_plot
from evenhand.report.gate.sections import about_models, calibration, classes, confusions, groups
from evenhand.report.gate.style import STYLE
from evenhand.report.html import table

SAYS = {
    "promote": "better than the champion",
    "promote (first)": "good enough to be the first champion",
    "reject": "a condition fails",
    "insufficient evidence": "not promoted: these rows can't tell",
    "error": "not promoted: it could not be judged",
}
HEAD = ("", "condition", "found", "allowed", "would decide")
SHOWN = 6  # reasons at the top of the page
ORDER = {"fail": 0, "undecided": 1, "pass": 2}


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
    """Version; empty for none."""
    judged_at: str
    case: str
    """Digest of what was judged."""
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
        None where the case could not be scored.

    Returns
    -------
    str
        A page without a script and without a link to anything outside it.
    """
    title = f"{about.model} version {about.version}: {verdict.outcome}"
    body = [_verdict(verdict, about), _primary(verdict), _differences(verdict), _conditions(verdict)]
    if details is not None:
        parts = (about_models, classes, confusions, calibration, groups)
        body += [part(details) for part in parts]
    body += [_changes(about), _judging(verdict, about)]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def _verdict(verdict: Verdict, about: About) -> str:
    against = f"champion version {about.champion}" if about.champion else "no champion: it is the first"
    look = "passes" if verdict.passes else "doubt" if verdict.outcome == "insufficient evidence" else "fails"
    first, *rest = verdict.reasons
    synthetic = '<p class="note">The rows are synthetic.</p>' if about.synthetic else ""
    return (
        f'<header class="{look}"><p class="kicker">{escape(about.problem)}: {escape(about.model)} '
        f"version {escape(about.version)}, against {escape(against)}</p>"
        f"<h1><span>{escape(verdict.outcome)}</span> {_says(verdict)}</h1>"
        f'<p class="lead">{escape(first)}</p>'
        f"<ul>{''.join(f'<li>{escape(reason)}</li>' for reason in _shortened(rest))}</ul>{synthetic}</header>"
    )


def _says(verdict: Verdict) -> str:
    if verdict.high is not None and verdict.margin is not None and verdict.high <= verdict.margin:
        return "not better than the champion"
    return SAYS[verdict.outcome]


def _shortened(reasons: Sequence[str]) -> list[str]:
    """Leave out the middle of a long list; the conditions below have all of it."""
    if len(reasons) <= SHOWN:
        return list(reasons)
    left_out = len(reasons) - SHOWN + 1
    return [*reasons[: SHOWN - 3], f"and {left_out} more, see the conditions below", *reasons[-2:]]


def _primary(verdict: Verdict) -> str:
    if verdict.estimate is None or verdict.low is None or verdict.high is None or verdict.margin is None:
        return ""
    above, below = verdict.low > verdict.margin, verdict.high <= verdict.margin
    status = "pass" if above else "fail" if below else "undecided"
    bar = Bar(verdict.metric, verdict.estimate, verdict.low, verdict.high, status)
    name = f"margin {verdict.margin:+g}"
    return (
        f"<section><h2>Challenger minus champion, {escape(verdict.metric)}</h2>"
        + interval_plot([bar], verdict.margin, name, f"Difference in {verdict.metric} with its interval")
        + '<p class="note">Positive is better. All of the interval must be right of the margin.</p></section>'
    )


def _conditions(verdict: Verdict) -> str:
    if not verdict.conditions:
        return ""
    count = {status: sum(c.status == status for c in verdict.conditions) for status in ORDER}
    told = ", ".join(f"{number} {status}" for status, number in count.items() if number)
    head: Sequence[str] = HEAD
    rows: list[Sequence[str]] = [
        (f'<b class="{c.status}">{c.status}</b>', escape(c.name), *_found_and_allowed(c, verdict.confidence), _more(c))
        for c in sorted(verdict.conditions, key=lambda c: ORDER[c.status])
    ]
    if not count["undecided"]:
        head, rows = HEAD[:-1], [row[:-1] for row in rows]
    note = f'<p class="note">Intervals are at {percent(verdict.confidence)}.</p>' if verdict.confidence else ""
    return f"<section><h2>Conditions: {told}</h2>{note}{table(head, rows, 'conditions')}</section>"


def _found_and_allowed(condition: Condition, confidence: float | None) -> tuple[str, str]:
    found, _, allowed = condition.detail.partition(", allowed is ")
    # All intervals of a page have the same confidence, which is said once.
    found = found.replace(f" at {percent(confidence)})", ")") if confidence else found
    return escape(found), escape(allowed)


def _more(condition: Condition) -> str:
    if condition.status != "undecided":
        return ""
    return "not known" if condition.more_rows is None else f"about {condition.more_rows:,} more rows"


def _differences(verdict: Verdict) -> str:
    parts = []
    for kind in ("recall", "average precision"):
        found = [c for c in verdict.conditions if c.kind == kind]
        drawn = [b for b in map(_bar, found) if b is not None]
        bound = next((c.bound for c in found if c.bound is not None), None)
        if drawn and bound is not None:
            plot = interval_plot(drawn, bound, f"allowed {bound:+g}", f"Difference in {kind} of each class")
            absent = [c.subject for c in found if c.estimate is None]
            note = f'<p class="note">Not enough rows: {escape(", ".join(absent))}.</p>' if absent else ""
            parts.append(f"<figure><figcaption>{kind}</figcaption>{plot}</figure>{note}")
    if not parts:
        return ""
    legend = (
        '<p class="note">Challenger minus champion on the same rows. Dot: passes, ring: undecided, cross: fails.</p>'
    )
    return f"<section><h2>Class by class, against the champion</h2>{legend}{''.join(parts)}</section>"


def _bar(condition: Condition) -> Bar | None:
    c = condition
    if c.estimate is None or c.low is None or c.high is None:
        return None
    return Bar(c.subject, c.estimate, c.low, c.high, c.status)


def _changes(about: About) -> str:
    if not about.champion:
        return ""
    rows = [(escape(c.name), escape(c.champion), escape(c.challenger)) for c in about.changes]
    head = ("", f"champion, version {escape(about.champion)}", f"challenger, version {escape(about.version)}")
    shown = table(head, rows, "changes") if rows else "<p>Nothing, as far as it was written down.</p>"
    alike = f"{about.alike} other settings are the same. " if about.alike else ""
    return (
        "<section><h2>What changed in data and configuration since the champion</h2>"
        f'{shown}<p class="note">{alike}{escape(about.not_compared)}</p></section>'
    )


def _judging(verdict: Verdict, about: About) -> str:
    evaluation = f"{verdict.evaluation}; {verdict.evaluations_left} left" if verdict.evaluation else "none"
    rows: list[Sequence[str]] = [
        ("held-out rows", f"{verdict.rows:,} rows {escape(about.held_out)}" if verdict.rows else "not read"),
        ("their SHA-256", f"<code>{escape(verdict.rows_sha256) or 'not read'}</code>"),
        ("evaluation on these rows", evaluation),
        ("confidence of each interval", percent(verdict.confidence) if verdict.confidence else "none made"),
        ("intervals", "paired bootstrap of the rows, class by class, both models on the same draws"),
        ("review", f"<code>review: {verdict.review}</code>"),
        ("judged", escape(about.judged_at)),
        ("case", f"<code>{escape(about.case) or 'none'}</code>"),
    ]
    policy = [(f"<code>gate.{name}</code>", escape(_plain(value))) for name, value in about.policy.model_dump().items()]
    return (
        f"<section><h2>How it was judged</h2>{table(('', ''), rows, 'facts')}"
        f"<h3>Policy</h3>{table(('', ''), policy, 'facts')}</section>"
    )


def _plain(value: object) -> str:
    if value is None:
        return "off"
    if isinstance(value, dict):
        told = (f"{name} {_plain(part)}" for name, part in value.items() if part is not None)
        return ", ".join(told) or "none"
    return ("; ".join(map(_plain, value)) or "none") if isinstance(value, tuple) else str(value)
