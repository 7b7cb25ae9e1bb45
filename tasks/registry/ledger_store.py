"""The ledger in MLflow: one experiment per registered model, whose run has one parameter per record.

The experiment is called ``evenhand-ledger-<problem>``. MLflow never changes a parameter once it is written, and of two
writers of the same parameter it refuses the second, in SQLite and in PostgreSQL, embedded and behind a server. So the
first writer of record N has appended it, and the other one reads the ledger again. No lock is held that a killed
process could leave behind. Texts that are too long for a record, such as a verdict, are further parameters of the run,
named after their hash, which the record has. Every record is in the witness, too.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from evenhand.audit.chain import Chain, Head, LedgerError, Record, RecordBody, next_record, read_chain, record_name
from tasks.registry.model_versions import PREFIX, now
from tasks.registry.witness import add_entry, address, catch_up, compare, witnessed, written_hashes
from tasks.tracking.client import artifact_location

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import RegisteredModel

EXPERIMENT_PREFIX = "evenhand-ledger-"
HEAD = "ledger_head"  # tag of the registered model
RUN = "ledger_run"  # tag of the ledger's experiment
TEXT = "text"  # first part of the names of parameters that hold a text
MAX_LENGTH = 6_000  # characters of a parameter; MLflow truncates a longer one without an error
PARAMS_AT_ONCE = 100  # the limit of MLflow

Records = tuple[Record, ...]


def read_ledger(client: MlflowClient, name: str, model: RegisteredModel | None) -> Chain:
    """Read and verify the ledger of a registered model, which is None when it was deleted or not made yet.

    Raises
    ------
    LedgerError
        When the ledger was deleted, or its run can't be found.
    StorageError
        When the witness can't be used.
    """
    entries = witnessed(name)  # before the records, so that one which is appended meanwhile does not seem to be missing
    tags = model.tags if model else {}
    run_id = _find_run(client, name)
    stored = client.get_run(run_id).data.params if run_id else {}
    records = {key: text for key, text in stored.items() if key.isdecimal()}
    chain = read_chain(name, records, Head.parse(tags.get(HEAD, "")))
    fault = chain.fault or compare(chain.records, entries)
    if fault is None:
        if any(record.hash not in written_hashes(entries) for record in chain.records):
            entries = witnessed(name)  # a record is announced before it is appended, so it is there by now
        catch_up(chain.records, entries)
        return replace(chain, written=written_hashes(entries))
    if run_id is None:
        fault += (
            f". There is no experiment {_title(name)!r}: it was renamed or deleted for good. Restore it from a backup; "
            f"if you have started with an empty MLflow yourself, remove {address()}/{name} as well"
        )
    return Chain(chain.records, fault if name in fault else f"the ledger of {name} was changed: {fault}")


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
    add_entry(record, "announced")
    try:
        client.log_param(run_id, key, text)
    except MlflowException:
        # MLflow refused the write, or its answer was lost: what is stored decides.
        stored = client.get_run(run_id).data.params.get(key)
        if stored is None:
            raise
        if stored != text:
            return False
    add_entry(record, "written")
    return True


def store_text(client: MlflowClient, name: str, text: str) -> str:
    """Store a text beside the records, and return its SHA-256, by which a record refers to it."""
    from mlflow.entities import Param

    run_id = _find_run(client, name) or _create_run(client, name)
    digest, parts = text_sha256(text), [text[i : i + MAX_LENGTH] for i in range(0, len(text), MAX_LENGTH)]
    params = [Param(f"{TEXT}.{digest}.{record_name(i)}", part) for i, part in enumerate(parts)]
    for start in range(0, len(params), PARAMS_AT_ONCE):
        client.log_batch(run_id, params=params[start : start + PARAMS_AT_ONCE])
    return digest


def read_text(client: MlflowClient, name: str, digest: str) -> str:
    """Read a text that :func:`store_text` stored.

    Raises
    ------
    LedgerError
        When it is missing or has another hash.
    """
    run_id, prefix = _find_run(client, name), f"{TEXT}.{digest}."
    stored = client.get_run(run_id).data.params if run_id else {}
    text = "".join(stored[key] for key in sorted(stored) if key.startswith(prefix))
    if text_sha256(text) != digest:
        raise LedgerError(f"the ledger of {name} lacks the text with SHA-256 {digest}, or has another in its place")
    return text


def log_file(client: MlflowClient, name: str, path: Path, folder: str) -> None:
    """Add a file to the run of the ledger; the record that refers to it has its hash."""
    client.log_artifact(_find_run(client, name) or _create_run(client, name), str(path), folder)


def fetch_file(client: MlflowClient, name: str, path: str, target: Path) -> Path | None:
    """Fetch a file of the run of the ledger; None when it is missing."""
    from mlflow.exceptions import MlflowException

    run_id = _find_run(client, name)
    try:
        return Path(client.download_artifacts(run_id, path, str(target))) if run_id else None
    except (MlflowException, OSError):
        return None


def text_sha256(text: str) -> str:
    """Return the SHA-256 of a text, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def _title(name: str) -> str:
    return EXPERIMENT_PREFIX + name.removeprefix(PREFIX)


def _find_run(client: MlflowClient, name: str) -> str | None:
    title = _title(name)
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

    title = _title(name)
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
