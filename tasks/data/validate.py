"""Validate: the suite of a problem on a snapshot gives good rows, quarantined rows, and a report on both."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict, Field

from evenhand.data.broken_rows import (
    CheckedExpectation,
    any_row,
    later_copies,
    names_by_row,
    rows_to_quarantine,
    without_unfit,
)
from evenhand.data.findings import Findings, failures_paragraph
from evenhand.data.headers import describe_missing, respelled
from evenhand.data.number_range import beyond_range, describe_beyond
from evenhand.data.references import Reference
from evenhand.data.schema import ColumnType, parse_columns
from evenhand.data.suite_spec import Suite, class_rules, expected_types, known_classes, queryable, raw_classes
from evenhand.errors import ValidationFailed
from evenhand.problem import Problem
from evenhand.report.quality_page import quality_page
from tasks.data.suites import Checker, load_suite
from tasks.storage.store import open_store, read_frame, write_frame

_PROBLEM_BITS = {"name", "suite", "target", "duplicates", "features", "split", "sensitive", "time_zone", "validation"}
_DOCS = {".html", ".css", ".ico", ".svg"}  # the library adds 3 MB of pictures and fonts


class Validated(BaseModel):
    """Good rows, quarantined rows and the reasons."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    good: Reference = Field(description="typed columns, in the snapshot's order")
    quarantined: Reference | None = Field(description="raw cells, `row` in the snapshot from 0, `broken_expectations`")
    broken: dict[str, int] = Field(description="expectation -> rows quarantined for it")
    dropped_duplicates: int = Field(ge=0)
    data_docs: str = Field(description="prefix in the store of quality.html and data_docs/index.html")
    suite: str
    checked: int = Field(ge=1, description="number of expectations")
    warnings: tuple[str, ...] = ()


@task(name="validate", cache_policy=NO_CACHE)
def validate(snapshot: Reference, problem: Problem) -> Validated:
    """Run the problem's suite on a snapshot.

    Rows that break a row-level expectation are quarantined. The others are the good rows, on which the expectations
    about the table and about every class are checked.

    Raises
    ------
    ValidationFailed
        When columns are missing, more rows broke than ``problem.validation.max_quarantined`` allows, or an
        expectation about the table failed. The quarantine and the report are written all the same.
    """
    suite, raw = load_suite(problem), read_frame(snapshot)
    raw = raw.rename(columns=respelled(list(raw.columns), list(expected_types(suite, problem))))
    types = _types(raw, suite, problem)
    checker = Checker()
    found, typed = find_broken(raw, types, suite, problem, checker)
    id_ = _identity(snapshot, suite, problem)
    quarantined = _write_quarantine(found, f"quarantine/{id_}/rows.parquet")
    docs = _write_docs(found, quarantined, checker, f"quality/{id_}")
    if found.failures:
        where = {"report": f"{docs}/quality.html"} | ({"quarantined rows": quarantined.key} if quarantined else {})
        raise ValidationFailed(failures_paragraph(found, [f"{k}: {open_store().uri(v)}" for k, v in where.items()]))
    good = _good(typed, found.quarantined)
    return Validated(
        good=write_frame(good, f"validated/{id_}/rows.parquet"),
        quarantined=quarantined,
        broken=found.counts,
        dropped_duplicates=found.dropped_copies,
        data_docs=docs,
        suite=suite.name,
        checked=len(found.results),
        warnings=(*found.warnings, *describe_beyond(good, beyond_range(good, problem))),
    )


