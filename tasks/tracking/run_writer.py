"""Writing to an MLflow run: create it, log values and files, close it; for runs of trainings and of candidates."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.errors import EvenhandError
from evenhand.text.printable import printable
from tasks.processes.owner import owner_tags

if TYPE_CHECKING:
    from mlflow import MlflowClient

ENDED = "evenhand.ended"
TAG_LENGTH = 8_000  # the limit of MLflow, of descriptions too
PARENT = "mlflow.parentRunId"
_METRICS_PER_BATCH, _PARAMS_PER_BATCH = 800, 100


def create_run(
    client: MlflowClient, experiment_id: str, name: str, tags: Mapping[str, str], seconds: float = 0.0
) -> str:
    """Create a run in state RUNNING that names this process; ``seconds`` sets its start back."""
    started = int((time.time() - seconds) * 1000)
    own = {key: tag_text(value) for key, value in tags.items()}
    run = client.create_run(experiment_id, started, {**_context(), **own, **owner_tags()}, name)
    return run.info.run_id


def log_values(
    client: MlflowClient,
    run_id: str,
    params: Mapping[str, object] | None = None,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Log any number of parameters, metrics and tags to a run, in batches that MLflow accepts."""
    from mlflow.entities import Metric, Param, RunTag

    now = int(time.time() * 1000)
    pending_metrics = [Metric(key, float(value), now, 0) for key, value in _allowed_names(metrics or {}).items()]
    pending_params = [Param(key, str(value)) for key, value in _allowed_names(params or {}).items()]
    pending_tags = [RunTag(key, tag_text(value)) for key, value in (tags or {}).items()]
    while pending_metrics or pending_params or pending_tags:
        client.log_batch(
            run_id,
            pending_metrics[:_METRICS_PER_BATCH],
            pending_params[:_PARAMS_PER_BATCH],
            pending_tags[:_PARAMS_PER_BATCH],
        )
        del pending_metrics[:_METRICS_PER_BATCH], pending_params[:_PARAMS_PER_BATCH], pending_tags[:_PARAMS_PER_BATCH]


def log_files(client: MlflowClient, run_id: str, folder: Path | None) -> None:
    """Log the files of a folder as artifacts of a run; None logs nothing.

    Raises
    ------
    EvenhandError
        When the folder does not exist.
    """
    if folder is None:
        return
    # MLflow would treat a missing folder as an empty one.
    if not folder.is_dir():
        raise EvenhandError(f"{folder}: no such folder; its files belong to run {run_id}")
    client.log_artifacts(run_id, str(folder))


def end_run(client: MlflowClient, run_id: str, status: str, reason: str | None) -> None:
    """Close a run, with the reason in its tag ``evenhand.ended``."""
    if reason:
        client.set_tag(run_id, ENDED, tag_text(reason))
    client.set_terminated(run_id, status)


def tag_text(value: object) -> str:
    """Return a value as a tag: what a page would obey is escaped, and what no store takes is cut off."""
    return printable(str(value), lines=True)[:TAG_LENGTH]


@cache
def _context() -> dict[str, str]:
    from mlflow.tracking.context.registry import resolve_tags

    return resolve_tags()


def _allowed_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Replace the characters in names that MLflow refuses: a class may be called ``Theft (over $5000)``."""
    allowed_values: dict[str, Any] = {}
    for name, value in values.items():
        allowed = re.sub(r"[^\w.\- :/]", "_", name)
        while allowed in allowed_values:
            allowed += "_"
        allowed_values[allowed] = value
    return allowed_values
