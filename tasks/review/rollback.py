"""Rollback: the champion before this one is put back in one step, by a person with a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from evenhand.audit.chain import Entry, sha256
from evenhand.audit.review_state import Standing, standing
from evenhand.errors import EvenhandError, GateError
from evenhand.problem import ReviewPolicy
from tasks.registry.client import connect
from tasks.registry.ledger import Records, move, settle, transact, unfinished
from tasks.registry.model_store import load_model
from tasks.registry.model_versions import (
    CHAMPION,
    Registered,
    exists,
    in_one_line,
    model_name,
    read_version,
    registry_errors,
)
from tasks.review.reviewers import named, prove, sign

if TYPE_CHECKING:
    from mlflow import MlflowClient

REASON_LENGTH = 1_000


class RollbackRequest(BaseModel):
    """Put the previous champion back. The ledger keeps who did it, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str = Field(default="toronto", description="whose champion, such as toronto")
    reason: str = Field(default="", description="why; needed", max_length=REASON_LENGTH)
    reviewer: str = Field(default="", description="name of the person who decides; needed")
    signature: str | None = Field(
        default=None, description="made elsewhere with the reviewer's key, where that key is not at hand here"
    )
    code: bool = Field(
        default=False, description="roll nothing back: print the code by which this rollback is signed elsewhere"
    )


def roll_back(request: RollbackRequest) -> Registered:
    """Make the previous champion champion again.

    A rollback that was killed half-way is finished when it is asked for again, and not done twice.

    Returns
    -------
    Registered
        The champion now.

    Raises
    ------
    GateError
        Without a reason or a name, without a previous champion, or when that can't be loaded.
    """
    reason, reviewer = " ".join(request.reason.split()), named(request.reviewer)
    if not reason:
        raise GateError("a rollback needs a reason; the one given is empty")
    name = model_name(request.problem)
    with registry_errors(f"rolling back {name}"):
        client = connect()
        if not exists(client, name):
            raise GateError(f"there is no registered model {name}, so there is nothing to roll back")
        begun = unfinished(client, name)
        records = settle(client, name)
        if begun is None or (begun.kind, begun.by, begun.reason) != ("rollback", reviewer, reason):
            records = _add(client, name, reviewer, reason, request.signature)
        return read_version(client, name, standing(records).champion)


def rollback_code(request: RollbackRequest) -> str:
    """Sign the rollback that would be done now with the key of a declared reviewer, and do nothing.

    Raises
    ------
    GateError
        When there is nothing to roll back, no reviewers are declared, or the reviewer's key is not at hand.
    """
    name, reviewer = model_name(request.problem), named(request.reviewer)
    with registry_errors(f"reading {name}"):
        records = settle(connect(), name)
    policy = _policy(records)
    if not policy.reviewers:
        raise GateError(f"{request.problem} declares no reviewers, so a rollback of its champion needs no code")
    return sign(policy, reviewer, _digest(name, standing(records), reviewer, " ".join(request.reason.split())))


def _digest(name: str, now: Standing, reviewer: str, reason: str) -> str:
    if not now.previous:
        raise GateError(f"{name} has no previous {CHAMPION} in its ledger, so there is nothing to roll back to")
    return sha256({"rollback": name, "from": now.champion, "to": now.previous, "by": reviewer, "reason": reason})


def _add(client: MlflowClient, name: str, reviewer: str, reason: str, signature: str | None) -> Records:
    def decide(records: Records) -> Entry | None:
        now = standing(records)
        digest = _digest(name, now, reviewer, reason)
        _check_loads(client, name, now.previous)
        proof = prove(_policy(records), reviewer, digest, signature)
        return move("rollback", now.previous, reviewer, reason, {"from": now.champion, **proof})

    return transact(client, name, decide)


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
    """Find the policy of the latest request: whoever may approve may roll back."""
    asked = next((record for record in reversed(records) if record.kind == "request"), None)
    return ReviewPolicy.model_validate_json(asked.facts["policy"]) if asked else ReviewPolicy()
