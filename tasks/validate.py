"""Validate: the suite on a snapshot gives its good rows, its quarantined rows, and a report on both."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict, Field

from evenhand.errors import ValidationFailed
from evenhand.headers import describe_missing
from evenhand.problem import Problem
from evenhand.quality import (
    DUPLICATE,
    NOT_NULL,
    Broken,
    Suite,
    expected_types,
    known_classes,
    later_copies,
    names_by_row,
    raw_classes,
    unfit_cells,
)
from evenhand.references import Reference
from evenhand.schema import parse_columns
from tasks.quality_page import Findings, failures_paragraph, quality_page
from tasks.storage import open_store, read_frame, write_frame
from tasks.suites import Checked, Checker, class_rules, load_suite


class Validated(BaseModel):
    """Good rows, bad rows and the reasons."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    good: Reference = Field(description="typed columns, in the snapshot's order")
    quarantined: Reference | None = Field(description="raw cells, `row` in the snapshot, `broken_expectations`")
    broken: dict[str, int] = Field(description="expectation -> rows put aside for it")
    dropped_duplicates: int = Field(ge=0)
    data_docs: str = Field(description="prefix in the store: quality.html, data_docs/index.html")
    suite: str
    checked: int = Field(ge=1, description="number of expectations")
    warnings: tuple[str, ...] = ()


@task(name="validate", cache_policy=NO_CACHE)
def validate(snapshot: Reference, problem: Problem) -> Validated:
    """Run the problem's suite on a snapshot.

    Rows that break a row-level expectation are quarantined; what is left is the good rows, on which the
    expectations about the whole table and about every class are checked.

    Raises
    ------
    ValidationFailed
        When columns are missing, more rows broke than ``problem.validation.max_quarantined`` allows, or an
        expectation about the table failed. The quarantine and the report are written all the same.
    """
    suite, raw = load_suite(problem), read_frame(snapshot)
    found = find(raw, suite, problem)
    id_ = _identity(snapshot, suite, problem)
    good = found.typed.loc[found.names == ""]
    quarantined = _write_quarantine(raw, found.names, f"quarantine/{id_}/rows.parquet")
    docs = _write_docs(found, quarantined, f"quality/{id_}")
    if found.failures:
        where = [f"report: {open_store().uri(f'{docs}/quality.html')}"]
        where += [f"quarantined rows: {open_store().uri(quarantined.key)}"] if quarantined else []
        raise ValidationFailed(failures_paragraph(problem.name, suite.name, found.failures, where))
    return Validated(
        good=write_frame(good, f"validated/{id_}/rows.parquet"),
        quarantined=quarantined,
        broken=found.counts,
        dropped_duplicates=found.duplicates,
        data_docs=docs,
        suite=suite.name,
        checked=len(found.results),
        warnings=tuple(found.warnings),
    )


def find(raw: pd.DataFrame, suite: Suite, problem: Problem) -> Findings:
    """Everything a suite finds in raw rows, with nothing written.

    Raises
    ------
    ValidationFailed
        When expected columns are missing, so that nothing else can be checked.
    """
    types = expected_types(suite, problem)
    missing = [name for name in types if name not in raw.columns]
    if missing:
        raise ValidationFailed(f"{problem.name}: {describe_missing(list(raw.columns), list(types))}")
    if raw.empty:
        raise ValidationFailed(f"{problem.name}: the snapshot has the expected columns and not one row")
    extra = [name for name in raw.columns if name not in types]
    typed, unfit = parse_columns(raw[list(types)].reset_index(drop=True), types)
    copies = later_copies(raw)
    checker = Checker()
    rows_checked = checker.run(f"{suite.name}.rows", typed, [e for e in suite.expectations if e.row_level])
    broken = _broken_rows(rows_checked, unfit)
    aside = _any(broken, len(raw)) | (copies if problem.duplicates == "drop" else False)
    good = typed.loc[~aside]
    table_checked = _check_table(checker, suite, problem, good)
    if problem.duplicates == "drop" and copies.any():
        broken.append(Broken(DUPLICATE, copies))
    return Findings(
        raw=raw,
        typed=typed,
        names=names_by_row(broken, len(raw)),
        broken=broken,
        results=[*rows_checked, *table_checked],
        copies=copies,
        extra=extra,
        suite=suite,
        problem=problem,
        checker=checker,
    )


def _check_table(checker: Checker, suite: Suite, problem: Problem, good: pd.DataFrame) -> list[Checked]:
    """Expectations about the whole, on the good rows: nothing to check on when there are none."""
    if good.empty:
        return []
    column = problem.target.column
    known = known_classes(suite, problem.target) or tuple(good[column].dropna().unique())
    rules = class_rules(raw_classes(problem.target, known), column, suite.meta.min_class_rows)
    return checker.run(suite.name, good, [e for e in suite.expectations if not e.row_level] + rules)


def _broken_rows(checked: Sequence[Checked], unfit: dict[str, np.ndarray]) -> list[Broken]:
    """Rows to put aside; a cell that would not parse is not also counted as missing."""
    broken = list(unfit_cells(unfit))
    for result in checked:
        expectation, rows = result.expectation, result.rows
        if expectation.type == NOT_NULL and expectation.column in unfit:
            rows = rows & ~unfit[expectation.column]
        if expectation.meta.rows == "quarantine" and rows.any():
            broken.append(Broken(expectation.name, rows, expectation))
    return broken


def _any(broken: Sequence[Broken], n_rows: int) -> np.ndarray:
    rows = np.zeros(n_rows, dtype=bool)
    for each in broken:
        rows |= each.rows
    return rows


def _identity(snapshot: Reference, suite: Suite, problem: Problem) -> str:
    bits = problem.model_dump(
        mode="json", include={"target", "duplicates", "features", "split", "validation", "sensitive"}
    )
    text = json.dumps([snapshot.sha256, suite.model_dump(mode="json"), bits], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _write_quarantine(raw: pd.DataFrame, names: np.ndarray, key: str) -> Reference | None:
    aside = np.flatnonzero(names != "")
    if not len(aside):
        return None
    taken = {name: f"{name} (raw)" for name in ("row", "broken_expectations")}
    rows = raw.iloc[aside].rename(columns=taken).reset_index(drop=True)
    rows.insert(0, "row", aside)
    rows.insert(1, "broken_expectations", pd.Series(names[aside], dtype="str"))
    return write_frame(rows, key)


def _write_docs(found: Findings, quarantined: Reference | None, prefix: str) -> str:
    store = open_store()
    for key in store.list(f"{prefix}/"):
        store.delete(key)
    page = quality_page(found, store.uri(quarantined.key) if quarantined else None)
    store.put_bytes(page.encode(), f"{prefix}/quality.html", overwrite=True)
    with tempfile.TemporaryDirectory() as name:
        found.checker.build_docs(Path(name))
        for path in sorted(p for p in Path(name).rglob("*") if p.suffix in {".html", ".css", ".ico", ".svg"}):
            store.put(path, f"{prefix}/data_docs/{path.relative_to(name).as_posix()}", overwrite=True)
    return prefix
