"""Rollback: the previous champion is restored in one step, by a named person with a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from evenhand.audit.chain import RecordBody, sha256
from evenhand.audit.review_state import ChampionState, champion_state
from evenhand.errors import EvenhandError, GateError
from evenhand.problem import ReviewPolicy
from tasks.registry.champion_alias import add_record, alias_record, reconcile, unfinished_move
from tasks.registry.client import connect
from tasks.registry.ledger_store import Records
from tasks.registry.load_model import load_model
from tasks.registry.model_versions import (
    CHAMPION,
    Registered,
    in_one_line,
    model_exists,
    model_name,
    read_version,
    registry_errors,
)
from tasks.review.reviewers import clean_name, prove_identity, sign

if TYPE_CHECKING:
    from mlflow import MlflowClient

REASON_LENGTH = 1_000


class RollbackRequest(BaseModel):
    """Restore the previous champion. The ledger records who did it, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str = Field(default="toronto", description="problem of the champion, such as toronto")
    reason: str = Field(default="", description="why; required", max_length=REASON_LENGTH)
    reviewer: str = Field(default="", description="name of the person who decides; required")
    signature: str | None = Field(
        default=None, description="signature made on another machine, when the reviewer's key is not on this one"
    )
    code: bool = Field(
        default=False, description="print the code that signs this rollback on another machine, and roll nothing back"
    )


def roll_back(request: RollbackRequest) -> Registered:
    """Restore the previous champion: record a rollback, which moves alias ``champion``.

    A rollback whose process was killed is finished by the same request, and not done twice.

    Returns
    -------
    Registered
        The restored champion.

    Raises
    ------
    GateError
        When the reason or the name is missing, there is no previous champion, or it can't be loaded.
    """
    reason, reviewer = " ".join(request.reason.split()), clean_name(request.reviewer)
    if not reason:
        raise GateError("a rollback needs a reason; the given reason is empty")
    name = model_name(request.problem)
    with registry_errors(f"rolling back {name}"):
        client = connect()
        if not model_exists(client, name):
            raise GateError(f"there is no registered model {name}, so there is nothing to roll back")
        begun = unfinished_move(client, name)
        records = reconcile(client, name)
        if begun is None or (begun.kind, begun.by, begun.reason) != ("rollback", reviewer, reason):
            records = _record_rollback(client, name, reviewer, reason, request.signature)
        return read_version(client, name, champion_state(records).champion)


def rollback_code(request: RollbackRequest) -> str:
    """Sign the current rollback with the key of a declared reviewer, without carrying it out.

    Raises
    ------
    GateError
        When there is nothing to roll back, no reviewers are declared, or the reviewer's key is not on this machine.
    """
    name, reviewer = model_name(request.problem), clean_name(request.reviewer)
    with registry_errors(f"reading {name}"):
        records = reconcile(connect(), name)
    policy = _policy(records)
    if not policy.reviewers:
        raise GateError(f"{request.problem} declares no reviewers, so a rollback of its champion needs no code")
    return sign(policy, reviewer, _digest(name, champion_state(records), reviewer, " ".join(request.reason.split())))


def _digest(name: str, now: ChampionState, reviewer: str, reason: str) -> str:
    if not now.previous:
        raise GateError(f"the ledger of {name} has no previous {CHAMPION}, so there is nothing to roll back to")
    return sha256({"rollback": name, "from": now.champion, "to": now.previous, "by": reviewer, "reason": reason})


def _record_rollback(client: MlflowClient, name: str, reviewer: str, reason: str, signature: str | None) -> Records:
    def decide(records: Records) -> RecordBody | None:
        now = champion_state(records)
        digest = _digest(name, now, reviewer, reason)
        _check_loads(client, name, now.previous)
        proof = prove_identity(_policy(records), reviewer, digest, signature)
        return alias_record("rollback", now.previous, reviewer, reason, {"from": now.champion, **proof})

    return add_record(client, name, decide)


def _check_loads(client: MlflowClient, name: str, version: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.get_model_version(name, version)
        load_model(f"models:/{name}/{version}")
    except (EvenhandError, MlflowException) as error:
        raise GateError(
            f"{name} version {version}, the previous champion, can't be loaded: {in_one_line(error)}"
        ) from None


def _policy(records: Records) -> ReviewPolicy:
    """Return the policy of the latest request: who may approve may also roll back."""
    latest = next((record for record in reversed(records) if record.kind == "request"), None)
    return ReviewPolicy.model_validate_json(latest.facts["policy"]) if latest else ReviewPolicy()
