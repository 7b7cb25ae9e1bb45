"""The lines of the prediction log: what was answered for which row, when and by which version."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import pandas as pd

from evenhand.scoring.cells import Cells
from evenhand.scoring.row_scorer import ScoredRows
from evenhand.text.cell_text import canonical_text
from service.served import Served


def prediction_lines(served: Served, ids: Cells, made: ScoredRows, request_id: str) -> Sequence[bytes]:
    """Return a JSON object per row: time, version, request, row id as text, predicted class, probabilities."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    facts: dict[str, Any] = {"at": at, "version": served.version, "request_id": request_id}
    named = [f"p_{name}" for name in served.scorer.fitted.class_names]
    return [
        orjson.dumps(
            facts
            | {"row_id": None if pd.isna(row_id) else canonical_text(row_id), "predicted": name}
            | dict(zip(named, proba, strict=True))
        )
        for row_id, name, proba in zip(ids, made.names.tolist(), made.proba.tolist(), strict=True)
    ]
