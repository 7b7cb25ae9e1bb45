"""Sections of the training's page about the chosen model: classes, calibration, groups."""

from __future__ import annotations

from html import escape

from evenhand.evidence.slices import SLICE_METRICS
from evenhand.metrics.scores import Scores
from evenhand.problem import ARGMAX
from evenhand.report.gate.details import Details, ModelDetails, Reliability
from evenhand.report.gate.sections import confusions
from evenhand.report.html import table
from evenhand.report.training.data import BASELINE_CURVES, GroupTable, Report, row_name
from evenhand.report.training.intervals import CLASS_METRICS
from evenhand.report.training.parts import cell, folded, paragraph, picture, section, sure
from evenhand.report.training.sentences import described, metric_name, percentage, scarce

HEADS = {
    "recall": "found: of 100 true ones (recall)",
    "precision": "right: of 100 it calls so (precision)",
    "F1": "both weighed together (F1)",
    "average precision": "ranking (average precision)",
}
NOT_SHOWN = "Not enough data (fewer than {:,} rows):"
KEPT = "Corrections were tried. None was clearly better out of fold, so probabilities stay as the model gives them."
AS_IT_IS = "none"  # the correction that changes nothing
JUDGED = ("ece", "log_loss", "brier")


def classes_section(report: Report) -> str:
    """Show every class, the rarest first, with how sure each figure is."""
    if report.measured is None:
        return ""
    rows = []
    for line in report.measured.classes:
        cells = [f"<b>{cell(line.name)}</b>", f"#{line.rows:,}", f"#{percentage(line.share)}"]
        for name in CLASS_METRICS:
            known = None if line.measures is None else line.measures[name]
            cells.append(sure(known, percent=name in ("recall", "precision")))
        rows.append(cells)
    head = ("class", "#rows", "#share", *(f"#{HEADS[name]}" for name in CLASS_METRICS))
    return section(
        "classes",
        "Each class, rarest first",
        paragraph(
            f"{described(report.winner)}, on the held-out period. Behind each figure stands its 95 % interval: what "
            "other rows of the same period could have given. Guessing is right as often as the class's share.",
            "note",
        ),
        table(head, rows, "classes"),
        paragraph(scarce(report)),
        picture(report.figures.get("precision_recall"), "Precision against recall of each class, out of fold"),
        _note_of_curves(report),
        _baseline_curves(report),
        _where_they_go(report),
    )


def _note_of_curves(report: Report) -> str:
    if "precision_recall" not in report.figures:
        return ""
    return paragraph(
        "Out of fold: from left to right more rows are called the class; the height says how many of them are.", "note"
    )


def _baseline_curves(report: Report) -> str:
    png = report.figures.get(BASELINE_CURVES)
    if png is None or report.reference is None:
        return ""
    other = described(report.reference)
    return folded(f"The same curves of {other} alone", picture(png, f"Precision against recall of {other} alone"))


def _where_they_go(report: Report) -> str:
    if report.winner.test is None:
        return ""
    nothing = Reliability(*([] for _ in range(3)))  # type: ignore[arg-type]
    model = ModelDetails(report.winner.test, nothing)
    table_of = confusions(Details(tuple(report.winner.test.per_class), model, None))
    return folded("Where the rows of each class go", table_of.replace("<h2>", "<h3>").replace("</h2>", "</h3>"))


def calibration_section(report: Report) -> str:
    """Show how far probabilities can be believed, before and after correction."""
    picture_of = picture(report.figures.get("calibration"), "Predicted probability against observed share, out of fold")
    lines = [
        line for row in report.rows if row.decision == ARGMAX.name and (line := _correction(report, row_name(row)))
    ]
    chosen = _of_winner(report)
    return section(
        "calibration",
        "Can its probabilities be believed?" + (" Before and after correction" if report.corrected else ""),
        chosen,
        picture_of,
        folded(
            "Every fit before and after correction, held-out period",
            table(("fit", "correction", "#calibration error before", "#after", "#log-loss before", "#after"), lines),
        )
        if lines
        else "",
    )


