"""What the page of a training shows of how it was made: tuning, resampling record, validation, data, settings."""

from __future__ import annotations

import json
from typing import Any

from evenhand.data.fold_names import HOLDOUT
from evenhand.report.candidate_row import row_name
from evenhand.report.summary import TuningSummary
from evenhand.report.table_model import Cell, Table, decimal, facts, numbers, words
from evenhand.report.training.data import Report
from evenhand.report.training.inline_figures import drawn
from evenhand.report.training.sentences import caveats, chosen_settings, metric_name, rows_of_study
from evenhand.training.leak_checks import NOT_CHECKED

_NOT_CHECKED = f"Not checked: {'; '.join(NOT_CHECKED)}."


def tuning(report: Report) -> dict[str, Any] | None:
    """Return every study: the settings it chose, its inner score and that of the declared settings."""
    studies = report.summary.tuning
    if not studies:
        return None
    columns = words("candidate", "rows of the study", "chosen settings") + numbers(
        "inner score", "as declared", "complete", "pruned", "failed"
    )
    return {
        "studies": Table("Studies", columns, [_study(one) for one in studies]),
        "metrics": ", ".join(dict.fromkeys(metric_name(one.metric) for one in studies)),
        "caveats": caveats(studies),
    }


def _study(one: TuningSummary) -> list[str]:
    scores = ["" if value is None else decimal(value) for value in (one.value, one.declared)]
    counts = [str(count) for count in (one.complete, one.pruned, one.failed)]
    return [one.candidate, rows_of_study(one), chosen_settings(one), *scores, *counts]


def records(report: Report) -> dict[str, Any] | None:
    """Return what each strategy made of the training rows of every class, and what it could not do."""
    if not report.records:
        return None
    before = report.records[0].before
    names = sorted(before, key=lambda name: (before[name], name))
    rows = [["without resampling", *(f"{before[name]:,}" for name in names)]]
    for entry in report.records:
        same = entry.after == entry.before
        strategy = entry.strategy if entry.fold == HOLDOUT else f"{entry.strategy} (stopped: one fold's training rows)"
        rows.append([strategy, *("same" if same else f"{entry.after.get(name, 0):,}" for name in names)])
    notes = [f"{entry.strategy}: {text}" for entry in report.records for text in entry.adaptations]
    return {
        "counts": Table("Training rows by class", words("strategy") + numbers(*names), rows),
        "notes": notes + sorted({f"{row_name(row)}: not run, {row.skipped}" for row in report.rows if row.skipped}),
        "drawn": drawn(report, "class_counts", "Class counts before and after"),
    }


def validation(report: Report) -> dict[str, Any]:
    """Return what validation found."""
    data = report.summary.data
    rows = [[name, f"{count:,}"] for name, count in data.quarantined.items()]
    own = set(report.evidence.warnings) if report.evidence else set()
    columns = words("expectation") + numbers("rows")
    return {
        "made": report.made,
        "data": data,
        "quarantined": Table("Quarantined rows", columns, rows, "compact") if any(data.quarantined.values()) else None,
        "warnings": [warning for warning in report.summary.warnings if warning not in own],
    }


def made(report: Report) -> dict[str, Any]:
    """Return everything that is needed to make the training again."""
    summary, found, split = report.summary, report.made, report.problem.split
    preset = summary.preset + (" (a sample of the training rows)" if summary.preset == "quick" else "")
    period = ", from {} to {}".format(*found.train_period) if found.train_period else ""
    rows: list[tuple[str, str | Cell]] = [
        ("training", summary.id),
        ("data", f"{report.problem.source.kind}, {summary.data.rows:,} good rows; {report.problem.licence}"),
        ("held out", f"{summary.data.test_rows:,} rows {split.holdout.text}"),
        ("trained on", f"{summary.data.train_rows:,} rows{period}"),
        ("folds", f"{found.folds} of {json.dumps(split.folds.model_dump(mode='json'))}"),
        ("seed", str(summary.seed)),
        ("preset", preset),
        ("chosen by", f"the best {summary.metric} out of fold; the held-out period was not used"),
    ]
    if summary.leak_sentinel is not None:
        rows.append(
            (
                "leak sentinel",
                f"{summary.leak_sentinel}: no scored row was used in the fit that predicted it. {_NOT_CHECKED}",
            )
        )
    hashes = {
        "snapshot": summary.data.sha256,
        "training rows": found.train_sha256,
        "held-out rows": found.holdout_sha256,
        "source code": found.identity,
    }
    rows += [(f"hash of the {name}", Cell(value, css="code")) for name, value in hashes.items() if value]
    config = report.problem.model_dump(mode="json", exclude={"reviewers": {"__all__": {"key"}}})
    return {
        "facts": facts("", rows),
        "versions": facts("", list(summary.versions.items())),
        "configuration": json.dumps(config, indent=2, ensure_ascii=False),
    }
