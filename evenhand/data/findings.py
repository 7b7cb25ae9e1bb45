"""What a suite found in raw rows: what stops the flow, and what a reader should know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from evenhand.data.broken_rows import BrokenRows, CheckedExpectation, any_row
from evenhand.data.schema import column_types
from evenhand.data.suite_spec import OF_TYPE, Expectation, Suite
from evenhand.data.times import describe_formats
from evenhand.problem import Problem
from evenhand.text.cell_text import text_of, two_spellings

COPIES = "expect_compound_columns_to_be_unique"
_LONGEST_MESSAGE = 1400
_LISTED = 5
_CELLS_READ = 1000  # for examples


@dataclass(frozen=True)
class Findings:
    """Raw rows, and what a suite found in them."""

    problem: Problem
    suite: Suite
    raw: pd.DataFrame
    faults: list[BrokenRows]
    copies: np.ndarray  # of bool, shape (n_rows,): rows that repeat an earlier one
    results: list[CheckedExpectation]
    left_out: list[str]  # columns that the suite does not name

    @property
    def dropped_copies(self) -> int:
        """Number of rows that are quarantined because they repeat an earlier one."""
        return int(self.copies.sum()) if self.problem.duplicates == "drop" else 0

    @cached_property
    def broken(self) -> list[BrokenRows]:
        """Reasons for the quarantine, most rows first."""
        copies = [BrokenRows(COPIES, (), self.copies)] if self.dropped_copies else []
        return sorted([*self.faults, *copies], key=lambda each: -int(each.rows.sum()))

    @cached_property
    def quarantined(self) -> np.ndarray:
        """Quarantined rows, shape (n_rows,) of bool."""
        return any_row(self.broken, len(self.raw))

    @property
    def counts(self) -> dict[str, int]:
        """Number of rows that are quarantined for each reason, most first."""
        return {each.name: int(each.rows.sum()) for each in self.broken}

    @cached_property
    def failures(self) -> list[str]:
        """What stops the flow; empty when nothing does."""
        return [*self._too_many_faults(), *self._too_many_copies(), *self._broken_wholes()]

    @cached_property
    def warnings(self) -> list[str]:
        """What a reader should know about rows that were kept."""
        notes = []
        if self.left_out:
            notes.append(f"columns that the suite does not name were left out: {_listed(self.left_out)}")
        if self.problem.suite is None:
            notes.append("the problem names no suite: only what follows from the problem itself was checked")
        notes += self._two_spellings()
        for result in self.results:
            rows = int(result.rows.sum())
            if rows and result.expectation.meta.rows == "keep":
                notes.append(f"{rows:,} rows break {result.expectation.name}, tolerated and kept")
        if self.problem.duplicates == "keep" and self.copies.any():
            notes.append(f"{int(self.copies.sum()):,} rows repeat an earlier one and are kept (`duplicates: keep`)")
        return notes

    def examples(self, columns: Sequence[str], rows: np.ndarray) -> str:
        """Show up to three of the raw cells that broke an expectation."""
        if not columns or columns[0] not in self.raw.columns:
            return ""
        cells = self.raw.loc[rows, columns[0]]
        different = dict.fromkeys(cell_text(value) for value in cells.dropna().head(_CELLS_READ))
        shown = list(different)[:3]
        return ", ".join(shown + ["an empty cell"] * bool(cells.isna().any()))

    def _broken_wholes(self) -> list[str]:
        failed = [result for result in self.results if result.failed]
        reasons = [_reason(result) for result in failed]
        small = [
            r.expectation.kwargs["row_condition"]["values"] for r in failed if "row_condition" in r.expectation.kwargs
        ]
        if small:
            values = ", ".join(repr(value) for of_class in small for value in of_class)
            reasons.append(
                f"Classes of so few rows: leave their rows out (in the problem file `target: drop: [{values}]`), merge "
                "them with others (`target: groups:`), or allow fewer rows (`validation: {min_class_rows: ...}`)"
            )
        return reasons

    def _two_spellings(self) -> list[str]:
        texts = [name for name, wanted in column_types(self.problem).items() if wanted.kind == "text"]
        found = {name: two_spellings(self.raw[name]) for name in texts if name in self.raw}
        return [
            f"column {name!r}: {pair.first!r} and {pair.second!r} are read as one value, {pair.text!r}; if they are "
            "different codes, put a letter before each"
            for name, pair in found.items()
            if pair is not None
        ]

    def _too_many_faults(self) -> list[str]:
        rows, allowed = any_row(self.faults, len(self.raw)), self.problem.validation.max_quarantined
        if rows.mean() <= allowed:
            return []
        faults = sorted(self.faults, key=lambda each: -int(each.rows.sum()))
        listed = [f"{b.name}: {int(b.rows.sum()):,} ({self.examples(b.columns, b.rows)})" for b in faults[:_LISTED]]
        more = f" and {len(faults) - _LISTED} more expectations" if len(faults) > _LISTED else ""
        count = "all" if rows.all() else f"{int(rows.sum()):,} of"
        hints = "".join(f". {text}" for text in map(self._format_hint, faults[:_LISTED]) if text)
        return [
            f"{count} {len(rows):,} rows break an expectation, at most {allowed:.1%} may; {'; '.join(listed)}{more}"
            f"{hints}"
        ]

    def _format_hint(self, fault: BrokenRows) -> str:
        """Write which format reads the cells of a time column that could not be read."""
        name = fault.columns[0] if fault.columns else ""
        wanted = column_types(self.problem).get(name)
        if wanted is None or wanted.kind != "time" or not fault.name.startswith(OF_TYPE):
            return ""
        cells = text_of(self.raw.loc[fault.rows, name]).dropna().unique()[:_CELLS_READ]
        read_as = "ISO 8601 (2024-01-31 23:30)" if wanted.format is None else f"{wanted.format!r}"
        place = f"beside `column: {name}` in {_where(self.problem, name)}"
        return f"Times of {name!r} are read as {read_as}: write {describe_formats(list(cells))} {place}"

    def _too_many_copies(self) -> list[str]:
        share, allowed = float(self.copies.mean()), self.suite.meta.max_duplicates
        if share <= allowed:
            return []
        return [
            f"{COPIES}: {int(self.copies.sum()):,} rows ({share:.1%}) are exact copies of earlier ones, "
            f"at most {allowed:.1%} may be"
        ]


def _where(problem: Problem, name: str) -> str:
    """Name the part of the problem file that declares a time column."""
    for title, features in problem.features.items():
        if any(part.column == name for part in features.time):
            return f"features.{title}.time"
        if any(rate.time is not None and rate.time.column == name for rate in features.rates):
            return f"features.{title}.rates"
    return "split.holdout" if problem.split.holdout.column == name else "split.folds, or in features under time"


def failures_paragraph(found: Findings, where: Sequence[str]) -> str:
    """Write one paragraph: what failed, most severe first, and where the details are."""
    head = f"{found.problem.name}: the data failed the suite {found.suite.name}: {'. '.join(found.failures)}"
    tail = f". {'; '.join(where)}"
    room = max(_LONGEST_MESSAGE - len(tail), 300)
    return " ".join(((head if len(head) <= room else f"{head[: room - 3]}...") + tail).split())


def asked(expectation: Expectation) -> str:
    """Write what an expectation asks for, without its column."""
    pairs = {k: v for k, v in expectation.kwargs.items() if k not in ("column", "row_condition")}
    return ", ".join(f"{key} {cell_text(value, 120)}" for key, value in pairs.items())


def cell_text(value: object, longest: int = 40) -> str:
    """Show a value, shortened when it is long.

    Examples
    --------
    >>> cell_text(43.65), cell_text("Robbery"), cell_text("x" * 1000, longest=5)
    ('43.65', "'Robbery'", "'xxxx... (1,002 characters)")
    """
    text = str(value) if isinstance(value, int | float | pd.Timestamp) else repr(value)
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text):,} characters)"


def _reason(result: CheckedExpectation) -> str:
    expectation = result.expectation
    if result.error:
        return f"{expectation.name} could not be checked: {result.error}"
    if expectation.row_level:
        share = expectation.kwargs.get("mostly", 1)
        rows = f"{int(result.rows.sum()):,} of {len(result.rows):,} rows"
        return f"{expectation.name} is broken by {rows}; at least {share:.1%} must meet it"
    return f"{expectation.name}: found {cell_text(result.observed)}, asked {asked(expectation)}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name[:40]) for name in names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
