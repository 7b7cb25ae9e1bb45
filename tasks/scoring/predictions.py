"""The table of predictions: predict every row of a frame, write the table to a file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from evenhand.data.number_range import beyond_range
from evenhand.data.schema import parse_columns
from evenhand.errors import StorageError
from evenhand.problem import Problem
from evenhand.scoring.row_scorer import capacity_groups, capacity_period, model_types

if TYPE_CHECKING:
    from evenhand.scoring.model import FittedCandidate

ROWS_PER_BATCH = 100_000
PREDICTED, NOT_SCORED = "predicted", "not_scored"


def predict_table(
    problem: Problem, fitted: FittedCandidate, frame: pd.DataFrame, keep: tuple[str, ...] = ()
) -> pa.Table:
    """Predict every row.

    Parameters
    ----------
    problem : Problem
        Has the types of the columns, and the periods of a capacity.
    fitted : FittedCandidate
    frame : DataFrame of shape (n_rows, n_columns)
        Raw cells.
    keep : tuple of str
        Columns of ``frame`` to copy.

    Returns
    -------
    pyarrow.Table
        One row per row of ``frame``, in its order. Columns: the copied ones, ``predicted``, ``p_<class>`` for each
        class, and ``not_scored``, the reason why a row has no prediction.
    """
    columns = list(fitted.encoder.feature_names_in_)
    types = model_types(problem, fitted)
    parts, reasons = [], np.full(len(frame), None, dtype=object)
    for start in range(0, len(frame), ROWS_PER_BATCH):
        typed, unreadable = parse_columns(frame[columns].iloc[start : start + ROWS_PER_BATCH], types)
        for name, rows in unreadable.items():
            reasons[start + np.flatnonzero(rows)] = f"{name}: not a {types[name].kind}"
        for name, rows in beyond_range(typed, problem).items():
            reasons[start + np.flatnonzero(rows)] = f"{name}: a number too large for a model"
        parts.append(fitted.raw_proba(typed[pd.isna(reasons[start : start + ROWS_PER_BATCH])]))
    readable = pd.isna(reasons)
    names, proba = fitted.decide(np.concatenate(parts), _groups(problem, fitted, frame[readable]))
    columns_out = {name: pa.Array.from_pandas(frame[name]) for name in keep}
    columns_out[PREDICTED] = pa.array(_spread(names, readable, None), pa.string())
    for code, name in enumerate(fitted.class_names):
        columns_out[f"p_{name}"] = pa.array(_spread(proba[:, code], readable, np.nan), mask=~readable)
    return pa.table(columns_out | {NOT_SCORED: pa.array(reasons, pa.string())})


def _spread(values: np.ndarray, mask: np.ndarray, fill: float | None) -> np.ndarray:
    """Return one value per row: ``values`` where the mask is true, ``fill`` elsewhere."""
    spread = np.full(len(mask), fill, dtype=values.dtype)
    spread[mask] = values
    return spread


def _groups(problem: Problem, fitted: FittedCandidate, frame: pd.DataFrame) -> np.ndarray | None:
    """Return period codes for the model's capacity rule; None for another rule, or without the period's column."""
    spec = capacity_period(problem, fitted)
    return capacity_groups(problem, spec, frame) if spec is not None and spec.per in frame.columns else None


def rows_per_class(table: pa.Table) -> dict[str, int]:
    """Count the rows of each predicted class."""
    counted = table[PREDICTED].drop_null().value_counts().to_pylist()
    return {item["values"]: item["counts"] for item in sorted(counted, key=lambda item: item["values"])}


def write_predictions(table: pa.Table, result_json: str, path: Path) -> None:
    """Write predictions and, next to them, the result as JSON; each file is written completely or not at all.

    Raises
    ------
    StorageError
        When a file can't be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".csv":
            pa_csv.write_csv(table, partial)
        else:
            pq.write_table(table.replace_schema_metadata({"evenhand": result_json}), partial, compression="zstd")
        partial.replace(path)
        partial.write_text(json.dumps(json.loads(result_json), indent=2) + "\n", encoding="utf-8")
        partial.replace(path.with_name(f"{path.name}.json"))
    except OSError as error:
        raise StorageError(f"{path} can't be written: {error.strerror or error}") from None
    finally:
        partial.unlink(missing_ok=True)
