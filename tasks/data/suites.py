"""Great Expectations, kept in one place: suites read from JSON, run on a frame, and Data Docs built offline."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from evenhand.data.broken_rows import CheckedExpectation
from evenhand.data.suite_spec import NOT_NULL, Expectation, Suite, derived_suite, freshness_rules
from evenhand.errors import ValidationFailed
from evenhand.problem import Problem
from evenhand.text.cell_text import canonical_text
from tasks.settings import settings

_LOGGERS = ("great_expectations", "great_expectations.data_context.types.base")  # the second has a level of its own
_SHOWN = 20
_LONGEST_CELL = 10_000  # a longer one breaks what it breaks within these characters, and would fill the Data Docs


def load_suite(problem: Problem) -> Suite:
    """Load the suite a problem names, or one derived from the problem; completed with what every problem needs.

    Raises
    ------
    ValidationFailed
        When the file is absent or is no suite.
    """
    suite = _read(settings().expectations / f"{problem.suite}.json") if problem.suite else derived_suite(problem)
    target = problem.target.column
    if not any(e.type == NOT_NULL and e.columns == (target,) for e in suite.expectations):
        suite = suite.with_more([Expectation(type=NOT_NULL, kwargs={"column": target})])
    return suite.with_more(freshness_rules(problem))


class Checker:
    """Runs expectations on frames; the Data Docs show every run."""

    def __init__(self) -> None:
        with _quiet():
            import great_expectations as gx
            from great_expectations.data_context.types.base import ProgressBarsConfig
        with _quiet():  # the import sets levels of its own
            self._context: Any = gx.get_context(mode="ephemeral")
            self._context.variables.progress_bars = ProgressBarsConfig(globally=False)
            self._data = self._context.data_sources.add_pandas("evenhand")

    def run(self, name: str, frame: pd.DataFrame, expectations: Sequence[Expectation]) -> list[CheckedExpectation]:
        """Check a frame with a fresh row number as its index.

        Raises
        ------
        ValidationFailed
            When an expectation does not exist or its arguments make no sense.
        """
        with _quiet():
            results = self._results(name, _bounded(frame), expectations)
        # Its engine keeps the frames, and the library keeps the last context for good.
        batches = self._data.get_execution_engine().batch_manager
        batches.reset_batch_cache()
        batches.batch_data_cache.clear()
        return [_checked(expectations[i], result, len(frame)) for i, result in sorted(results)]

    def build_docs(self, folder: Path) -> None:
        """Write the Data Docs; ``index.html`` is the start."""
        results = self._context.validation_results_store
        for key in results.list_keys():
            results.update(key, _harmless(results.get(key)))
        store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)}
        site = {"class_name": "SiteBuilder", "store_backend": store}
        with _quiet():
            self._context.add_data_docs_site(
                site_name="evenhand",
                site_config=site | {"site_index_builder": {"class_name": "DefaultSiteIndexBuilder"}},
            )
            self._context.build_data_docs(site_names=["evenhand"])

    def _results(self, name: str, frame: pd.DataFrame, expectations: Sequence[Expectation]) -> list[tuple[int, Any]]:
        import great_expectations as gx
        from great_expectations.exceptions.exceptions import GreatExpectationsError

        try:
            suite = gx.ExpectationSuite(name=name, expectations=[_plain(i, e) for i, e in enumerate(expectations)])
            suite = self._context.suites.add(suite)
        except (ValueError, TypeError, KeyError, GreatExpectationsError) as error:
            raise ValidationFailed(f"the suite {name} can't be used: {_one_line(error)}") from None
        taken = {e.meta["number"] for e in suite.expectations}
        dropped = [e.name for i, e in enumerate(expectations) if i not in taken]  # without a word, if it can't read it
        if dropped:
            raise ValidationFailed(
                f"the suite {name} can't be used: no such expectation, or arguments it can't take: {', '.join(dropped)}"
            )
        batch = self._data.add_dataframe_asset(name).add_batch_definition_whole_dataframe("rows")
        definition = gx.ValidationDefinition(name=name, data=batch, suite=suite)
        definition = self._context.validation_definitions.add(definition)
        result = definition.run(
            batch_parameters={"dataframe": frame},
            # Without the last key each result carries every row number once more, as text.
            result_format={"result_format": "COMPLETE", "return_unexpected_index_query": False},
        )
        return [(r.expectation_config.meta["number"], r) for r in result.results]


def _plain(number: int, expectation: Expectation) -> dict[str, Any]:
    kwargs = dict(expectation.kwargs)
    if isinstance(kwargs.get("row_condition"), dict):
        kwargs["row_condition"] = _condition(**kwargs["row_condition"])
    if "value_set" in kwargs:  # a column of text has canonical text
        kwargs["value_set"] = [canonical_text(v) if isinstance(v, str) else v for v in kwargs["value_set"] or []]
    meta = expectation.meta.model_dump(exclude_none=True) | {"number": number}
    return {"type": expectation.type, "kwargs": kwargs, "meta": meta}


def _condition(column: str, values: Sequence[str]) -> Any:
    from great_expectations.expectations.row_conditions import Column

    return Column(column).is_in(list(values) or [""])


def _checked(expectation: Expectation, result: Any, n_rows: int) -> CheckedExpectation:
    rows = np.zeros(n_rows, dtype=bool)
    found = result.result or {}
    rows[np.asarray(found.get("unexpected_index_list") or [], dtype=int)] = True
    errors = _exceptions(result.exception_info)
    success = bool(result.success) and not errors
    error = errors[0] if errors else None
    if expectation.row_level and not success and not rows.any():
        error = error or "no row was named"
    return CheckedExpectation(expectation, success, rows, found.get("observed_value"), error)


def _exceptions(info: Any) -> list[str]:
    """Messages in either of the two shapes an exception comes in: one, or one for each metric."""
    if not isinstance(info, dict):
        return []
    each = [info] if "raised_exception" in info else [v for v in info.values() if isinstance(v, dict)]
    return [_one_line(e.get("exception_message")) for e in each if e.get("raised_exception")]


def _harmless(results: Any) -> Any:
    """Shorten what a page does not show, and escape what it would show as markup."""
    for each in results.results:
        each.result = _escaped(each.result)
    return results


def _escaped(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _escaped(v) for key, v in value.items()}
    if isinstance(value, list | tuple | set):
        return [_escaped(v) for v in list(value)[:_SHOWN]]
    return escape(value) if isinstance(value, str) else value


def _bounded(frame: pd.DataFrame) -> pd.DataFrame:
    bounded = frame.reset_index(drop=True)
    for name in bounded.columns[[isinstance(t, pd.StringDtype) for t in bounded.dtypes]]:
        if bounded[name].str.len().max() > _LONGEST_CELL:
            bounded[name] = bounded[name].str.slice(0, _LONGEST_CELL)
    return bounded


def _read(path: Path) -> Suite:
    try:
        return Suite.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.json"))) or "none"
        raise ValidationFailed(f"no suite {path.stem!r} in {path.parent}; known are {known}") from None
    except (OSError, ValueError, ValidationError) as error:
        raise ValidationFailed(f"{path} is no expectation suite: {_one_line(error)}") from None


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:300]


@contextmanager
def _quiet() -> Iterator[None]:
    """No telemetry, and none of the library's notes about itself."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
