"""What the page of a training shows of all candidates: verdict, leaderboard, baseline against resampled."""

from __future__ import annotations

import math
from typing import Any

from evenhand.evidence.bootstrap import Interval
from evenhand.evidence.types import EvaluationSet
from evenhand.gate.conditions import percent
from evenhand.metrics.scores import Scores
from evenhand.problem import LOWER_IS_BETTER
from evenhand.report.candidate_row import Row, row_name
from evenhand.report.candidate_tables import baseline_against_resampled
from evenhand.report.evidence_tables import by_method
from evenhand.report.evidence_text import METHODS_SHOWN, simplest
from evenhand.report.figures import ranked_candidates, to_svg
from evenhand.report.figures.intervals import Ranked
from evenhand.report.gate.verdict_view import MEANINGS, counted, tone
from evenhand.report.table_model import Cell, Table, decimal, frame_table, interval_cell, numbers, percentage, words
from evenhand.report.table_text import without_skipped
from evenhand.report.training.data import Report
from evenhand.report.training.inline_figures import drawn
from evenhand.report.training.sentences import WHAT_IT_IS, judged_rarest, metric_name

SHOWN = 12  # candidates before the rest is folded
UNKNOWN = "–"


def verdict(report: Report) -> dict[str, Any]:
    """Return the verdict, its reasons and how many conditions hold."""
    found = report.verdict
    return {
        "model": report.summary.model,
        "outcome": found.outcome,
        "meaning": MEANINGS[found.outcome],
        "tone": tone(found),
        "reasons": found.reasons,
        "counts": counted(found),
        "confidence": percent(found.confidence) if found.confidence else "",
    }


def leaderboard(report: Report) -> dict[str, Any] | None:
    """Return all candidates as the winner was chosen, out of fold, with their scores on the held-out period."""
    metric = report.problem.metric
    ranked = [row for row in report.rows if row.oof is not None and row.stopped is None]
    scored = sorted(ranked, key=lambda row: _order(row, metric))
    if not scored:
        return None
    name = metric_name(metric)
    plot = ranked_candidates([_ranked(report, row) for row in scored[:SHOWN]])
    return {
        "metric": name,
        "what": WHAT_IT_IS.get(metric, ""),
        "intervals": any(_bounded(report, row) for row in scored),
        "unbounded": not all(_bounded(report, row) for row in scored),
        "drawn": to_svg(plot, "ranked", f"{name} of the best candidates") if plot else "",
        "best": _ranking(report, scored, 0, SHOWN),
        "rest": _ranking(report, scored, SHOWN, len(scored)) if len(scored) > SHOWN else None,
        "stopped": [f"{row_name(row)}: {row.stopped}" for row in report.rows if row.stopped is not None],
        "unscored": [f"{row_name(row)}: {row.skipped or 'not scored'}" for row in report.rows if row.oof is None],
        "combination": report.summary.combination,
        "accuracy": _accuracy(report),
    }


def resampling(report: Report) -> dict[str, Any]:
    """Return which method of handling imbalance helped, then every candidate against its baseline."""
    metric, found = report.problem.metric, report.evidence
    methods = by_method(found) if found else None
    best = rest = None
    if methods is not None and not methods.empty:
        best = frame_table(methods.head(METHODS_SHOWN), "Methods of handling imbalance, against the same model without")
        rest = frame_table(methods.iloc[METHODS_SHOWN:], "Further methods") if len(methods) > METHODS_SHOWN else None
    every, _ = without_skipped(baseline_against_resampled(report.rows, metric))
    held_out = found.grounds.get("test") if found else None
    return {
        "evidence": found,
        "simplest": simplest(found) if found else "",
        "best": best,
        "rest": rest,
        "detectable": [one.text for one in held_out.classes] if held_out else [],
        "drawn": drawn(report, "strategy_comparison", f"{metric_name(metric)} of every strategy"),
        "every": frame_table(every, "Out of fold, each model's baseline first"),
    }


def _ranking(report: Report, scored: list[Row], start: int, stop: int) -> Table:
    rarest = judged_rarest(report)
    columns = (
        *numbers("rank"),
        *words("candidate"),
        *numbers("held out", "out of fold", "average precision, held out"),
        *(numbers(f"{rarest.name} found, held out") if rarest else ()),
    )
    lines = []
    for rank, row in enumerate(scored[start:stop], start + 1):
        won = row_name(row) == row_name(report.winner)
        name = Cell(row_name(row), "chosen", "plain") if won else row_name(row)
        line = [str(rank), name, _score(report, row, "test"), _score(report, row, "oof")]
        line.append(UNKNOWN if row.test is None else decimal(row.test.metrics["average_precision"]))
        if rarest is not None:
            line.append(UNKNOWN if row.test is None else percentage(row.test.per_class[rarest.name].recall))
        lines.append(line)
    return Table(f"{metric_name(report.problem.metric)}, best out of fold first", columns, lines)


def _score(report: Report, row: Row, on: EvaluationSet) -> Cell:
    found = interval(report, row, on)
    return Cell(UNKNOWN) if found is None else interval_cell(found)


def _ranked(report: Report, row: Row) -> Ranked:
    chosen = row_name(row) == row_name(report.winner)
    return Ranked(row_name(row), interval(report, row, "test"), interval(report, row, "oof"), chosen)


def _order(row: Row, metric: str) -> tuple[bool, float, str]:
    assert row.oof is not None  # noqa: S101 - the caller leaves others out
    value = row.oof.metrics[metric]
    if math.isnan(value):
        return True, 0.0, row_name(row)
    return False, value if metric in LOWER_IS_BETTER else -value, row_name(row)


def interval(report: Report, row: Row, on: EvaluationSet) -> Interval | None:
    """Return a candidate's primary metric; the bounds are the estimate itself where none are known."""
    scores: Scores | None = getattr(row, on)
    if scores is None:
        return None
    value = scores.metrics[report.problem.metric]
    found = report.evidence
    known = {one.name: one for one in found.candidates} if found else {}
    at = known[row_name(row)].on(on) if row_name(row) in known else None
    near = at.metrics[report.problem.metric] if at is not None else None
    # The evidence leaves classes with few rows out of its means: its bounds are then of another score.
    if near is not None and math.isfinite(near.interval.low) and math.isclose(near.estimate, value, abs_tol=1e-9):
        return near.interval.around(value)
    if row_name(row) == row_name(report.winner) and on == "test" and report.measured is not None:
        return report.measured.primary
    return Interval(value, value, value)


def _bounded(report: Report, row: Row) -> bool:
    """Whether a candidate's score out of fold is shown with an interval."""
    found = interval(report, row, "oof")
    return found is not None and found.low < found.high


def _accuracy(report: Report) -> dict[str, Any] | None:
    """Return accuracy together with that of always predicting the commonest class."""
    scores = report.winner.test or report.winner.oof
    if scores is None:
        return None
    commonest = max(scores.per_class, key=lambda name: scores.per_class[name].support)
    return {
        "commonest": commonest,
        "always": scores.metrics["majority_accuracy"],
        "right": scores.metrics["accuracy"],
    }
