"""Sections of the training's page about all candidates: verdict, leaderboard, baseline against resampled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from evenhand.evidence.bootstrap import Interval
from evenhand.evidence.types import EvaluationSet
from evenhand.gate.conditions import percent
from evenhand.metrics.scores import Scores
from evenhand.problem import LOWER_IS_BETTER
from evenhand.report.evidence_tables import by_way
from evenhand.report.evidence_text import WAYS_SHOWN, simplest_said
from evenhand.report.gate.page import SAYS
from evenhand.report.html import table
from evenhand.report.tables import Row, baseline_against_resampled
from evenhand.report.training.data import Report, row_name
from evenhand.report.training.parts import (
    Ranked,
    cell,
    folded,
    frame_table,
    paragraph,
    picture,
    rank_plot,
    section,
    sure,
)
from evenhand.report.training.sentences import WHAT_IT_IS, decimal, judged_rarest, metric_name, percentage

SHOWN = 12  # candidates before the rest is folded away
STOPPED = (
    "After some folds these could not be the best any more, so they got no more of them and were not judged on the "
    "held-out period. What they do for their model is compared below, on the rows of the folds done."
)
CONDITIONS = ("fail", "undecided", "pass")


def verdict_section(report: Report) -> str:
    """Tell what the gate said, why, and who decides."""
    verdict, model = report.verdict, report.summary.model
    about = f"Version {model.version} of {model.name}: {verdict.outcome}, {SAYS[verdict.outcome]}."
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in verdict.reasons)
    counts = {status: sum(c.status == status for c in verdict.conditions) for status in CONDITIONS}
    told = ", ".join(f"{n} {status}" for status, n in counts.items() if n)
    look = "passes" if verdict.passes else "doubt" if verdict.outcome == "insufficient evidence" else "fails"
    tone = {"passes": "pass", "doubt": "undecided", "fails": "fail"}[look]
    note = f"Conditions: {told}." if told else ""
    note += f" Their intervals are at {percent(verdict.confidence)}." if verdict.confidence else ""
    note += " All of them, and both models side by side, are in gate_report.html in the run of this training."
    lead = f'<p class="lead"><b class="{tone}">{escape(about)}</b></p>'
    return section("verdict", "What the gate said", lead, f"<ul>{reasons}</ul>", paragraph(note.strip(), "note"))


def leaderboard_section(report: Report) -> str:
    """Rank all candidates as the winner was chosen, out of fold, with the held-out period beside it."""
    metric = report.problem.metric
    ranked = [row for row in report.rows if row.oof is not None and row.stopped is None]
    scored = sorted(ranked, key=lambda row: _order(row, metric))
    if not scored:
        return ""
    rarest = judged_rarest(report)
    head = ["#rank", "candidate", "#held out", "#out of fold", "#average precision, held out"]
    head += [f"#{cell(rarest.name)} found, held out"] if rarest else []
    lines = [_line(report, place, row, rarest.name if rarest else None) for place, row in enumerate(scored, start=1)]
    top, rest = lines[:SHOWN], lines[SHOWN:]
    bars = [_ranked(report, row) for row in scored[:SHOWN]]
    name = metric_name(metric)
    what = WHAT_IT_IS.get(metric, "")
    key = (
        f'<ul class="key"><li class="challenger"><i></i>held-out period, {escape(name)}</li>'
        f'<li class="champion"><i></i>out of fold, {escape(name)}</li></ul>'
    )
    stopped = [f"{row_name(row)}: {row.stopped}" for row in report.rows if row.stopped is not None]
    unscored = [f"{row_name(row)}: {row.skipped or 'not scored'}" for row in report.rows if row.oof is None]
    return section(
        "leaderboard",
        f"All candidates by {name}",
        paragraph(
            f"Names read model / strategy / columns / decision rule. {name[0].upper()}{name[1:]}: {what}. Out of fold "
            "means judged on training rows that a fit had not seen; by that, best first, the chosen one was found. The "
            "held-out period is newer than all of them and shows what to expect." + _interval_note(report),
            "note",
        ),
        key + rank_plot(bars, f"{name} of the best candidates"),
        table(head, top, "ranked"),
        folded(f"Candidates from rank {SHOWN + 1} on", table(head, rest, "ranked")) if rest else "",
        folded(f"Stopped by the race: {len(stopped)}", paragraph(STOPPED, "note") + _list(stopped)) if stopped else "",
        folded(f"Without scores: {len(unscored)}", _list(unscored)) if unscored else "",
        paragraph(_accuracy(report), "note"),
    )


def comparison_section(report: Report) -> str:
    """Tell which way of handling imbalance helped, then each model beside itself without any."""
    metric, found = report.problem.metric, report.evidence
    frame = baseline_against_resampled(report.rows, metric)
    parts = [paragraph(found.conclusion), paragraph(simplest_said(found))] if found else []
    if found:
        ways = by_way(found)
        top, rest = ways.head(WAYS_SHOWN), ways.iloc[WAYS_SHOWN:]
        parts.append("" if top.empty else frame_table(top))
        parts.append("" if rest.empty else folded(f"Ways from rank {WAYS_SHOWN + 1} on", frame_table(rest)))
        few = [one.text for one in found.grounds["test"].classes] if "test" in found.grounds else []
        parts.append(folded("How small a change these rows can show", _list(few)) if few else "")
    parts.append(picture(report.figures.get("strategy_comparison"), f"{metric_name(metric)} of every strategy"))
    parts.append(folded("Every model with and without, out of fold", frame_table(frame)))
    return section("resampling", "Baseline against resampled", *parts)


def _ranked(report: Report, row: Row) -> Ranked:
    name = row_name(row)
    return Ranked(name, _interval(report, row, "test"), _interval(report, row, "oof"), name == row_name(report.winner))


def _order(row: Row, metric: str) -> tuple[bool, float, str]:
    assert row.oof is not None  # noqa: S101 - the caller leaves others out
    value = row.oof.metrics[metric]
    if math.isnan(value):
        return True, 0.0, row_name(row)
    return False, value if metric in LOWER_IS_BETTER else -value, row_name(row)


def _line(report: Report, place: int, row: Row, rarest: str | None) -> list[str]:
    name = f"<b>{cell(row_name(row))}</b> (chosen)" if row_name(row) == row_name(report.winner) else cell(row_name(row))
    cells = [f"#{place}", name, sure(_interval(report, row, "test")), sure(_interval(report, row, "oof"))]
    cells.append(_metric(row.test, "average_precision"))
    if rarest is not None:
        cells.append("#–" if row.test is None else f"#{percentage(row.test.per_class[rarest].recall)}")
    return [text if text != "#not enough data" else "#–" for text in cells]


def _metric(scores: Scores | None, metric: str) -> str:
    return "#–" if scores is None else f"#{decimal(scores.metrics[metric])}"


def _interval(report: Report, row: Row, place: EvaluationSet) -> Interval | None:
    """Find a candidate's primary metric; bounds are its own estimate where none are known."""
    scores: Scores | None = getattr(row, place)
    if scores is None:
        return None
    value = scores.metrics[report.problem.metric]
    found = report.evidence
    at = None
    if found is not None and row_name(row) in {one.name for one in found.candidates}:
        at = found.candidate(row_name(row)).on(place)
    if at is not None and math.isfinite(at.metrics[report.problem.metric].interval.low):
        known = at.metrics[report.problem.metric].interval
        return Interval(value, known.low, known.high)
    if row_name(row) == row_name(report.winner) and place == "test" and report.measured is not None:
        return report.measured.primary
    return Interval(value, value, value)


def _interval_note(report: Report) -> str:
    return (
        " Behind each score stands its 95 % interval; the one out of fold allows for other fits, too."
        if report.evidence
        else ""
    )


def _accuracy(report: Report) -> str:
    """Put accuracy where it can't mislead: beside what saying the commonest class always would give."""
    scores = report.winner.test or report.winner.oof
    if scores is None:
        return ""
    commonest = max(scores.per_class, key=lambda name: scores.per_class[name].support)
    right, always = scores.metrics["accuracy"], scores.metrics["majority_accuracy"]
    return (
        f"Accuracy misleads here: always saying {commonest} is right on {percentage(always)} of the rows and finds "
        f"nothing else; the chosen candidate is right on {percentage(right)}."
    )


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"
