"""The way to MLflow: its address from the settings, its telemetry and start-up chatter off."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.settings import settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SQLITE = "sqlite:///"
_VARIABLE = "MLFLOW_TRACKING_URI"


def connect() -> MlflowClient:
    """Return a client of the tracking store in the settings; the embedded one is created where it is missing.

    The fluent functions of ``mlflow`` are pointed to the same store, as logging a model goes through them.
    """
    # Read while mlflow is imported, so it has to stand before.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    import mlflow

    for chatter in ("alembic", "mlflow.store.db.utils", "mlflow.store.model_registry.abstract_store"):
        logging.getLogger(chatter).setLevel(logging.WARNING)
    uri = settings().mlflow_uri
    if uri.startswith(_SQLITE):
        Path(uri.removeprefix(_SQLITE)).parent.mkdir(parents=True, exist_ok=True)
    if mlflow.get_tracking_uri() != uri:
        # MLflow notes it in the environment too, where it would outlive the settings it comes from.
        before = os.environ.get(_VARIABLE)
        mlflow.set_tracking_uri(uri)
        os.environ.pop(_VARIABLE, None)
        if before is not None:
            os.environ[_VARIABLE] = before
    return mlflow.MlflowClient(tracking_uri=uri)


def artifact_location() -> str | None:
    """Where a new experiment keeps its files; None leaves it to the tracking server."""
    folder = settings().artifacts
    return folder.resolve().as_uri() if settings().mlflow_uri.startswith(_SQLITE) else None
