"""MLflow runs of candidates: one finished child run per candidate under the run of its training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.tracking.client import connect
from tasks.tracking.run_writer import PARENT, create_run, end_run, log_files, log_values


@dataclass(frozen=True)
class CandidateRun:
    """What is logged of a candidate.

    Attributes
    ----------
    name : str
        Such as ``lightgbm / smote``.
    params, metrics, tags : mapping
    folder : Path, optional
        Its files become the run's artifacts.
    seconds : float
        Duration of the fits. The run is written once they are done, so its start is set back by this time.
    """

    name: str
    params: Mapping[str, object]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    folder: Path | None = None
    seconds: float = 0.0


def log_candidate(parent_run_id: str, candidate: CandidateRun) -> str:
    """Log a candidate under its training; safe to call from several threads.

    Returns
    -------
    str
        Id of the run. Its state is FINISHED, or FAILED when logging raised an error.
    """
    client = connect()
    experiment_id = client.get_run(parent_run_id).info.experiment_id
    tags = {**candidate.tags, PARENT: parent_run_id}
    run_id = create_run(client, experiment_id, candidate.name, tags, candidate.seconds)
    try:
        log_values(client, run_id, params=candidate.params, metrics=candidate.metrics)
        log_files(client, run_id, candidate.folder)
    except BaseException as error:
        end_run(client, run_id, "FAILED", f"{type(error).__name__}: {error}")
        raise
    client.set_terminated(run_id, "FINISHED")
    return run_id
