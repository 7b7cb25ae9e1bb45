"""What the page of a training shows of the chosen model: classes, calibration, costs, groups."""

from __future__ import annotations

from typing import Any

from evenhand.evidence.slices import SLICE_METRICS
from evenhand.metrics.scores import Scores
from evenhand.problem import ARGMAX
from evenhand.report.candidate_row import Row, row_name
from evenhand.report.figures import cost_curves, to_svg
from evenhand.report.gate.models_view import confusion
from evenhand.report.table_model import Cell, Table, decimal, interval_cell, numbers, percentage, words
from evenhand.report.training.data import BASELINE_CURVES, GroupTable, Report
from evenhand.report.training.inline_figures import drawn
from evenhand.report.training.intervals import CLASS_METRICS
from evenhand.report.training.sentences import described, metric_name, scarce, suited, widest_gap, worth

HEADS = {
    "recall": "found: of 100 true ones (recall)",
    "precision": "right: of 100 predicted (precision)",
    "F1": "both combined (F1)",
    "average precision": "ranking (average precision)",
}
PANELS = 6  # cost curves before the rest is folded
UNCHANGED = "none"  # the calibration method that changes nothing
JUDGED = ("ece", "log_loss", "brier")


def classes(report: Report) -> dict[str, Any] | None:
    """Return every class, the rarest first, with the interval of each figure."""
    if report.measured is None:
        return None
    other = f"{described(report.baseline)} alone" if report.baseline else ""
    about = "Precision against recall of each class, out of fold"
    return {
        "winner": described(report.winner),
        "baseline": described(report.baseline) if report.baseline else "",
        "classes": class_table(report),
        "scarce": scarce(report),
        "drawn": drawn(report, "precision_recall", about),
        "baseline_curves": drawn(report, BASELINE_CURVES, f"{about}: {other}") if other else "",
        "confusion": confusion(report.winner.test) if report.winner.test else None,
    }


def class_table(report: Report) -> Table:
    """Return the scores of every class on the held-out rows."""
    rows: list[list[str | Cell]] = []
    for line in report.measured.classes if report.measured else ():
        row: list[str | Cell] = [line.name, f"{line.rows:,}", percentage(line.share)]
        for name in CLASS_METRICS:
            known = None if line.measures is None else line.measures[name]
            row.append(interval_cell(known, percent=name in ("recall", "precision")))
        rows.append(row)
    columns = words("class") + numbers("rows", "share", *HEADS.values())
    return Table("Scores by class on the held-out period, with 95 % intervals", columns, rows)


def calibration(report: Report) -> dict[str, Any] | None:
    """Return how far the probabilities can be believed, before and after calibration."""
    tried = report.calibrated.get(row_name(report.winner))
    after = None if tried is None or tried.method == UNCHANGED else tried
    rows = []
    for where, on in (("held-out period", "test"), ("out of fold", "oof")):
        before: Scores | None = getattr(report.winner, on)
        then: Scores | None = getattr(after, on) if after else None
        for metric in JUDGED if before is not None else ():
            values = [scores.metrics[metric] for scores in (before, then) if scores is not None]
            rows.append([f"{metric_name(metric)}, {where}", *(decimal(value, digits=4) for value in values)])
    columns = words("") + numbers("as the model gives them", *([f"calibrated ({after.method})"] if after else ()))
    found = {
        "calibrated": report.calibrated,
        "unchanged": tried is not None and after is None,
        "winner": Table("Errors of the winner's probabilities", columns, rows, "compact") if rows else None,
        "drawn": drawn(report, "calibration", "Predicted probability against observed share, out of fold"),
        "fits": _fits(report),
    }
    return found if any(found.values()) else None


def _fits(report: Report) -> Table | None:
    fits = (_fit(report, row) for row in report.rows if row.decision == ARGMAX.name)
    rows = [row for row in fits if row is not None]
    columns = words("fit", "method") + numbers("calibration error before", "after", "log-loss before", "after")
    return Table("On the held-out period", columns, rows) if rows else None


def _fit(report: Report, row: Row) -> list[str] | None:
    after = report.calibrated.get(row_name(row))
    if after is None or after.test is None or row.test is None:
        return None
    values = [scores.metrics[metric] for metric in ("ece", "log_loss") for scores in (row.test, after.test)]
    return [row_name(row), after.method, *(decimal(value, digits=4) for value in values)]


def costs(report: Report) -> dict[str, Any] | None:
    """Return a cost curve for each class, the rarest first, and for which costs the model suits."""
    found = report.measured.costs if report.measured else ()
    if not found:
        return None
    about = "Cost curves of " + "; ".join(f"{one.name}: suits {suited(one.model)}" for one in found)
    rows = [[one.name, suited(one.model), worth(one.model)] for one in found]
    columns = words("class") + numbers("best if a miss costs", "useful if a miss costs")
    first, more = found[:PANELS], found[PANELS:]
    return {
        "costs": Table("Cost ratios at which the decision rule is best, and useful", columns, rows, "compact"),
        "scarce": scarce(report),
        "winner": described(report.winner),
        "baseline": described(report.baseline) if report.baseline else "",
        "drawn": to_svg(cost_curves(first), "costs", about),
        "more": to_svg(cost_curves(more), "costs-more", "Cost curves of further classes") if more else "",
        "n_more": len(more),
    }


def groups(report: Report) -> dict[str, Any] | None:
    """Return the groups of every declared column compared, and the widest gap."""
    found = report.measured.groups if report.measured else ()
    if not found:
        return None
    return {
        "widest": widest_gap(found),
        "least": report.problem.gate.min_slice_rows,
        "groups": [
            {
                "column": one.column,
                "table": group_table(one) if one.groups else None,
                "compared": ", ".join(one.classes) or "none has enough rows in every group",
                "left_out": ", ".join(f"{name} ({size:,})" for name, size in one.left_out.items()),
            }
            for one in found
        ],
    }


def group_table(found: GroupTable) -> Table:
    """Return the groups of a column, the worst served first, and the gap."""
    ordered = sorted(found.groups, key=lambda group: group.values[SLICE_METRICS[0]].estimate)
    rows: list[list[str | Cell]] = [
        [group.name, f"{group.rows:,}", *(interval_cell(group.values[name]) for name in SLICE_METRICS)]
        for group in ordered
    ]
    if found.gaps:
        rows.append(["gap, best minus worst", "", *(interval_cell(found.gaps[name]) for name in SLICE_METRICS)])
    columns = words(found.column) + numbers("rows", *SLICE_METRICS)
    return Table("The worst served first, with 95 % intervals", columns, rows, "compact")
