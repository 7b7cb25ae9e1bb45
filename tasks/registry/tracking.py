"""What a training leaves in MLflow: one parent run, a child run a candidate, inputs, figures and the model."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from evenhand.errors import EvenhandError
from tasks.registry.client import artifact_location, connect
from tasks.registry.run_owner import is_stale, owner_tags
from tasks.settings import settings

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


ENDED = "evenhand.ended"
KILLED = "killed: closed by the next start"
_PARENT = "mlflow.parentRunId"
_KINDS = {"number": "double", "text": "string", "time": "datetime"}
_MENU = "workflowType=machine_learning"
_METRICS_A_BATCH, _PARAMS_A_BATCH = 800, 100


def start_training(experiment: str, run_name: str, params: Mapping[str, object], tags: Mapping[str, str]) -> str:
    """Open the parent run of a training, after closing those that a killed process left open.

    Parameters
    ----------
    experiment : str
        Created where it is missing.
    run_name : str
    params, tags : mapping

    Returns
    -------
    str
        Id of the run, in state RUNNING.

    Raises
    ------
    EvenhandError
        When the tracking store can't be used, or the experiment is deleted.
    """
    with _store_errors():
        client = connect()
        experiment_id = _experiment_id(client, experiment)
        _close_stale(client, experiment_id)
        run_id = _create_run(client, experiment_id, run_name, tags)
        _log(client, run_id, params=params)
    return run_id


def close_stale_runs(experiment: str) -> int:
    """Set to FAILED the open runs of this host whose process is gone; runs of other hosts are left alone.

    Returns
    -------
    int
        How many were closed.
    """
    client = connect()
    found = client.get_experiment_by_name(experiment)
    return _close_stale(client, found.experiment_id) if found else 0


def log_inputs(
    run_id: str, name: str, source: str, digest: str, columns: Mapping[str, str], rows: int, context: str
) -> None:
    """Write down a data set that a run read.

    Parameters
    ----------
    run_id : str
    name : str
        Such as ``toronto training rows``.
    source : str
        Its address.
    digest : str
        Its hash; MLflow keeps the first 36 characters.
    columns : mapping of str to str
        Kind of each column: ``number``, ``text`` or ``time``.
    rows : int
    context : str
        What it was for: ``snapshot``, ``training``, ``held out``.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    schema = [{"name": column, "type": _KINDS[kind], "required": False} for column, kind in columns.items()]
    data = Dataset(
        name=name,
        digest=digest[:36],
        source_type="s3" if source.startswith("s3://") else "local",
        source=json.dumps({"uri": source}),
        schema=json.dumps({"mlflow_colspec": schema}),
        profile=json.dumps({"num_rows": rows, "num_columns": len(schema)}),
    )
    connect().log_inputs(run_id, [DatasetInput(data, [InputTag("mlflow.data.context", context)])])


def log_candidate(
    parent_run_id: str,
    name: str,
    params: Mapping[str, object],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    folder: Path | None = None,
    seconds: float = 0.0,
) -> str:
    """Write a candidate's finished run under its training; safe to call from several threads.

    Parameters
    ----------
    parent_run_id : str
    name : str
        Such as ``lightgbm / smote``.
    params, metrics, tags : mapping
    folder : Path
        Its files become the run's artifacts.
    seconds : float
        What the candidate took: the run is dated back by it, as it is written once the work is done.

    Returns
    -------
    str
        Id of the run: FINISHED, or FAILED where something was raised in the middle.
    """
    client = connect()
    experiment_id = client.get_run(parent_run_id).info.experiment_id
    run_id = _create_run(client, experiment_id, name, {**tags, _PARENT: parent_run_id}, seconds)
    try:
        _log(client, run_id, params=params, metrics=metrics)
        _log_files(client, run_id, folder)
    except BaseException as error:
        _end(client, run_id, "FAILED", f"{type(error).__name__}: {error}")
        raise
    client.set_terminated(run_id, "FINISHED")
    return run_id


def log_training(
    run_id: str, metrics: Mapping[str, float], tags: Mapping[str, str], folder: Path | None = None
) -> None:
    """Add metrics, tags and a folder's files to the parent run."""
    client = connect()
    _log(client, run_id, metrics=metrics, tags=tags)
    _log_files(client, run_id, folder)


def end_training(run_id: str, status: Literal["FINISHED", "FAILED", "KILLED"], reason: str | None = None) -> None:
    """Close the parent run; the reason is in its tag ``evenhand.ended``."""
    _end(connect(), run_id, status, reason)


