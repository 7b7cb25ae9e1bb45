"""MLflow runs of a training: its parent run is opened, logged to and closed here.

Runs that a killed process left open are closed at the next start.

Runs of candidates are in :mod:`tasks.tracking.candidate_runs`, data sets in :mod:`tasks.tracking.run_inputs`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from evenhand.errors import EvenhandError
from tasks.processes.owner import is_stale
from tasks.settings import settings
from tasks.tracking import pages
from tasks.tracking.client import artifact_location, connect
from tasks.tracking.run_writer import PARENT, create_run, end_run, log_files, log_values, tag_text

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities import Run


GATE_REPORT = "gate_report.html"  # file of the run that trained the version
KILLED = "killed: closed by the next start"
MOST_COMPARED = 25


def start_training(experiment: str, run_name: str, params: Mapping[str, object], tags: Mapping[str, str]) -> str:
    """Open the parent run of a training; runs that a killed process left open are closed first.

    Parameters
    ----------
    experiment : str
        Created when it does not exist.
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
        run_id = create_run(client, experiment_id, run_name, tags)
        log_values(client, run_id, params=params)
    return run_id


def close_stale_runs(experiment: str) -> int:
    """Set to KILLED the open runs of this host whose process is gone; runs of other hosts are left alone.

    Returns
    -------
    int
        Number of runs that were closed.
    """
    client = connect()
    found = client.get_experiment_by_name(experiment)
    return _close_stale(client, found.experiment_id) if found else 0


def log_training(
    run_id: str, metrics: Mapping[str, float], tags: Mapping[str, str], folder: Path | None = None
) -> None:
    """Add metrics, tags and a folder's files to the parent run."""
    client = connect()
    log_values(client, run_id, metrics=metrics, tags=tags)
    log_files(client, run_id, folder)


def log_file(run_id: str, path: Path) -> None:
    """Log a file to the parent run, in the place of one of the same name."""
    connect().log_artifact(run_id, str(path))


def log_tables(run_id: str, tables: Mapping[str, pd.DataFrame]) -> None:
    """Log tables to the parent run, which its page shows; by the name of their file without ``.json``."""
    client = connect()
    for name, table in tables.items():
        client.log_table(run_id, table, f"tables/{name}.json")


def describe_experiment(run_id: str, text: str) -> None:
    """Set the description of a run's experiment."""
    client = connect()
    client.set_experiment_tag(client.get_run(run_id).info.experiment_id, pages.NOTE, tag_text(text))


def end_training(run_id: str, status: Literal["FINISHED", "FAILED", "KILLED"], reason: str | None = None) -> None:
    """Close the parent run; the reason goes to its tag ``evenhand.ended``."""
    end_run(connect(), run_id, status, reason)


def compare_page(parent_run_id: str) -> str:
    """Return the path of the MLflow page that compares a training's candidates, without the host.

    These are the ``MOST_COMPARED`` best, by macro-F1: a page can't show more.
    """
    client = connect()
    experiment_id = client.get_run(parent_run_id).info.experiment_id
    query, best = f"tags.`{PARENT}` = '{parent_run_id}'", ["metrics.oof_macro_f1 DESC"]
    runs = client.search_runs([experiment_id], query, order_by=best, max_results=MOST_COMPARED)
    return pages.compare_page(experiment_id, [run.info.run_id for run in runs])


@contextlib.contextmanager
def _store_errors() -> Iterator[None]:
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise EvenhandError(f"the tracking store at {public_address()} can't be used: {error}") from error


def public_address() -> str:
    """Return the store's address without user name and password."""
    return re.sub(r"//[^/@]*@", "//***@", settings().mlflow_uri)


def _experiment_id(client: MlflowClient, name: str) -> str:
    from mlflow.exceptions import MlflowException

    if client.get_experiment_by_name(name) is None:
        # Two trainings of a new problem may start at once: one creates the experiment, the other finds it.
        with contextlib.suppress(MlflowException):
            client.create_experiment(name, artifact_location=artifact_location())
    found = client.get_experiment_by_name(name)
    if found is None:
        raise EvenhandError(f"experiment {name!r} can't be created in {public_address()}")
    if found.lifecycle_stage != "active":
        raise EvenhandError(
            f"experiment {name!r} is deleted in {public_address()}; restore it with "
            f"`mlflow experiments restore --experiment-id {found.experiment_id}`"
        )
    return found.experiment_id


def _close_stale(client: MlflowClient, experiment_id: str) -> int:
    runs = _search(client, experiment_id, "attributes.status = 'RUNNING'")
    stale = [run.info.run_id for run in runs if is_stale(run.data.tags)]
    for run_id in stale:
        end_run(client, run_id, "KILLED", KILLED)
    return len(stale)


def _search(client: MlflowClient, experiment_id: str, query: str) -> Iterator[Run]:
    token = None
    while True:
        page = client.search_runs([experiment_id], query, order_by=["attributes.start_time DESC"], page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def fetch_gate_report(run_id: str | None, folder: Path) -> None:
    """Copy the gate report of a run into a training's folder, so that its pages can link to it; there may be none."""
    client = connect()
    if run_id and any(found.path == GATE_REPORT for found in client.list_artifacts(run_id)):
        client.download_artifacts(run_id, GATE_REPORT, str(folder))
