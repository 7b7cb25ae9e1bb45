"""What validation found, as one short page that opens offline; Data Docs hold every detail."""

from __future__ import annotations

from collections.abc import Sequence

from evenhand.data.broken_rows import CheckedExpectation
from evenhand.data.findings import Findings, asked, cell_text
from evenhand.report.rendering import render_page
from evenhand.report.table_model import Cell, Column, Table, words

# What failed comes first: state of an expectation -> colour and text.
STATES = {
    "failed": Cell("failed", css="fail"),
    "quarantined": Cell("rows quarantined", css="undecided"),
    "kept": Cell("rows tolerated", css="undecided"),
}


def quality_page(found: Findings, quarantined: str | None, details: Sequence[str] = ()) -> str:
    """Write the outcome, and the expectations that rows broke with examples, as self-contained HTML.

    Parameters
    ----------
    found : Findings
    quarantined : str or None
        Where the quarantined rows are, for people.
    details : sequence of str
        Relative links to the pages of Great Expectations.
    """
    broken = [one for one in found.results if one.failed or one.rows.any()]
    rows = sorted([*_quarantined(found), *(_result(found, one) for one in broken)], key=lambda row: row[0])
    columns = (*words("expectation", "asked", "result"), Column("rows", True), *words("raw cells, or what was found"))
    return render_page(
        "quality.html.j2",
        title=f"Data quality of {found.problem.name}",
        synthetic="",
        sections=(),
        tone="fail" if found.failures else "pass",
        outcome=found.failures or ["The suite is met."],
        warnings=found.warnings,
        suite=found.suite.name,
        rows=len(found.raw),
        quarantined=int(found.quarantined.sum()),
        copies=found.dropped_copies,
        where=quarantined,
        table=Table("Expectations that rows broke, what failed first", columns, [row for _, row in rows], "wide"),
        met=len(found.results) - len(broken),
        details=[(link, link.rpartition("/")[2]) for link in details],
    )


def _quarantined(found: Findings) -> list[tuple[int, list[str | Cell]]]:
    """Return rows for what no expectation of the suite covers: cells of another type, copies."""
    own = {result.expectation.name for result in found.results if result.expectation.row_level}
    return [
        _row([b.name, ""], "quarantined", int(b.rows.sum()), found.examples(b.columns, b.rows))
        for b in found.broken
        if b.name not in own
    ]


def _result(found: Findings, result: CheckedExpectation) -> tuple[int, list[str | Cell]]:
    expectation, count = result.expectation, int(result.rows.sum())
    broken = "kept" if expectation.meta.rows == "keep" else "quarantined"
    state = "failed" if result.failed else broken
    row_level = expectation.row_level
    shown = found.examples(expectation.columns, result.rows) if row_level else cell_text(result.observed)
    return _row([expectation.name, asked(expectation)], state, count, result.error or shown)


def _row(names: Sequence[str], state: str, count: int, shown: str) -> tuple[int, list[str | Cell]]:
    """Return a line of the table after its rank."""
    return list(STATES).index(state), [*names, STATES[state], f"{count:,}", shown]
