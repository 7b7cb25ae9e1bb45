"""The ledger in MLflow: one experiment per registered model, whose run has one parameter per record.

The experiment is called ``evenhand-ledger-<problem>``. MLflow never changes a parameter once it is written, and of two
writers of the same parameter it refuses the second, in SQLite and in PostgreSQL, embedded and behind a server. So the
first writer of record N has appended it, and the other one reads the ledger again. No lock is held that a killed
process could leave behind.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from evenhand.audit.chain import Chain, Head, LedgerError, Record, RecordBody, next_record, read_chain, record_name
from tasks.registry.client import artifact_location
from tasks.registry.model_versions import PREFIX, now

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import RegisteredModel

EXPERIMENT_PREFIX = "evenhand-ledger-"
HEAD = "ledger_head"  # tag of the registered model
RUN = "ledger_run"  # tag of the ledger's experiment
MAX_LENGTH = 6_000  # characters of a record; MLflow truncates a longer parameter without an error

Records = tuple[Record, ...]


def read_ledger(client: MlflowClient, name: str, model: RegisteredModel | None = None) -> Chain:
    """Read and verify the ledger of a registered model.

    Raises
    ------
    LedgerError
        When the ledger was deleted, or its run can't be found.
    """
    model = model or client.get_registered_model(name)
    run_id = _find_run(client, name)
    stored = client.get_run(run_id).data.params if run_id else {}
    return read_chain(name, stored, Head.parse(model.tags.get(HEAD, "")))


def append_record(client: MlflowClient, name: str, records: Records, body: RecordBody) -> bool:
    """Write the record that follows ``records``; False when another process has written it first.

    Raises
    ------
    LedgerError
        When the record is too long for MLflow.
    """
    from mlflow.exceptions import MlflowException

    run_id = _find_run(client, name) or _create_run(client, name)
    record = next_record(records, name, body, now(), uuid.uuid4().hex)
    key, text = record_name(record.seq), record.model_dump_json()
    if len(text) > MAX_LENGTH:
        raise LedgerError(
            f"a record of kind {body.kind} has {len(text):,} characters, which is too long; {MAX_LENGTH:,} are allowed"
        )
    try:
        client.log_param(run_id, key, text)
    except MlflowException:
        # MLflow refused the write, or its answer was lost: what is stored decides.
        stored = client.get_run(run_id).data.params.get(key)
        if stored is None:
            raise
        return bool(stored == text)
    return True


def _find_run(client: MlflowClient, name: str) -> str | None:
    title = EXPERIMENT_PREFIX + name.removeprefix(PREFIX)
    found = client.get_experiment_by_name(title)
    if found is None:
        return None
    if found.lifecycle_stage != "active":
        restore = f"mlflow experiments restore --experiment-id {found.experiment_id}"
        raise LedgerError(f"the ledger of {name} is deleted; restore it with `{restore}`")
    if RUN not in found.tags:
        raise LedgerError(f"experiment {title!r} has no tag {RUN!r}, so the run of the ledger is unknown")
    return str(found.tags[RUN])


def _create_run(client: MlflowClient, name: str) -> str:
    """Create the ledger under a unique name, then rename it: of two processes, one gets the final name."""
    from mlflow.exceptions import MlflowException

    title = EXPERIMENT_PREFIX + name.removeprefix(PREFIX)
    experiment_id = client.create_experiment(f"{title}.{uuid.uuid4().hex}", artifact_location=artifact_location())
    run_id = client.create_run(experiment_id, run_name="ledger", tags={"model": name}).info.run_id
    client.update_run(run_id, status="FINISHED")
    client.set_experiment_tag(experiment_id, RUN, run_id)
    try:
        client.rename_experiment(experiment_id, title)
    except MlflowException:
        client.delete_experiment(experiment_id)
        existing = _find_run(client, name)
        if existing is None:
            raise
        return existing
    return str(run_id)
