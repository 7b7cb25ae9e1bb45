"""Registered versions as the ledger knows them: their bytes, their creation and the facts of their training.

A version's tags repeat the facts for people who open it in MLflow. They are checked against the ledger and decide
nothing; a version without a registration in the ledger, such as one made by hand, is never judged or loaded.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evenhand.audit.chain import Record
from evenhand.audit.requests import MODEL_SHA256
from evenhand.audit.review_state import Promoted, champion_state, find_registration
from evenhand.errors import EvenhandError, GateError
from tasks.registry.load_model import fetch_model
from tasks.registry.model_versions import CHAMPION, ModelName, find_version, model_exists, short_name
from tasks.registry.store_model import LoggedModel

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion


CREATED, TAGS = "created", "tags"
_TRAIN_AGAIN = "Train again to register a version of its own"


def registered_facts(version: ModelVersion, logged: LoggedModel, tags: Mapping[str, str]) -> dict[str, str]:
    """Return what the ledger records of a new version; ``tags`` are the facts of its training."""
    return {
        MODEL_SHA256: logged.sha256,
        "bytes": str(logged.bytes),
        CREATED: str(version.creation_timestamp),
        "run_id": version.run_id or "",
        "source": version.source or "",
        TAGS: json.dumps(dict(tags), sort_keys=True),
    }


def training_facts(registration: Record) -> dict[str, str]:
    """Return the facts of the training that a version comes from, as recorded when it was registered."""
    found: dict[str, str] = json.loads(registration.facts.get(TAGS, "{}"))
    return found


def identified(
    client: MlflowClient, records: Sequence[Record], name: ModelName, version: str
) -> tuple[Record, ModelVersion]:
    """Return the registration of a version, and the version, when MLflow still has the one that was registered.

    Raises
    ------
    GateError
        When the ledger has no registration of it, or the version was deleted or made again.
    """
    registration = find_registration(records, version)
    title = f"{name} version {version}"
    found = find_version(client, name, version)
    if found is None:
        raise GateError(f"{title} does not exist in MLflow. {_TRAIN_AGAIN}")
    if registration is None or MODEL_SHA256 not in registration.facts:
        raise GateError(f"{title} is not in the ledger: no training has registered it. {_TRAIN_AGAIN}")
    if str(found.creation_timestamp) != registration.fact(CREATED):
        raise GateError(f"{title} is not the one in the ledger: it was made again in MLflow. {_TRAIN_AGAIN}")
    return registration, found


def changed_tags(registration: Record, version: ModelVersion) -> dict[str, str]:
    """Return the tags that differ from the facts of the registration, with the values of the registration."""
    facts = training_facts(registration)
    return {tag: value for tag, value in facts.items() if version.tags.get(tag, "") != value}


def promoted_facts(records: Sequence[Record], promoted: Promoted | None) -> dict[str, str]:
    """Return the facts of the training that the champion comes from; empty for none, and for a sealed one."""
    if promoted is None or promoted.move.kind == "seal":
        return {}
    registration = find_registration(records[: promoted.move.seq], promoted.version)
    return training_facts(registration) if registration else {}


def registration_of(client: MlflowClient, records: Sequence[Record], name: ModelName, version: str) -> Record:
    """Return the registration of a version that is in MLflow as it was registered.

    Raises
    ------
    GateError
        As :func:`identified`, and when a tag was changed.
    """
    registration, found = identified(client, records, name, version)
    for tag, value in changed_tags(registration, found).items():
        raise GateError(
            f"tag {tag} of {name} version {version} is {found.tags.get(tag, 'deleted')!r}, and the ledger has "
            f"{value!r}: it was changed by hand. `make ledger PROBLEM={short_name(name)} ARGS=--restore` puts it back"
        )
    return registration


def check_files(name: ModelName, version: str, sha256: str) -> None:
    """Check that the files of a version are those that were registered.

    Raises
    ------
    EvenhandError
    """
    with tempfile.TemporaryDirectory() as folder:
        fetch_model(f"models:/{name}/{version}", Path(folder), sha256)


def find_equal(client: MlflowClient, records: Sequence[Record], name: ModelName, identity: str) -> Record | None:
    """Find the registration of the same data, config and code, when its version is still as it was registered."""
    for record in records:
        if record.kind != "registration" or record.facts.get("identity") != identity:
            continue
        try:
            registration = registration_of(client, records, name, record.version)
            if registration.hash == record.hash:
                check_files(name, record.version, record.fact(MODEL_SHA256))
                return record
        except EvenhandError:
            continue  # it was deleted or changed: the training is registered again
    return None


def standing_champion(client: MlflowClient, records: Sequence[Record], name: ModelName) -> Promoted | None:
    """Return the champion of the ledger, when MLflow has the same.

    Raises
    ------
    GateError
        When alias or version differ from the ledger; the message says how to put them in order.
    """
    promoted = champion_state(records).current
    fault = champion_fault(client, promoted, name)
    if fault is None:
        return promoted
    version = f"version {promoted.version} as champion (record {promoted.move.seq})" if promoted else "no champion"
    raise GateError(f"the ledger of {name} has {version}, but {fault}")


def champion_fault(client: MlflowClient, promoted: Promoted | None, name: ModelName) -> str | None:
    """Say how MLflow's champion differs from the ledger's, and how to put it in order; None when it does not."""
    command = f"PROBLEM={short_name(name)}"
    restore = f"`make ledger {command} ARGS=--restore` puts the alias back"
    model = client.get_registered_model(name) if model_exists(client, name) else None
    alias = model.aliases.get(CHAMPION) if model else None
    if promoted is None:
        return None if alias is None else f"alias {CHAMPION} points to version {alias}, by hand: {restore}"
    lost = _lost(find_version(client, name, promoted.version) if model else None, promoted)
    if lost is not None:
        return f"{lost}: `make rollback {command}` restores the champion before it, or leaves none (--leave-none)"
    if alias is None:
        return f"alias {CHAMPION} was deleted in MLflow: {restore}"
    return None if str(alias) == promoted.version else f"alias {CHAMPION} points to version {alias}: {restore}"


def _lost(found: ModelVersion | None, promoted: Promoted) -> str | None:
    if found is None:
        return "that version was deleted in MLflow"
    made_again = str(found.creation_timestamp) != promoted.created
    return f"version {promoted.version} was made again in MLflow and is another one" if made_again else None
