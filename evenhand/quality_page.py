"""What validation found, as one page that needs nothing else to be read."""

from __future__ import annotations

from html import escape

from evenhand.findings import Checked, Findings, asked, cell_text

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:80rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;vertical-align:top;"
    "border-bottom:1px solid #ddd;overflow-wrap:anywhere}.n{text-align:right}.failed{color:#a40000;font-weight:600}"
    ".aside{color:#8a5a00;font-weight:600}.met{color:#1a6b1a}"
)
_STATES = {"failed": "failed", "aside": "rows put aside", "met": "met"}


def quality_page(found: Findings, quarantined: str | None) -> str:
    """Write the outcome, then every expectation with its rows and examples, as self-contained HTML.

    Parameters
    ----------
    found : Findings
    quarantined : str or None
        Where the rows put aside are, for people.
    """
    title = f"Data quality of {found.problem.name}"
    outcome = [f"<li class=failed>{escape(f)}</li>" for f in found.failures] or ["<li class=met>The suite is met.</li>"]
    notes = [f"<li>{escape(warning)}</li>" for warning in found.warnings]
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title><style>{_STYLE}</style>"
        f"<h1>{escape(title)}</h1><p>{escape(_summary(found, quarantined))} "
        '<a href="data_docs/index.html">Data Docs of Great Expectations</a></p>'
        f"<ul>{''.join(outcome + notes)}</ul><table>"
        "<tr><th>expectation<th>asked<th>result<th class=n>rows<th>raw cells, or what was found</tr>"
        f"{''.join(_put_aside(found))}{''.join(_result(found, r) for r in found.results)}</table></html>"
    )


def _summary(found: Findings, quarantined: str | None) -> str:
    aside = int(found.aside.sum())
    text = (
        f"Suite {found.suite.name}, {len(found.raw):,} rows: {len(found.raw) - aside:,} good, {aside:,} put aside, "
        f"{found.dropped_copies:,} of these exact copies of an earlier row."
    )
    return text + (f" The rows put aside: {quarantined}." if quarantined else "")


def _put_aside(found: Findings) -> list[str]:
    """Rows for what no expectation of the suite itself says: cells of another type, copies."""
    own = {result.expectation.name for result in found.results if result.expectation.row_level}
    return [
        _row(b.name, "", "aside", int(b.rows.sum()), found.examples(b.columns, b.rows))
        for b in found.broken
        if b.name not in own
    ]


def _result(found: Findings, result: Checked) -> str:
    expectation, count = result.expectation, int(result.rows.sum())
    state = "failed" if result.failed else "aside" if count and expectation.meta.rows == "quarantine" else "met"
    shown = found.examples(expectation.columns, result.rows) if count else ""
    if not expectation.row_level:
        shown = cell_text(result.observed)
    return _row(expectation.name, asked(expectation), state, count, result.error or shown)


def _row(name: str, wanted: str, state: str, count: int, shown: str) -> str:
    return (
        f"<tr><td>{escape(name)}<td>{escape(wanted)}<td class={state}>{_STATES[state]}"
        f"<td class=n>{count:,}<td>{escape(shown)}</tr>"
    )
