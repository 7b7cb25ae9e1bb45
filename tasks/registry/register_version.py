"""Registration: a logged model becomes a version of a registered model, and the challenger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from evenhand.audit.chain import Record, RecordBody
from tasks.registry.accounts import training_accounts
from tasks.registry.champion_alias import add_record, reconcile
from tasks.registry.ledger_store import Records
from tasks.registry.model_versions import (
    CHALLENGER,
    CHAMPION,
    IDENTITY,
    TRAINED_BY,
    ModelName,
    Registered,
    model_exists,
    read_version,
    registry_errors,
    write_with_retry,
)
from tasks.registry.registrations import find_equal, registered_facts
from tasks.registry.store_model import LoggedModel
from tasks.tracking.client import connect

if TYPE_CHECKING:
    from mlflow import MlflowClient


def find_registered(name: ModelName, identity: str) -> Registered | None:
    """Find the version of the same data, config and code; None when there is none, or it is not as it was registered.

    Raises
    ------
    GateError
        When the ledger is broken, or the registry can't be used.
    """
    with registry_errors(f"looking for an equal version of {name}"):
        client = connect()
        if not model_exists(client, name):
            return None
        known = find_equal(client, reconcile(client, name), name, identity)
        return _challenge(client, name, known.version) if known else None


def register(
    logged: LoggedModel, run_id: str, name: ModelName, identity: str, tags: Mapping[str, str] | None = None
) -> Registered:
    """Make a logged model a version of a registered model, and the challenger.

    Parameters
    ----------
    logged : LoggedModel
    run_id : str
        The run of its training.
    name : ModelName
    identity : str
        Hash of data, config and code; see :func:`find_registered`.
    tags : mapping of str to str
        Facts of its training. They are recorded in the ledger, and repeated as tags of the version for its readers.

    Raises
    ------
    GateError
        When the registry can't be used.
    """
    with registry_errors(f"registering {name}"):
        client = connect()
        _ensure_model(client, name)
        _remove_unrecorded(client, name, identity)
        facts = {**(tags or {}), IDENTITY: identity, TRAINED_BY: training_accounts()}
        model_id = logged.uri.removeprefix("models:/")
        made = client.create_model_version(name, source=logged.uri, run_id=run_id, tags=facts, model_id=model_id)
        code = str(client.get_run(run_id).data.tags.get("code", ""))
        recorded = registered_facts(made, logged, facts) | {IDENTITY: identity, "code": code}
        body = RecordBody(kind="registration", version=str(made.version), by=facts[TRAINED_BY], facts=recorded)

        def decide(records: Records) -> RecordBody | None:
            return None if any(_is_of(record, body) for record in records) else body

        add_record(client, name, decide)
        return _challenge(client, name, str(made.version)).model_copy(update={"created": True})


def _is_of(record: Record, body: RecordBody) -> bool:
    return record.kind == "registration" and record.version == body.version and record.facts == body.facts


def _remove_unrecorded(client: MlflowClient, name: ModelName, identity: str) -> None:
    """Remove versions of the same training that a killed process made and could not record: they count for nothing."""
    recorded = {record.version for record in reconcile(client, name) if record.kind == "registration"}
    for version in client.search_model_versions(f"name = '{name}'"):
        own = version.tags.get(IDENTITY) == identity and str(version.version) not in recorded
        # A run that is open is that of a training which is about to record its version.
        if own and version.run_id and client.get_run(version.run_id).info.status != "RUNNING":
            client.delete_model_version(name, version.version)


def _ensure_model(client: MlflowClient, name: ModelName) -> None:
    from mlflow.exceptions import MlflowException

    if model_exists(client, name):
        return
    try:
        client.create_registered_model(name)
    except MlflowException as error:  # created by another training in the meantime
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _challenge(client: MlflowClient, name: ModelName, version: str) -> Registered:
    """Set alias challenger, except on the champion, which can't challenge itself."""
    if CHAMPION not in read_version(client, name, version).aliases:
        write_with_retry(client.set_registered_model_alias, name, CHALLENGER, version)
    return read_version(client, name, version)