def compare_page(parent_run_id: str) -> str:
    """Return the part after the host of the MLflow page that compares a training's candidates."""
    client = connect()
    experiment_id = client.get_run(parent_run_id).info.experiment_id
    runs = _search(client, experiment_id, f"tags.`{_PARENT}` = '{parent_run_id}'")
    ids = json.dumps([run.info.run_id for run in runs], separators=(",", ":"))
    # The page opens on the menu for language models unless told otherwise.
    return f"/#/compare-runs?runs={quote(ids)}&experiments={quote(json.dumps([experiment_id]))}&{_MENU}"


@contextlib.contextmanager
def _store_errors() -> Iterator[None]:
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise EvenhandError(f"the tracking store at {_address()} can't be used: {error}") from error


def _address() -> str:
    """Return the store's address as people may see it: without a password."""
    return re.sub(r"//[^/@]*@", "//***@", settings().mlflow_uri)


def _experiment_id(client: MlflowClient, name: str) -> str:
    from mlflow.exceptions import MlflowException

    if client.get_experiment_by_name(name) is None:
        # Two trainings of a new problem may start together: the second finds what the first made.
        with contextlib.suppress(MlflowException):
            client.create_experiment(name, artifact_location=artifact_location())
    found = client.get_experiment_by_name(name)
    if found is None:
        raise EvenhandError(f"experiment {name!r} can't be created in {_address()}")
    if found.lifecycle_stage != "active":
        raise EvenhandError(
            f"experiment {name!r} is deleted in {_address()}; bring it back with "
            f"`mlflow experiments restore --experiment-id {found.experiment_id}`"
        )
    return found.experiment_id


def _create_run(
    client: MlflowClient, experiment_id: str, name: str, tags: Mapping[str, str], seconds: float = 0.0
) -> str:
    started = int((time.time() - seconds) * 1000)
    run = client.create_run(experiment_id, started, {**_context(), **tags, **owner_tags()}, name)
    return run.info.run_id


@cache
def _context() -> dict[str, str]:
    from mlflow.tracking.context.registry import resolve_tags

    return resolve_tags()


def _log(
    client: MlflowClient,
    run_id: str,
    params: Mapping[str, object] | None = None,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    from mlflow.entities import Metric, Param, RunTag

    now = int(time.time() * 1000)
    numbers = [Metric(key, float(value), now, 0) for key, value in _allowed_names(metrics or {}).items()]
    words = [Param(key, str(value)) for key, value in _allowed_names(params or {}).items()]
    labels = [RunTag(key, str(value)) for key, value in (tags or {}).items()]
    while numbers or words or labels:
        client.log_batch(run_id, numbers[:_METRICS_A_BATCH], words[:_PARAMS_A_BATCH], labels[:_PARAMS_A_BATCH])
        del numbers[:_METRICS_A_BATCH], words[:_PARAMS_A_BATCH], labels[:_PARAMS_A_BATCH]


def _log_files(client: MlflowClient, run_id: str, folder: Path | None) -> None:
    if folder is None:
        return
    # MLflow takes a folder that does not exist for an empty one.
    if not folder.is_dir():
        raise EvenhandError(f"{folder}: no such folder to attach to run {run_id}")
    client.log_artifacts(run_id, str(folder))


def _allowed_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Names with what MLflow refuses replaced: a class may be called ``Theft (over $5000)``."""
    named: dict[str, Any] = {}
    for name, value in values.items():
        allowed = re.sub(r"[^\w.\- :/]", "_", name)
        while allowed in named:
            allowed += "_"
        named[allowed] = value
    return named


def _end(client: MlflowClient, run_id: str, status: str, reason: str | None) -> None:
    if reason:
        client.set_tag(run_id, ENDED, reason)
    client.set_terminated(run_id, status)


def _close_stale(client: MlflowClient, experiment_id: str) -> int:
    runs = _search(client, experiment_id, "attributes.status = 'RUNNING'")
    stale = [run.info.run_id for run in runs if is_stale(run.data.tags)]
    for run_id in stale:
        _end(client, run_id, "FAILED", KILLED)
    return len(stale)


def _search(client: MlflowClient, experiment_id: str, query: str) -> Iterator[Run]:
    token = None
    while True:
        page = client.search_runs([experiment_id], query, order_by=["attributes.start_time DESC"], page_token=token)
        yield from page
        token = page.token
        if not token:
            return
