"""Sections of the training's page about how it was made: resampling ledger, validation, data, settings, versions."""

from __future__ import annotations

import json
from html import escape

from evenhand.data.fold_names import HOLDOUT
from evenhand.report.html import table
from evenhand.report.training.data import Report, row_name
from evenhand.report.training.parts import cell, folded, paragraph, picture, section


def ledger_section(report: Report) -> str:
    """Show what each strategy made of the training rows of every class, and what it could not do."""
    if not report.ledger:
        return ""
    before = report.ledger[0].before
    names = sorted(before, key=lambda name: (before[name], name))
    rows = [["<b>as they are</b>", *(f"#{before[name]:,}" for name in names)]]
    for entry in report.ledger:
        same = entry.after == entry.before
        counts = ["#same" if same else f"#{entry.after.get(name, 0):,}" for name in names]
        name = entry.strategy if entry.fold == HOLDOUT else f"{entry.strategy} (stopped: one fold's training rows)"
        rows.append([cell(name), *counts])
    done = [f"{entry.strategy}: {said}" for entry in report.ledger for said in entry.adaptations]
    done += sorted({f"{row_name(row)}: not run, {row.skipped}" for row in report.rows if row.skipped})
    notes = f"<ul>{''.join(f'<li>{escape(said)}</li>' for said in done)}</ul>" if done else ""
    return section(
        "ledger",
        "What each strategy did to the training rows",
        paragraph(
            "Rows of each class in the last fit, on all training rows, the rarest class first. Only training rows are "
            "ever resampled; every score on this page is on rows as they are.",
            "note",
        ),
        table(("strategy", *(f"#{cell(name)}" for name in names)), rows),
        notes,
        folded("The same as a picture", picture(report.figures["class_counts"], "Class counts before and after"))
        if "class_counts" in report.figures
        else "",
    )


def validation_section(report: Report) -> str:
    """Tell what validation found."""
    made, data = report.made, report.summary.data
    aside = sum(data.quarantined.values())
    said = (
        f"Suite {made.suite}: {made.checked:,} expectations checked, {data.rows:,} good rows. "
        f"{made.dropped_duplicates:,} exact copies left out."
    )
    said += "" if aside else " No row was put aside."
    rows = [[cell(name), f"#{count:,}"] for name, count in data.quarantined.items()]
    own = set(report.evidence.warnings) if report.evidence else set()
    warnings = "".join(f"<li>{escape(warning)}</li>" for warning in report.summary.warnings if warning not in own)
    return section(
        "validation",
        "What validation found",
        paragraph(said),
        table(("expectation", "#rows put aside"), rows, "compact") if rows else "",
        f"<ul>{warnings}</ul>" if warnings else "",
        paragraph("Every expectation with examples: quality/quality.html beside this page.", "note"),
    )


def made_section(report: Report) -> str:
    """Tell everything that is needed to make it again."""
    summary, made, split = report.summary, report.made, report.problem.split
    facts = [
        ("training", summary.id),
        ("data", f"{report.problem.source.kind}, {summary.data.rows:,} good rows; {report.problem.licence}"),
        ("held out", f"{summary.data.test_rows:,} rows with {split.holdout.column} from {split.holdout.start} on"),
        ("trained on", f"{summary.data.train_rows:,} rows{_period(made.train_period)}"),
        ("folds", f"{made.folds} of {json.dumps(split.folds.model_dump(mode='json'))}"),
        ("seed", str(summary.seed)),
        ("preset", summary.preset + (" (a sample of the training rows)" if summary.preset == "quick" else "")),
        ("chosen by", f"the best {summary.metric} out of fold; the held-out period chose nothing"),
    ]
    if summary.leak_sentinel is not None:
        facts.append(("leak sentinel", f"{summary.leak_sentinel}: no row a fit was judged on had a part in it"))
    hashes = (
        ("snapshot", summary.data.sha256),
        ("training rows", made.train_sha256),
        ("held-out rows", made.holdout_sha256),
        ("source code", made.identity),
    )
    rows = [(escape(name), cell(value)) for name, value in facts]
    rows += [(f"hash of the {escape(name)}", f"<code>{escape(value)}</code>") for name, value in hashes if value]
    versions = [(escape(name), cell(value)) for name, value in summary.versions.items()]
    config = report.problem.model_dump(mode="json", exclude={"reviewers": {"__all__": {"key", "fingerprint"}}})
    return section(
        "made",
        "How it was made",
        table(("", ""), rows, "facts"),
        folded("Versions", table(("", ""), versions, "facts")),
        folded("Whole configuration", f"<pre>{escape(json.dumps(config, indent=2, ensure_ascii=False))}</pre>"),
    )


def _period(period: tuple[str, str] | None) -> str:
    return f", from {period[0]} to {period[1]}" if period else ""
