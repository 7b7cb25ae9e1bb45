"""Predictions that are kept for the labels that come later: one object per scored file, with an id for every row.

They hold ids, periods and probabilities, none of the columns. In a folder only its owner can read them.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from evenhand.data.schema import column_types, parse_columns
from evenhand.errors import SourceError
from evenhand.monitoring.periods import period_names
from evenhand.monitoring.rows import monitored_period
from evenhand.problem import Problem
from evenhand.text.cell_text import text_of
from tasks.storage.folder import FolderStore
from tasks.storage.store import open_store

ROW, PERIOD, PREDICTED, PROBA = "row", "period", "predicted", "p"


def row_ids(problem: Problem, frame: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Name every row: by the column ``monitor.id``, or by the hash of the model's columns.

    Parameters
    ----------
    problem : Problem
    frame : DataFrame of shape (n_rows, n_columns)
        Raw or typed cells; a cell has the same text in both.
    columns : sequence of str
        Of the model.

    Returns
    -------
    ndarray of str, shape (n_rows,)
        Equal rows without an id are numbered; empty where the id is missing.

    Raises
    ------
    SourceError
        When the declared column is absent.
    """
    name = problem.monitor.id
    if name is not None:
        if name not in frame:
            raise SourceError(
                f"monitor.id is {name!r}, and the rows have no such column; found: {', '.join(map(str, frame.columns))}"
            )
        return np.asarray(text_of(frame[name]).fillna("").astype(object))
    types = {column: kind for column, kind in column_types(problem).items() if column in columns}
    typed, _ = parse_columns(frame[sorted(columns)], types)
    hashes = pd.util.hash_pandas_object(typed[sorted(columns)], index=False).astype("uint64")
    copies = hashes.groupby(hashes).cumcount()
    return np.asarray([f"{value:016x}-{copy}" for value, copy in zip(hashes, copies, strict=True)], dtype=object)


def kept_rows(problem: Problem, frame: pd.DataFrame, table: pa.Table, columns: Sequence[str]) -> pd.DataFrame:
    """Return what is kept of predictions: ids, periods, classes and probabilities.

    Parameters
    ----------
    problem : Problem
    frame : DataFrame of shape (n_rows, n_columns)
        Raw cells. Without the column of the periods, rows have none: their labels are matched, but not counted.
    table : pyarrow.Table
        Of :func:`tasks.scoring.predictions.predict_table` for these rows.
    columns : sequence of str
        Of the model, from which ids are made where the problem names no column of them.
    """
    classes = [name for name in table.column_names if name.startswith("p_")]
    kept = pd.DataFrame({ROW: row_ids(problem, frame, columns)})
    kept[PERIOD] = periods_of(problem, frame)
    kept[PREDICTED] = table[PREDICTED].to_pandas().to_numpy(dtype=object)
    for at, name in enumerate(classes):
        kept[f"{PROBA}{at}"] = table[name].to_numpy().astype(np.float32)
    return kept


def periods_of(problem: Problem, frame: pd.DataFrame) -> np.ndarray:
    """Name the period of each raw row; empty where it is not known."""
    column = problem.split.holdout.order
    if column is None or column not in frame:
        return np.full(len(frame), "", dtype=object)
    typed, _ = parse_columns(frame[[column]], {column: column_types(problem)[column]})
    return period_names(typed[column], monitored_period(problem))


def predictions_folder(model: str, version: str) -> str:
    """Return where the predictions of a version are kept in the store."""
    return f"predictions/{model}/v{version}"


def keep_predictions(folder: str, digest: str, rows: pd.DataFrame) -> str:
    """Store rows under ``<folder>/<day>-<digest>.parquet``, once per digest.

    Parameters
    ----------
    folder : str
        Prefix in the store: ``predictions/<model>/v<version>``.
    digest : str
        SHA-256 of what was scored.
    rows : DataFrame
        Columns ``row``, ``period``, ``predicted`` (a class name) and ``p0``, ``p1`` ...; or labels.

    Returns
    -------
    str
        The key.
    """
    store, name = open_store(), f"{digest[:32]}.parquet"
    held = next((key for key in store.list(f"{folder}/") if key.endswith(name)), None)
    if held is not None:
        return held
    key = f"{folder}/{datetime.now(UTC).date().isoformat()}-{name}"
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), sink, compression="zstd")
    store.put_bytes(sink.getvalue(), key)
    make_private(key)
    return key


def read_kept(folder: str, digests: Collection[str] | None = None) -> pd.DataFrame | None:
    """Read what is kept in a folder, oldest first, each row once; None where nothing is.

    ``digests`` names the files whose rows are read; None reads all.
    """
    store = open_store()
    names = None if digests is None else {f"{digest[:32]}.parquet" for digest in digests}
    keys = [key for key in store.list(f"{folder}/") if names is None or key.endswith(tuple(names))]
    parts = [pq.read_table(store.local(key)).to_pandas() for key in keys]
    return pd.concat(parts, ignore_index=True).drop_duplicates(ROW, ignore_index=True) if parts else None


def forget_old(folder: str, keep_days: int) -> int:
    """Delete what was kept longer ago than allowed; return the number of objects."""
    store, first = open_store(), (datetime.now(UTC).date() - timedelta(days=keep_days)).isoformat()
    old = [key for key in store.list(f"{folder}/") if key.rpartition("/")[2][:10] < first]
    for key in old:
        store.delete(key)
    return len(old)


def make_private(key: str) -> None:
    """Let only the owner read an object, where the store is a folder; a bucket has its policy."""
    store = open_store()
    if isinstance(store, FolderStore):
        path = Path(store.uri(key))
        path.chmod(0o600)
        path.parent.chmod(0o700)


def digest_of(parts: Sequence[str]) -> str:
    """Return one SHA-256 of several."""
    return hashlib.sha256("".join(parts).encode()).hexdigest()
