"""The model card of a training's winner, as Markdown and as a page (Mitchell et al. 2019)."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from typing import Any

from evenhand.evidence.bootstrap import Interval
from evenhand.problem import BASE, LOWER_IS_BETTER
from evenhand.report.candidate_row import row_name
from evenhand.report.rendering import render_document, render_page
from evenhand.report.table_model import decimal, interval_cell, percentage
from evenhand.report.training.answer import answer, expected_overall
from evenhand.report.training.data import Report
from evenhand.report.training.sentences import (
    SYNTHETIC,
    WHAT_IT_IS,
    caveats,
    chosen_settings,
    metric_name,
    scarce,
    widest_gap,
)
from evenhand.report.training.winner import class_table, group_table
from evenhand.selection.agreement import agreement

RULES = {
    "argmax": "the most probable class",
    "multipliers": "each class's probability is multiplied by a number fitted on out-of-fold rows for {metric}; the "
    "largest product wins",
    "prior_power": "each class's probability is divided by a power of its share in the training rows, so that rare "
    "classes count more; the largest wins",
    "prior_correction": "probabilities are brought back to the natural class shares; the most probable class wins",
    "cost": "the class with the lowest expected cost, by the costs in the problem file",
    "capacity": "the most probable rows of one class, as many as can be followed up; other rows get their own"
    " most probable class",
}


def model_card(report: Report) -> str:
    """Write the card as Markdown.

    Parameters
    ----------
    report : Report

    Returns
    -------
    str
    """
    return render_document("model_card.md.j2", form="card_markdown.j2", **_card(report))


def model_card_page(report: Report) -> str:
    """Write the card as self-contained HTML; see :func:`model_card`."""
    return render_page("model_card.html.j2", form="card_html.j2", sections=(), **_card(report))


def _card(report: Report) -> dict[str, Any]:
    problem, measured, metric = report.problem, report.measured, report.problem.metric
    stack = report.winner.model == "stack"
    read = problem.features.values() if stack else [problem.features[report.winner.features]]
    groups = measured.groups if measured else ()
    return {
        "title": f"Model card: {report.summary.model.name} version {report.summary.model.version}",
        "synthetic": SYNTHETIC if problem.synthetic else "",
        "answer": [text for text in (*answer(report), expected_overall(report)) if text],
        "about": problem.about,
        "problem": problem.title,
        "classes": [line.name for line in measured.classes] if measured else list(report.records[0].before),
        "columns": list(dict.fromkeys(column for features in read for column in features.columns)),
        "data": _data(report),
        "decides": _decides(report),
        "scores": class_table(report) if measured else None,
        "metric": metric_name(metric),
        "overall": str(interval_cell(measured.primary)) if measured else "",
        "what": WHAT_IT_IS.get(metric, ""),
        "widest": widest_gap(groups),
        "groups": [group_table(found) for found in groups if found.groups],
        "limits": _limits(report),
        "before_use": _before_use(report),
        "verdict": report.verdict,
        "follows": _follows(report),
    }


def _follows(report: Report) -> str:
    """Say who decides after the verdict, if anyone does."""
    verdict = report.verdict
    if verdict.passes and verdict.review == "required":
        return "A named reviewer decides; the registry's ledger holds what followed."
    if verdict.passes:
        return "The gate decides alone (review: never); the registry's ledger holds what followed."
    if verdict.review == "required" and verdict.acknowledgeable:
        return "A named reviewer may acknowledge what no rows can decide, and approve it; the ledger would hold that."
    return "It was not put to a reviewer: this version is not promoted."


def _data(report: Report) -> list[str]:
    summary, made, problem = report.summary, report.made, report.problem
    period = f", {problem.split.holdout.order} from {{}} to {{}}"
    trained = period.format(*made.train_period) if made.train_period else ""
    held = period.format(*made.holdout_period) if made.holdout_period else ""
    quarantined = sum(summary.data.quarantined.values())
    return [
        f"Source: {problem.title} ({problem.source.kind}). Licence: {problem.licence}.",
        f"Trained on {summary.data.train_rows:,} rows{trained}.",
        f"Scored on {summary.data.test_rows:,} held-out rows{held}; none of them was trained on.",
        f"Validation ({made.suite}) quarantined {quarantined:,} rows, {made.dropped_duplicates:,} of them copies.",
        f"SHA-256 of the snapshot {summary.data.sha256}, of the training rows {made.train_sha256}.",
    ]


def _decides(report: Report) -> list[str]:
    winner, metric = report.winner, metric_name(report.problem.metric)
    decision = next((d for d in report.problem.decisions if d.name == winner.decision), None)
    fitted_for = getattr(decision, "metric", None)
    rule = RULES.get(decision.kind if decision else winner.decision, winner.decision)
    rule = rule.format(metric=metric_name(fitted_for) if fitted_for else metric)
    lines = [
        f"Candidate: {row_name(winner)}, the best of {len(report.rows):,} by {metric} out of fold.",
        f"Imbalance: {_imbalance(winner.strategy, winner.decision)}.",
        f"Rule ({winner.decision}): {rule}.",
    ]
    fit = " / ".join([winner.model, winner.strategy, *([winner.features] if winner.features != BASE else [])])
    tuned = [one for one in report.summary.tuning if one.candidate == fit and one.fold is None]
    lines += [f"Its settings were tuned on all training rows: {chosen_settings(one)}." for one in tuned]
    lines += caveats(tuned)
    used = report.calibrated.get(row_name(winner))
    return [*lines, *([f"Probabilities are calibrated: {used.method}."] if used and used.method != "none" else [])]


def _imbalance(strategy: str, decision: str) -> str:
    if strategy != "none":
        return f"strategy {strategy}"
    rule = "" if decision == "argmax" else "; a decision rule corrects for it (next line)"
    return f"no resampling or class weights{rule}"


def _before_use(report: Report) -> list[str]:
    problem, summary = report.problem, report.summary
    names = ", ".join(reviewer.name for reviewer in problem.reviewers)
    asked = problem.contact or names or "not stated (contact in the problem file)"
    found = re.match(r"\d{8}", summary.id)
    trained = datetime.strptime(found.group(), "%Y%m%d") if found else None
    days = problem.report.review_after_days
    due = f"{trained + timedelta(days=days):%Y-%m-%d}" if trained else f"{days:,} days after the training"
    return [
        "Reporting bias: the rows are what was reported and recorded. A class that is reported less in some places or "
        "groups looks rarer there, and the model repeats it.",
        "Feedback: where its output decides where people look, more is found there, and the next training learns that. "
        "Keep rows that were found in that way apart, or compare with places that it did not choose.",
        f"Questions: {asked}.",
        f"Review it by {due}, or at once where recording practice, law or place changes.",
    ]


def _limits(report: Report) -> list[str]:
    lines = report.measured.classes if report.measured else ()
    found = {line.name: line.measures["recall"].estimate for line in lines if line.measures is not None}
    limits = [scarce(report)]
    if found:
        worst = min(found, key=lambda name: found[name])
        limits.append(f"It misses {percentage(1 - found[worst])} of {worst}, more than of any other class.")
    limits.append(_drift(report))
    limits += list(report.evidence.warnings) if report.evidence else []
    limits += ["It was trained on a sample of the training rows."] * (report.summary.preset == "quick")
    return [text for text in limits if text]


def _drift(report: Report) -> str:
    """Compare the score on the newer period with what the folds let expect there."""
    oof, test, known = report.winner.oof, report.winner.test, report.summary.expected
    if oof is None or test is None or known is None or known.value is None or known.out_of_fold is None:
        return ""
    low, high = (math.nan if bound is None else bound for bound in (known.low, known.high))
    metric = report.problem.metric
    found = agreement(Interval(known.value, low, high), known.out_of_fold, oof, test, metric)
    worse = (found.found < found.expected.low) != (metric in LOWER_IS_BETTER)
    size = "worse than expected: expect it to get worse as the data change" if worse else "better than expected"
    over = f", over the classes that both have (not {', '.join(found.left_out)})" if found.left_out else ""
    return (
        f"Time: {metric_name(metric)} was {decimal(found.found)} on the newer held-out period{over}; out of fold, "
        f"{interval_cell(found.expected)} was to be expected there{'' if found.holds else f'. That is {size}'}."
    )
