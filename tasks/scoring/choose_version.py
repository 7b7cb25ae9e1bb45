"""Which version scores: the champion of the ledger, or one that the ledger has."""

from __future__ import annotations

from typing import NamedTuple

from evenhand.audit.requests import MODEL_SHA256
from evenhand.errors import GateError
from tasks.registry.champion_alias import reconcile, settled_champion
from tasks.registry.model_versions import ModelName, registry_errors
from tasks.registry.registrations import registration_of
from tasks.tracking.client import connect


class NoChampion(GateError):
    """Ledger and MLflow agree that no version is champion."""


class ChosenVersion(NamedTuple):
    """The version to score with, and the digest of its files in the ledger."""

    name: ModelName
    version: str
    run_id: str | None
    model_sha256: str


def choose_version(name: ModelName, version: str | None = None) -> ChosenVersion:
    """Choose the champion of the ledger, or the requested version when the ledger has it.

    Raises
    ------
    NoChampion
    GateError
        When MLflow has another champion than the ledger, or the registry can't be used.
    """
    with registry_errors(f"looking for the champion of {name}"):
        client = connect()
        if version is not None:
            records = reconcile(client, name)
            registration = registration_of(client, records, name, version)
            run_id = registration.fact("run_id") or None
            return ChosenVersion(name, version, run_id, registration.fact(MODEL_SHA256))
        promoted = settled_champion(client, name)[1]
        if promoted is None:
            raise NoChampion(f"{name} has no champion: approve a version (make review), or choose one with --version")
        run_id = client.get_model_version(name, promoted.version).run_id or None
    return ChosenVersion(name, promoted.version, run_id, promoted.model_sha256)
