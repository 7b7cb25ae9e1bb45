"""The MLflow client: its address comes from the settings; telemetry and start-up messages are off."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.settings import settings
from tasks.tracking.embedded_store import prepare_database

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SQLITE = "sqlite:///"
_VARIABLE = "MLFLOW_TRACKING_URI"


def connect() -> MlflowClient:
    """Return a client of the tracking store in the settings; the embedded store is created when it is missing.

    The fluent functions of ``mlflow`` are pointed at the same store, because logging a model uses them.
    """
    # MLflow reads these variables when it is imported.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    import mlflow

    for verbose in ("alembic", "mlflow.store.db.utils", "mlflow.store.model_registry.abstract_store"):
        logging.getLogger(verbose).setLevel(logging.WARNING)
    uri = settings().mlflow_uri
    if uri.startswith(_SQLITE):
        prepare_database(Path(uri.removeprefix(_SQLITE)))
    if mlflow.get_tracking_uri() != uri:
        # MLflow also writes the address to the environment, where it would override later settings.
        before = os.environ.get(_VARIABLE)
        mlflow.set_tracking_uri(uri)
        os.environ.pop(_VARIABLE, None)
        if before is not None:
            os.environ[_VARIABLE] = before
    return mlflow.MlflowClient(tracking_uri=uri)


def artifact_location() -> str | None:
    """Return where a new experiment stores its files; None leaves the choice to the tracking server.

    With a database, whichever it is, no server is there to choose, and MLflow itself would take ``./mlruns``.
    """
    return None if served() else settings().artifacts.resolve().as_uri()


def served() -> bool:
    """Whether a tracking server is asked; a database is written by this process."""
    return settings().mlflow_uri.startswith(("http://", "https://"))
