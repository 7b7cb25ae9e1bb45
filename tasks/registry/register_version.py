"""Registration: a logged model becomes a version of its problem's registered model, and the challenger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from evenhand.audit.chain import RecordBody
from tasks.registry.accounts import training_accounts
from tasks.registry.champion_alias import add_record
from tasks.registry.client import connect
from tasks.registry.digests import DATA_DIGESTS
from tasks.registry.ledger_store import Records
from tasks.registry.model_versions import (
    CHALLENGER,
    CHAMPION,
    IDENTITY,
    TRAINED_BY,
    Registered,
    find_by_identity,
    model_exists,
    model_name,
    read_version,
    registry_errors,
    write_with_retry,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient


def register(
    model_uri: str, run_id: str, problem_name: str, identity: str, tags: Mapping[str, str] | None = None
) -> Registered:
    """Make a logged model a version of its problem's registered model, and the challenger.

    Parameters
    ----------
    model_uri : str
        Address of the logged model, ``models:/m-...``.
    run_id : str
        The run of its training.
    problem_name : str
    identity : str
        Hash of data, config and code. A version with the same identity is returned instead of a new one.
    tags : mapping of str to str
        Further tags of a new version.

    Raises
    ------
    GateError
        When the registry can't be used.
    """
    name = model_name(problem_name)
    with registry_errors(f"registering {name}"):
        client = connect()
        _ensure_model(client, name)
        known = find_by_identity(problem_name, identity)
        version = known.version if known else _create_version(client, name, model_uri, run_id, identity, tags or {})
        _record_registration(client, name, version)
        return _challenge(client, name, version).model_copy(update={"created": known is None})


def _ensure_model(client: MlflowClient, name: str) -> None:
    from mlflow.exceptions import MlflowException

    if model_exists(client, name):
        return
    try:
        client.create_registered_model(name)
    except MlflowException as error:  # created by another training in the meantime
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _create_version(
    client: MlflowClient, name: str, model_uri: str, run_id: str, identity: str, tags: Mapping[str, str]
) -> str:
    model_id = model_uri.removeprefix("models:/") if model_uri.startswith("models:/m-") else None
    tags = {**tags, IDENTITY: identity, TRAINED_BY: training_accounts()}
    made = client.create_model_version(name, source=model_uri, run_id=run_id, tags=tags, model_id=model_id)
    return str(made.version)


def _record_registration(client: MlflowClient, name: str, version: str) -> None:
    def decide(records: Records) -> RecordBody | None:
        if any(r.kind == "registration" and r.version == version for r in records):
            return None
        made = client.get_model_version(name, version)
        names = (IDENTITY, "winner", "training", "synthetic", *DATA_DIGESTS)
        facts = {name: made.tags[name] for name in names if name in made.tags}
        facts |= {"run_id": made.run_id or "", "source": made.source or "", "code": _code_of(client, made.run_id)}
        return RecordBody(kind="registration", version=version, by=made.tags.get(TRAINED_BY, ""), facts=facts)

    add_record(client, name, decide)


def _code_of(client: MlflowClient, run_id: str | None) -> str:
    return str(client.get_run(run_id).data.tags.get("code", "")) if run_id else ""


def _challenge(client: MlflowClient, name: str, version: str) -> Registered:
    """Set alias challenger, except on the champion, which can't challenge itself."""
    if CHAMPION not in read_version(client, name, version).aliases:
        write_with_retry(client.set_registered_model_alias, name, CHALLENGER, version)
    return read_version(client, name, version)