def _of_winner(report: Report) -> str:
    name = row_name(report.winner)
    tried = report.corrected.get(name)
    after = None if tried is None or tried.method == AS_IT_IS else tried
    rows = []
    places = (("held-out period", "test"), ("out of fold", "oof"))
    for where, place in places:
        before: Scores | None = getattr(report.winner, place)
        then: Scores | None = getattr(after, place) if after else None
        if before is None:
            continue
        for metric in JUDGED:
            cells = [cell(f"{metric_name(metric)}, {where}"), f"#{before.metrics[metric]:.4f}"]
            rows.append([*cells, *([f"#{then.metrics[metric]:.4f}"] if then else [])])
    if not rows:
        return ""
    head = ("", "#as the model gives them", *(("#" + cell(f"corrected ({after.method})"),) if after else ()))
    said = (
        "Of all rows given a probability of 30 %, about 30 of 100 should come true. The calibration error is how far "
        "off that is on average: 0.02 means two percentage points. Lower is better in all three."
    )
    kept = paragraph(KEPT) if tried and after is None else ""
    return paragraph(said, "note") + kept + table(head, rows, "compact")


def _correction(report: Report, name: str) -> list[str] | None:
    after = report.corrected.get(name)
    before = next(row.test for row in report.rows if row_name(row) == name)
    if after is None or after.test is None or before is None:
        return None
    figures = [f"#{scores.metrics[metric]:.4f}" for metric in ("ece", "log_loss") for scores in (before, after.test)]
    return [cell(name), cell(after.method), *figures]


def groups_section(report: Report) -> str:
    """Compare the groups of every declared column, and name the worst gap."""
    tables = report.measured.groups if report.measured else ()
    if not tables:
        return ""
    return section(
        "groups",
        "Does it serve all groups alike?",
        paragraph(worst_gap(tables)),
        *(_group_table(report, found) for found in tables),
    )


def worst_gap(tables: tuple[GroupTable, ...]) -> str:
    """Name the two groups that the model serves most unequally; says so where none can be compared."""
    name = SLICE_METRICS[0]
    compared = [found for found in tables if name in found.gaps]
    if not compared:
        return "No group can be compared: too few rows in them."
    widest = max(compared, key=lambda found: found.gaps[name].estimate)
    ordered = sorted(widest.groups, key=lambda group: group.values[name].estimate)
    gap = widest.gaps[name]
    return (
        f"The widest gap is in {widest.column}: it finds {percentage(ordered[-1].values[name].estimate)} of a class on "
        f"average in {ordered[-1].name} and {percentage(ordered[0].values[name].estimate)} in {ordered[0].name}, a gap "
        f"of {100 * gap.estimate:.1f} percentage points ({100 * gap.low:.1f} to {100 * gap.high:.1f})."
    )


def _group_table(report: Report, found: GroupTable) -> str:
    rows = [
        [cell(group.name), f"#{group.rows:,}", *(sure(group.values[name]) for name in SLICE_METRICS)]
        for group in sorted(found.groups, key=lambda group: group.values[SLICE_METRICS[0]].estimate)
    ]
    rows += [["gap, best minus worst", "", *(sure(found.gaps[name]) for name in SLICE_METRICS)]] if found.gaps else []
    least = report.problem.gate.min_slice_rows
    left = ", ".join(f"{name} ({size:,})" for name, size in found.left_out.items())
    compared = ", ".join(found.classes) or "none has enough rows in every group"
    note = f"The worst served first. Means over the classes with enough rows in every group: {compared}."
    note += f" {NOT_SHOWN.format(least)} {left}." if left else ""
    head = ("group", "#rows", *(f"#{name}" for name in SLICE_METRICS))
    return f"<h3>{escape(found.column)}</h3>{table(head, rows, 'compact') if rows else ''}{paragraph(note, 'note')}"
