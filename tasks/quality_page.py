"""What validation found, for people: one paragraph for an error, one page that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape

import numpy as np
import pandas as pd

from evenhand.problem import Problem
from evenhand.quality import Broken, Expectation, Suite
from tasks.suites import Checked, Checker

_LONGEST_MESSAGE = 1400
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ddd;"
    "vertical-align:top;overflow-wrap:anywhere}td.n{text-align:right}.stop{color:#a40000;font-weight:600}"
    ".aside{color:#8a5a00;font-weight:600}.ok{color:#1a6b1a}"
)


@dataclass(frozen=True)
class Findings:
    """Raw and typed rows of a snapshot, and what each expectation made of them."""

    raw: pd.DataFrame
    typed: pd.DataFrame
    names: np.ndarray  # of str, shape (n_rows,): expectations a row broke, "" for a good row
    broken: list[Broken]
    results: list[Checked]
    copies: np.ndarray  # of bool, shape (n_rows,): rows that repeat an earlier one
    extra: list[str]
    suite: Suite
    problem: Problem
    checker: Checker

    @property
    def counts(self) -> dict[str, int]:
        """Rows put aside for each expectation, most first."""
        pairs = [(each.name, int(each.rows.sum())) for each in self.broken]
        return dict(sorted(pairs, key=lambda pair: -pair[1]))

    @property
    def duplicates(self) -> int:
        return int(self.copies.sum()) if self.problem.duplicates == "drop" else 0

    @cached_property
    def failures(self) -> list[str]:
        """What stops the flow; empty when nothing does."""
        return [*self._too_many_aside(), *self._too_many_copies(), *self._failed()]

    @cached_property
    def warnings(self) -> list[str]:
        """What a reader should know of rows that were let through."""
        said = [f"{len(self.extra)} columns that no expectation covers were left out: {_some(self.extra)}"] * bool(
            self.extra
        )
        if self.problem.suite is None:
            said.append("the problem names no suite: only the checks derived from the problem itself were run")
        for result in self.results:
            rows = int(result.rows.sum())
            if rows and result.expectation.meta.rows == "keep":
                said.append(f"{rows:,} rows break {result.expectation.name}, tolerated and kept")
        if self.problem.duplicates == "keep" and self.copies.any():
            said.append(f"{int(self.copies.sum()):,} rows repeat an earlier one and are kept, as the problem says")
        return said

    def examples(self, broken: Broken) -> str:
        """Up to three of the raw cells that broke an expectation."""
        columns = broken.expectation.kwargs.get("column") if broken.expectation else broken.name.partition("(")[2][:-1]
        if columns not in self.raw.columns:
            return ""
        cells = self.raw.loc[broken.rows, columns].dropna().drop_duplicates().head(3)
        return ", ".join(_cell(value) for value in cells) or "an empty cell"

    def _too_many_aside(self) -> list[str]:
        aside = np.zeros(len(self.raw), dtype=bool)
        faults = [each for each in self.broken if each.rows is not self.copies]
        for each in faults:
            aside |= each.rows
        allowed = self.problem.validation.max_quarantined
        if aside.mean() <= allowed:
            return []
        faults.sort(key=lambda each: -int(each.rows.sum()))
        listed = [f"{b.name} by {int(b.rows.sum()):,} ({self.examples(b)})" for b in faults[:5]]
        more = f" and {len(faults) - 5} more" if len(faults) > 5 else ""
        all_ = "all of the" if aside.all() else f"{int(aside.sum()):,} of the"
        return [
            f"{all_} {len(aside):,} rows break an expectation, at most {allowed:.1%} may: {'; '.join(listed)}{more}"
        ]

    def _too_many_copies(self) -> list[str]:
        share, allowed = float(self.copies.mean()), self.suite.meta.max_duplicates
        if share <= allowed:
            return []
        return [
            f"{int(self.copies.sum()):,} rows ({share:.1%}) are exact copies of earlier ones, at most {allowed:.1%} may be"
        ]

    def _failed(self) -> list[str]:
        return [_reason(r) for r in self.results if r.error or (r.expectation.stops and not r.success)]


def failures_paragraph(problem: str, suite: str, failures: Sequence[str], where: Sequence[str]) -> str:
    """One paragraph: what failed, in order of weight, and where to look."""
    tail = f". {'; '.join(where)}".replace("\n", " ")
    head = f"{problem}: the data failed the suite {suite}: {'. '.join(failures)}".replace("\n", " ")
    room = max(_LONGEST_MESSAGE - len(tail), 200)
    return (head if len(head) <= room else head[: room - 3] + "...") + tail


def quality_page(found: Findings, quarantined: str | None) -> str:
    """A self-contained HTML page: the outcome, then every expectation with its rows and examples."""
    outcome = "".join(f"<li class=stop>{escape(f)}</li>" for f in found.failures) or "<li class=ok>passed</li>"
    notes = "".join(f"<li>{escape(w)}</li>" for w in found.warnings)
    rows = "".join(_table_row(found, r) for r in found.results)
    others = "".join(
        _row(b.name, "aside", "put aside", int(b.rows.sum()), found.examples(b))
        for b in found.broken
        if b.expectation is None
    )
    good = int((found.names == "").sum())
    title = f"Data quality of {found.problem.name}"
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title><style>{_STYLE}</style>"
        f"<h1>{escape(title)}</h1><p>{len(found.raw):,} rows: {good:,} good, {len(found.raw) - good:,} put aside, of "
        f"these {found.duplicates:,} exact copies. Suite {escape(found.suite.name)}."
        f"{f' Quarantined rows: {escape(quarantined)}.' if quarantined else ''} "
        f'<a href="data_docs/index.html">Data Docs of Great Expectations</a></p><ul>{outcome}{notes}</ul>'
        "<table><tr><th>expectation<th>asked<th>result<th>rows<th>examples</tr>"
        f"{others}{rows}</table></html>"
    )


def _table_row(found: Findings, result: Checked) -> str:
    e, count = result.expectation, int(result.rows.sum())
    failed = result.error or (e.stops and not result.success)
    state, text = ("stop", "failed") if failed else ("aside", "put aside") if count and not e.stops else ("ok", "met")
    examples = found.examples(Broken(e.name, result.rows, e)) if count else _cell(result.observed) if failed else ""
    return _row(e.name, state, text, count, result.error or examples, _asked(e))


def _row(name: str, state: str, text: str, count: int, examples: str, asked: str = "") -> str:
    cells = f"<td>{escape(name)}<td>{escape(asked)}<td class={state}>{text}<td class=n>{count:,}<td>{escape(examples)}"
    return f"<tr>{cells}</tr>"


def _asked(expectation: Expectation) -> str:
    pairs = {k: v for k, v in expectation.kwargs.items() if k != "column"}
    return ", ".join(f"{key} {_cell(value, 200)}" for key, value in pairs.items())


def _reason(result: Checked) -> str:
    e = result.expectation
    if result.error:
        return f"{e.name} could not be checked: {result.error}"
    if e.row_level:
        return f"{e.name} broken by {int(result.rows.sum()):,} of {len(result.rows):,} rows, mostly {e.kwargs.get('mostly', 1)} asked"
    return f"{e.name} failed: found {_cell(result.observed)}, asked {_asked(e)}"


def _cell(value: object, longest: int = 40) -> str:
    text = str(value) if isinstance(value, int | float | pd.Timestamp) else repr(value)
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text):,} characters)"


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:8])) + (" ..." if len(names) > 8 else "")
