"""All scores of all candidates as two tables, which the tracking server shows with the run of a training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from evenhand.report.candidate_row import Row
from evenhand.text.printable import printable

SETS = {"oof": "out of fold", "test": "held out"}


def state_of(row: Row) -> str:
    """Say how far a candidate came: ``complete``, ``stopped`` by the race, or ``skipped``."""
    return "skipped" if row.skipped else "stopped" if row.stopped else "complete"


def candidate_table(rows: Sequence[Row]) -> pd.DataFrame:
    """Return one row per candidate, with every metric on both evaluation sets; None where it has none."""
    return pd.DataFrame([{**_names(row), **_run(row), **_metrics(row)} for row in rows]).astype(object)


def class_table(rows: Sequence[Row]) -> pd.DataFrame:
    """Return one row per candidate, evaluation set and class that has rows there."""
    lines: list[dict[str, Any]] = []
    for row in rows:
        for on, scores in _scored(row):
            for name, found in scores.per_class.items():
                if found.support:
                    values = {key: _number(value) for key, value in asdict(found).items()}
                    lines.append({**_names(row), "rows of": SETS[on], "class": printable(name), **values})
    return pd.DataFrame(lines).astype(object)


def _names(row: Row) -> dict[str, str]:
    return {"model": row.model, "strategy": row.strategy, "features": row.features, "decision": row.decision}


def _run(row: Row) -> dict[str, Any]:
    why = printable(row.skipped or row.stopped or "")
    return {"state": state_of(row), "why": why, "folds_done": row.folds, "fit_seconds": row.fit_seconds}


def _metrics(row: Row) -> dict[str, float | None]:
    return {f"{name}, {SETS[on]}": _number(v) for on, scores in _scored(row) for name, v in scores.metrics.items()}


def _scored(row: Row) -> list[tuple[str, Any]]:
    return [(on, scores) for on, scores in (("oof", row.oof), ("test", row.test)) if scores is not None]


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
