"""What validation found, as one page that needs nothing else to be read."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from evenhand.data.broken_rows import CheckedExpectation
from evenhand.data.findings import Findings, asked, cell_text

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:90rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;vertical-align:top;"
    "border-bottom:1px solid #ddd}td:nth-child(2),td:nth-child(5){overflow-wrap:anywhere;min-width:12rem}"
    ".n{text-align:right}td:nth-child(3){white-space:nowrap}.failed{color:#a40000;font-weight:600}"
    ".aside,.kept{color:#8a5a00;font-weight:600}.met{color:#1a6b1a}"
)
_STATES = {"failed": "failed", "aside": "rows put aside", "kept": "rows tolerated", "met": "met"}


def quality_page(found: Findings, quarantined: str | None, details: Sequence[str] = ()) -> str:
    """Write the outcome, then every expectation with its rows and examples, as self-contained HTML.

    Parameters
    ----------
    found : Findings
    quarantined : str or None
        Where the rows put aside are, for people.
    details : sequence of str
        Relative links to the pages of Great Expectations.
    """
    title = f"Data quality of {found.problem.name}"
    outcome = [f"<li class=failed>{escape(f)}</li>" for f in found.failures] or ["<li class=met>The suite is met.</li>"]
    notes = [f"<li>{escape(warning)}</li>" for warning in found.warnings]
    links = [f'<a href="{escape(link)}">{escape(link.rpartition("/")[2])}</a>' for link in details]
    rows = sorted([*_put_aside(found), *(_result(found, r) for r in found.results)], key=lambda row: row[0])
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title><style>{_STYLE}</style>"
        f"<h1>{escape(title)}</h1><p>{escape(_summary(found, quarantined))}</p><ul>{''.join(outcome + notes)}</ul>"
        "<table><tr><th>expectation<th>asked<th>result<th class=n>rows<th>raw cells, or what was found</tr>"
        f"{''.join(html for _, html in rows)}</table>"
        f"<p>Data Docs of Great Expectations: {', '.join(links)}</p></html>"
    )


def _summary(found: Findings, quarantined: str | None) -> str:
    aside = int(found.quarantined.sum())
    text = (
        f"Suite {found.suite.name}, {len(found.raw):,} rows: {len(found.raw) - aside:,} good, {aside:,} put aside, "
        f"{found.dropped_copies:,} of these exact copies of an earlier row."
    )
    return text + (f" The rows put aside: {quarantined}." if quarantined else "")


def _put_aside(found: Findings) -> list[tuple[int, str]]:
    """Rows for what no expectation of the suite itself says: cells of another type, copies."""
    own = {result.expectation.name for result in found.results if result.expectation.row_level}
    return [
        _row(b.name, "", "aside", int(b.rows.sum()), found.examples(b.columns, b.rows))
        for b in found.broken
        if b.name not in own
    ]


def _result(found: Findings, result: CheckedExpectation) -> tuple[int, str]:
    expectation, count = result.expectation, int(result.rows.sum())
    kept = "kept" if expectation.meta.rows == "keep" else "aside"
    state = "failed" if result.failed else kept if count else "met"
    shown = found.examples(expectation.columns, result.rows) if count else ""
    if not expectation.row_level:
        shown = cell_text(result.observed)
    return _row(expectation.name, asked(expectation), state, count, result.error or shown)


def _row(name: str, wanted: str, state: str, count: int, shown: str) -> tuple[int, str]:
    """Write a line of the table, and give its rank: what failed comes first."""
    return list(_STATES).index(state), (
        f"<tr><td>{escape(name)}<td>{escape(wanted)}<td class={state}>{_STATES[state]}"
        f"<td class=n>{count:,}<td>{escape(shown)}</tr>"
    )
