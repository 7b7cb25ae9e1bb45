"""Registry: a trained model becomes a version, is judged against the champion, and takes its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from evenhand.audit.chain import Entry
from tasks.registry.accounts import who_trains
from tasks.registry.client import connect
from tasks.registry.digests import DATA
from tasks.registry.ledger import Records, transact
from tasks.registry.model_versions import (
    CHALLENGER,
    CHAMPION,
    IDENTITY,
    TRAINED_BY,
    Registered,
    exists,
    find_identity,
    firmly,
    model_name,
    read_version,
    registry_errors,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from evenhand.scoring.model import FittedCandidate


def register(
    model_uri: str, run_id: str, problem_name: str, identity: str, tags: Mapping[str, str] | None = None
) -> Registered:
    """Make a logged model a version of its problem's registered model, and the challenger.

    Parameters
    ----------
    model_uri : str
        ``models:/m-...`` as logging it returned.
    run_id : str
        The training it comes from.
    problem_name : str
    identity : str
        Hash of data, config and code; the version that has it already is returned instead of a new one.
    tags : mapping of str to str
        More to write on a new version.

    Raises
    ------
    GateError
        When the registry can't be used.
    """
    name = model_name(problem_name)
    with registry_errors(f"registering {name}"):
        client = connect()
        _ensure_model(client, name)
        known = find_identity(problem_name, identity)
        version = known.version if known else _create_version(client, name, model_uri, run_id, identity, tags or {})
        _note_registration(client, name, version)
        return _challenge(client, name, version).model_copy(update={"created": known is None})


def load_version(name: str, version: str) -> FittedCandidate:
    """Load a registered version; see :func:`tasks.registry.model_store.load_model` for what it refuses."""
    from tasks.registry.model_store import load_model

    return load_model(f"models:/{name}/{version}")


# --- parts of registering -------------------------------------------------------------------------------------------


def _ensure_model(client: MlflowClient, name: str) -> None:
    from mlflow.exceptions import MlflowException

    if exists(client, name):
        return
    try:
        client.create_registered_model(name)
    except MlflowException as error:  # another training was quicker
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _create_version(
    client: MlflowClient, name: str, model_uri: str, run_id: str, identity: str, tags: Mapping[str, str]
) -> str:
    model_id = model_uri.removeprefix("models:/") if model_uri.startswith("models:/m-") else None
    tags = {**tags, IDENTITY: identity, TRAINED_BY: who_trains()}
    made = client.create_model_version(name, source=model_uri, run_id=run_id, tags=tags, model_id=model_id)
    return str(made.version)


def _note_registration(client: MlflowClient, name: str, version: str) -> None:
    def decide(records: Records) -> Entry | None:
        if any(r.kind == "registration" and r.version == version for r in records):
            return None
        made = client.get_model_version(name, version)
        told = (IDENTITY, "winner", "training", "synthetic", *DATA)
        facts = {key: made.tags[key] for key in told if key in made.tags}
        facts |= {"run_id": made.run_id or "", "source": made.source or "", "code": _code_of(client, made.run_id)}
        return Entry(kind="registration", version=version, by=made.tags.get(TRAINED_BY, ""), facts=facts)

    transact(client, name, decide)


def _code_of(client: MlflowClient, run_id: str | None) -> str:
    return str(client.get_run(run_id).data.tags.get("code", "")) if run_id else ""


def _challenge(client: MlflowClient, name: str, version: str) -> Registered:
    """Set alias challenger, but not on the champion: it can't challenge itself."""
    if CHAMPION not in read_version(client, name, version).aliases:
        firmly(client.set_registered_model_alias, name, CHALLENGER, version)
    return read_version(client, name, version)
