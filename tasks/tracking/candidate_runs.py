"""MLflow runs of candidates: one finished child run per candidate under the run of its training.

Each takes three requests, however many metrics it has: files are with the run of the training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.tracking.client import connect
from tasks.tracking.run_writer import PARENT, create_run, end_run, log_values


@dataclass(frozen=True)
class ParentRun:
    """The run that others are logged under."""

    run_id: str
    experiment_id: str


@dataclass(frozen=True)
class CandidateRun:
    """What is logged of a candidate.

    Attributes
    ----------
    name : str
        Such as ``lightgbm / smote``.
    params, metrics, tags : mapping
    seconds : float
        Duration of the fits. The run is written once they are done, so its start is set back by this time.
    """

    name: str
    params: Mapping[str, object]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    seconds: float = 0.0


def parent_run(run_id: str) -> ParentRun:
    """Look up the experiment of a run."""
    return ParentRun(run_id, connect().get_run(run_id).info.experiment_id)


def log_candidate(parent: ParentRun, candidate: CandidateRun) -> ParentRun:
    """Log a candidate under its training; safe to call from several threads.

    Returns
    -------
    ParentRun
        The run, under which others can be logged. Its state is FINISHED, or FAILED when logging raised an error.
    """
    client, tags = connect(), {**candidate.tags, PARENT: parent.run_id}
    run_id = create_run(client, parent.experiment_id, candidate.name, tags, candidate.seconds)
    try:
        log_values(client, run_id, params=candidate.params, metrics=candidate.metrics)
    except BaseException as error:
        end_run(client, run_id, "FAILED", f"{type(error).__name__}: {error}")
        raise
    client.set_terminated(run_id, "FINISHED")
    return ParentRun(run_id, parent.experiment_id)
