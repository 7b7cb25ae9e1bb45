"""The evidence for readers: Markdown for the record, and a few lines for a terminal."""

from __future__ import annotations

import textwrap

from evenhand.evidence.types import EVALUATION_SET_NAMES, Evidence
from evenhand.report.evidence_tables import by_candidate, by_way
from evenhand.report.table_text import WIDTH, render_markdown, render_text

WAYS_SHOWN = 20  # in a terminal


def as_text(evidence: Evidence) -> str:
    """Return the table of ways, the conclusion, and the simplest candidate beside the best."""
    ways = by_way(evidence)
    shown = ways.head(WAYS_SHOWN)
    parts = [] if ways.empty else [render_text(shown, title="What helps, against the same model without it")]
    parts += [f"{len(ways) - len(shown)} ways that do less in comparison.md"] if len(ways) > len(shown) else []
    parts += [textwrap.fill(said, WIDTH) for said in (evidence.conclusion, simplest_said(evidence)) if said]
    return "\n".join(parts)


def as_markdown(evidence: Evidence) -> str:
    """Return the answer first, then every comparison with what it stands on."""
    ways = by_way(evidence)
    parts = ["## What helps", evidence.conclusion, simplest_said(evidence)]
    parts += [] if ways.empty else [render_markdown(ways)]
    for place, ground in evidence.grounds.items():
        table = by_candidate(evidence, place)
        parts.append(f"### Each against the same without it, {EVALUATION_SET_NAMES[place]}")
        parts += [] if table.empty else [render_markdown(table)]
        parts.append("\n".join(f"- {said}" for said in (*ground.notes, *(one.text for one in ground.classes))))
    return "\n\n".join(part for part in parts if part) + "\n"


def simplest_said(evidence: Evidence) -> str:
    """Put the one-standard-error rule in a sentence."""
    one = evidence.simplest
    if one is None:
        return ""
    if one.name == one.best:
        return f"The best candidate, {one.best}, is the simplest within one standard error ({one.standard_error:.4f})."
    return f"The simplest within one standard error ({one.standard_error:.4f}) of the best, {one.best}, is {one.name}."
