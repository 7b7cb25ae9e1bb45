"""The evidence for readers: Markdown for the record, and a few lines for a terminal."""

from __future__ import annotations

import textwrap

from evenhand.evidence.types import EVALUATION_SET_NAMES, Evidence
from evenhand.report.evidence_tables import by_candidate, by_method
from evenhand.report.table_text import WIDTH, render_markdown, render_text

METHODS_SHOWN = 20  # in a terminal


def as_text(evidence: Evidence) -> str:
    """Return the table of methods, the conclusion, and whether a simpler candidate scores as well."""
    methods = by_method(evidence)
    shown = methods.head(METHODS_SHOWN)
    parts = [] if methods.empty else [render_text(shown, title="What helps, against the same model without it")]
    parts += [f"{len(methods) - len(shown)} methods that do less in comparison.md"] if len(methods) > len(shown) else []
    parts += [textwrap.fill(text, WIDTH) for text in (evidence.conclusion, simplest(evidence)) if text]
    return "\n".join(parts)


def as_markdown(evidence: Evidence) -> str:
    """Return the conclusion, then every comparison and the rows that it rests on."""
    parts = [methods_as_markdown(evidence)]
    for on, ground in evidence.grounds.items():
        table = by_candidate(evidence, on)
        parts.append(f"### Each against its baseline, {EVALUATION_SET_NAMES[on]}")
        parts += [] if table.empty else [render_markdown(table)]
        parts.append("\n".join(f"- {line}" for line in (*ground.notes, *(one.text for one in ground.classes))))
    return "\n\n".join(part for part in parts if part) + "\n"


def methods_as_markdown(evidence: Evidence) -> str:
    """Return the conclusion and one line per method of handling imbalance."""
    methods = by_method(evidence)
    parts = ["## What helps", evidence.conclusion, simplest(evidence)]
    parts += [] if methods.empty else [render_markdown(methods)]
    return "\n\n".join(part for part in parts if part)


def simplest(evidence: Evidence) -> str:
    """Say whether a simpler candidate scores as well as the best, by the one-standard-error rule."""
    one = evidence.simplest
    if one is None:
        return ""
    left_out = evidence.grounds["oof"].left_out if "oof" in evidence.grounds else ()
    over = ", over the classes with enough rows" if left_out else ""
    within = f"within one standard error, {one.standard_error:.4f}{over}"
    if one.name == one.best:
        return f"No simpler candidate scores as well ({within})."
    return f"{one.name} is simpler and scores as well as the best, {one.best} ({within})."
