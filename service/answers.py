"""The answer to rows: JSON, or the table that batch scoring writes, in the format that was asked for."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from evenhand.scoring.reasons import decision_reason
from evenhand.scoring.row_scorer import ScoredRows
from service.reading import CSV, JSON, PARQUET, ReadRequest
from service.served import Served
from tasks.scoring.predictions import NOT_SCORED, PREDICTED

REASON = "reason"


class Answered(NamedTuple):
    """An answer, and what the metrics count of it."""

    body: bytes
    kind: str
    rows: int
    classes: Counter[str]
    not_scored: int
    unknown: dict[str, int]


def answer(served: Served, asked: ReadRequest, made: ScoredRows, kind: str, request_id: str, reasons: bool) -> Answered:
    """Write the answer to rows.

    Parameters
    ----------
    served : Served
        The version that scored them, and nothing else, is named.
    asked : ReadRequest
    made : ScoredRows
    kind : str
        One of :data:`service.reading.FORMATS`.
    request_id : str
    reasons : bool
        Whether a table has a column of reasons; JSON always has them.
    """
    names = made.names.tolist()
    classes = Counter(name for name in names if name is not None)
    is_json = kind == JSON
    body = _json(served, asked, made, request_id) if is_json else _table(served, made, kind, request_id, reasons)
    return Answered(body, kind, len(names), classes, len(names) - classes.total(), made.unknown)


def _json(served: Served, asked: ReadRequest, made: ScoredRows, request_id: str) -> bytes:
    content: dict[str, Any] = {"model": served.model, "version": served.version, "request_id": request_id}
    predictions = _predictions(served, made)
    if asked.single:
        return orjson.dumps(content | predictions[0])
    content |= {"rows": len(predictions), "not_scored": int(sum(reason is not None for reason in made.not_scored))}
    return orjson.dumps(content | {"predictions": predictions})


def _predictions(served: Served, made: ScoredRows) -> list[dict[str, Any]]:
    known = served.scorer.fitted.class_names
    return [
        {
            "class": name,
            "probabilities": None if name is None else dict(zip(known, proba, strict=True)),
            REASON: reason,
            NOT_SCORED: not_scored,
        }
        for name, proba, reason, not_scored in zip(
            made.names.tolist(), made.proba.tolist(), _reasons(served, made), made.not_scored.tolist(), strict=True
        )
    ]


def _reasons(served: Served, made: ScoredRows) -> list[str | None]:
    fitted = served.scorer.fitted
    likeliest = np.array([*fitted.class_names, None], dtype=object)[_codes(made)]
    reasons: list[str | None] = [None] * len(made.names)
    for i in np.flatnonzero(likeliest != made.names):
        reasons[i] = decision_reason(fitted, made.raw[i], made.proba[i], made.names[i])
    return reasons


def _codes(made: ScoredRows) -> np.ndarray:
    """Return the most probable class of each row, -1 for a row that is not scored."""
    scored = ~np.isnan(made.proba[:, 0])
    return np.where(scored, np.where(scored[:, None], made.proba, 0.0).argmax(axis=1), -1)


def _table(served: Served, made: ScoredRows, kind: str, request_id: str, reasons: bool) -> bytes:
    scored = np.array([name is not None for name in made.names])
    columns = {PREDICTED: pa.array(made.names.tolist(), pa.string())}
    for code, name in enumerate(served.scorer.fitted.class_names):
        columns[f"p_{name}"] = pa.array(made.proba[:, code], mask=~scored)
    columns[NOT_SCORED] = pa.array(made.not_scored.tolist(), pa.string())
    if reasons:
        columns[REASON] = pa.array(_reasons(served, made), pa.string())
    about = orjson.dumps({"model": served.model, "version": served.version, "request_id": request_id})
    table = pa.table(columns).replace_schema_metadata({"evenhand": about})
    sink = io.BytesIO()
    if kind == CSV:
        pa_csv.write_csv(table, sink)
    elif kind == PARQUET:
        pq.write_table(table, sink, compression="zstd")
    else:
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    return sink.getvalue()