def find_broken(
    raw: pd.DataFrame, types: dict[str, ColumnType], suite: Suite, problem: Problem, checker: Checker
) -> tuple[Findings, pd.DataFrame]:
    """Run a suite on raw rows without writing anything.

    Returns
    -------
    found : Findings
    typed : DataFrame
        Every row, with columns of their types; a cell that does not fit is missing.
    """
    known = list(types) if suite.closed else list(raw.columns)
    typed, unfit = parse_columns(raw[known], types)
    copies = later_copies(raw[known])
    results = checker.run(f"{suite.name}_rows", typed, [e for e in suite.expectations if e.row_level])
    results = without_unfit(results, unfit)
    faults = rows_to_quarantine(results, unfit)
    quarantined = any_row(faults, len(raw)) | (copies if problem.duplicates == "drop" else False)
    results += _check_table(checker, suite, problem, _good(typed, quarantined))
    left_out = [name for name in raw.columns if name not in known]
    return Findings(problem, suite, raw, faults, copies, results, left_out), typed


def _good(rows: pd.DataFrame, quarantined: np.ndarray) -> pd.DataFrame:
    return rows.loc[~quarantined] if quarantined.any() else rows  # without a copy


def _types(raw: pd.DataFrame, suite: Suite, problem: Problem) -> dict[str, ColumnType]:
    types = expected_types(suite, problem)
    if not set(types) <= set(raw.columns):
        raise ValidationFailed(f"{problem.name}: {describe_missing(list(raw.columns), list(types))}")
    if raw.empty:
        raise ValidationFailed(f"{problem.name}: the data has the expected columns and not one row")
    return types


def _check_table(checker: Checker, suite: Suite, problem: Problem, good: pd.DataFrame) -> list[CheckedExpectation]:
    """Check expectations about the table on the good rows; where there are none, the row-level failures are enough."""
    if good.empty:
        return []
    column = problem.target.column
    known = known_classes(suite, problem.target) or tuple(good[column].unique())
    alias = queryable(column)
    at_least = problem.validation.min_class_rows or suite.meta.min_class_rows
    classes = class_rules(raw_classes(problem.target, known), alias, at_least)
    table = [e for e in suite.expectations if not e.row_level]
    if alias == column:
        return checker.run(suite.name, good, [*table, *classes])
    labels = good[[column]].rename(columns={column: alias})
    return (checker.run(suite.name, good, table) if table else []) + checker.run(
        f"{suite.name}_classes", labels, classes
    )


def _identity(snapshot: Reference, suite: Suite, problem: Problem) -> str:
    bits = [snapshot.sha256, suite.model_dump(mode="json"), problem.model_dump(mode="json", include=_PROBLEM_BITS)]
    bits.append(problem.source.model_dump(mode="json", include={"decimal", "thousands", "missing"}))
    return hashlib.sha256(json.dumps(bits, sort_keys=True).encode()).hexdigest()


def _write_quarantine(found: Findings, key: str) -> Reference | None:
    quarantined = np.flatnonzero(found.quarantined)
    if not len(quarantined):
        return None
    taken = {name: f"{name} (raw)" for name in ("row", "broken_expectations")}
    rows = found.raw.iloc[quarantined].rename(columns=taken).reset_index(drop=True)
    rows.insert(0, "row", quarantined)
    rows.insert(
        1, "broken_expectations", pd.Series(names_by_row(found.broken, len(found.raw))[quarantined], dtype="str")
    )
    return write_frame(rows, key)


def _write_docs(found: Findings, quarantined: Reference | None, checker: Checker, prefix: str) -> str:
    store = open_store()
    for key in store.list(f"{prefix}/"):
        store.delete(key)  # the names of an earlier run's pages hold its time
    with tempfile.TemporaryDirectory() as folder:
        checker.build_docs(Path(folder))
        pages = sorted(p for p in Path(folder).rglob("*") if p.suffix in _DOCS)
        for path in pages:
            store.put(path, f"{prefix}/data_docs/{path.relative_to(folder).as_posix()}", overwrite=True)
        runs = [f"data_docs/{p.relative_to(folder).as_posix()}" for p in pages if p.parent.parent.name == "__none__"]
    page = quality_page(found, store.uri(quarantined.key) if quarantined else None, runs)
    store.put_bytes(page.encode(), f"{prefix}/quality.html", overwrite=True)
    return prefix
