"""Data sets that a training has read, logged as inputs of its MLflow run."""

from __future__ import annotations

import json
from collections.abc import Mapping

from evenhand.data.references import Reference
from tasks.tracking.client import connect

_DIGEST_LENGTH = 36  # the limit of MLflow
_TYPES = {"number": "double", "text": "string", "time": "datetime"}


def log_input(run_id: str, name: str, uri: str, rows: Reference, columns: Mapping[str, str], context: str) -> None:
    """Log a data set as an input of a run.

    Parameters
    ----------
    run_id : str
    name : str
        Such as ``toronto training``.
    uri : str
        Address of the file.
    rows : Reference
        Hash and number of the rows.
    columns : mapping of str to str
        Kind of each column: ``number``, ``text`` or ``time``.
    context : str
        Purpose of the rows: ``snapshot``, ``training``, ``held out``.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    schema = [{"name": column, "type": _TYPES[kind], "required": False} for column, kind in columns.items()]
    data = Dataset(
        name=name,
        digest=rows.sha256[:_DIGEST_LENGTH],
        source_type="s3" if uri.startswith("s3://") else "local",
        source=json.dumps({"uri": uri}),
        schema=json.dumps({"mlflow_colspec": schema}),
        profile=json.dumps({"num_rows": rows.rows, "num_columns": len(schema)}),
    )
    connect().log_inputs(run_id, [DatasetInput(data, [InputTag("mlflow.data.context", context)])])
