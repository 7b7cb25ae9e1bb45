"""Pending reviews, read from the ledger with their case, and the code that signs a decision elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from evenhand.audit.review_state import Request, decision_digest, latest_request, open_requirement
from evenhand.errors import GateError
from evenhand.gate.verdict import Verdict
from tasks.registry.accounts import server_address
from tasks.registry.champion_alias import reconcile
from tasks.registry.client import connect
from tasks.registry.digests import GATE_REPORT
from tasks.registry.model_versions import PREFIX, model_name, registered_problems, registry_errors
from tasks.review.decide import Choice
from tasks.review.requests import (
    expire_request,
    expires_at,
    is_expired,
    is_open,
    not_pending,
    requested_verdict,
    tag_review,
)
from tasks.review.reviewers import clean_name, sign

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion


class PendingReview(BaseModel):
    """A version that waits for a decision, with everything the reviewer needs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str
    name: str
    version: str
    verdict: Verdict
    compared_with: str = Field(description="version of the champion at that time; empty for none")
    filed_at: str
    run_id: str | None = None
    winner: str = Field(default="", description="the candidate that won the training")
    training: str = Field(default="", description="name of the training's folder")
    trained_by: str = Field(default="", description="accounts that trained it")
    reviewers: tuple[str, ...] = Field(default=(), description="who may decide; empty for anybody who gives a name")
    by_account: tuple[str, ...] = Field(default=(), description="reviewers whom the tracking server authenticates")
    approved_by: tuple[str, ...] = ()
    lacks: str = Field(default="", description="what is needed besides the approvals so far")
    request: str = Field(default="", description="hash of the request, to which a decision is bound")
    due: str = Field(default="", description="when it expires (ISO 8601); empty for never")
    report: str = Field(default="", description="address of the gate report: its page in MLflow, or its file")


class ClosedReview(BaseModel):
    """A review that was decided, has expired or is void."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: str
    message: str


def pending_reviews() -> list[PendingReview]:
    """List the pending reviews, oldest first; those that nobody decided in time are closed.

    Raises
    ------
    GateError
        When the registry can't be used, a ledger is broken, or a stored verdict can't be read.
    """
    with registry_errors("listing pending reviews"):
        client = connect()
        waiting = [
            review for problem_name in registered_problems() for review in _pending_of(client, model_name(problem_name))
        ]
        return sorted(waiting, key=lambda review: (review.filed_at, review.name, int(review.version)))


def pending_review(problem_name: str, version: str) -> PendingReview:
    """Read one pending review.

    Raises
    ------
    GateError
        When the version does not exist, or no review of it is pending.
    """
    name = model_name(problem_name)
    with registry_errors(f"reading {name} version {version}"):
        client = connect()
        request = _latest(client, name, version)
        if not is_open(request):
            raise GateError(not_pending(name, version, request))
        return _pending(client, name, request)


def read_review(problem_name: str, version: str) -> PendingReview | ClosedReview:
    """Read the latest review of a version, pending or closed.

    Raises
    ------
    GateError
        When the version does not exist, or a review of it was never requested.
    """
    name = model_name(problem_name)
    with registry_errors(f"reading {name} version {version}"):
        client = connect()
        request = _latest(client, name, version)
        if request is None:
            raise GateError(not_pending(name, version, request))
        if is_open(request):
            return _pending(client, name, request)
    state = {"promoted": "approved"}.get(request.state, request.state)
    reason = f": {request.closed.reason}" if request.closed and request.closed.reason else ""
    return ClosedReview(state=state, message=f"{not_pending(name, version, request)}{reason}")


def approval_code(problem_name: str, version: str, decision: Choice, reviewer: str) -> str:
    """Sign a decision on a pending review with the key of a declared reviewer, without taking it.

    Returns
    -------
    str
        HMAC-SHA256, hexadecimal. It replaces the key where the decision is taken elsewhere.

    Raises
    ------
    GateError
        When no review is pending, no reviewers are declared, or the reviewer's key is not on this machine.
    """
    name, reviewer = model_name(problem_name), clean_name(reviewer)
    with registry_errors(f"reading {name} version {version}"):
        request = _latest(connect(), name, version)
    if not is_open(request):
        raise GateError(not_pending(name, version, request))
    if not request.policy.reviewers:
        raise GateError(f"{problem_name} declares no reviewers, so a decision on it needs no code")
    return sign(request.policy, reviewer, decision_digest(request.record, decision, reviewer))


def _latest(client: MlflowClient, name: str, version: str) -> Request | None:
    client.get_model_version(name, version)
    return _expire_if_due(client, name, latest_request(reconcile(client, name), version))


def _expire_if_due(client: MlflowClient, name: str, request: Request | None) -> Request | None:
    """Close a request that nobody decided in time, in the ledger and in the tags; return its current state."""
    if request is None or not is_expired(request):
        return request
    version = request.record.version
    records = expire_request(client, name, version)
    tag_review(client, name, version, records)
    return latest_request(records, version)


def _pending_of(client: MlflowClient, name: str) -> list[PendingReview]:
    records = reconcile(client, name)
    versions = dict.fromkeys(record.version for record in records if record.kind == "request")
    found = (_expire_if_due(client, name, latest_request(records, version)) for version in versions)
    return [_pending(client, name, request) for request in found if is_open(request)]


def _pending(client: MlflowClient, name: str, request: Request) -> PendingReview:
    version, due = client.get_model_version(name, request.record.version), expires_at(request)
    return PendingReview(
        problem=name.removeprefix(PREFIX),
        name=name,
        version=request.record.version,
        verdict=requested_verdict(version, request),
        compared_with=request.record.facts["compared_with"],
        filed_at=request.record.at,
        run_id=version.run_id or None,
        winner=version.tags.get("winner", ""),
        training=version.tags.get("training", ""),
        trained_by=request.record.facts.get("trained_by", ""),
        reviewers=tuple(reviewer.name for reviewer in request.policy.reviewers),
        by_account=tuple(reviewer.name for reviewer in request.policy.reviewers if reviewer.key is None),
        approved_by=tuple(record.by for record in request.approvals),
        lacks=open_requirement(request) or "",
        request=request.record.hash,
        due=due.isoformat() if due else "",
        report=_report(client, version),
    )


def _report(client: MlflowClient, version: ModelVersion) -> str:
    if not version.run_id or "gate_report_sha256" not in version.tags:
        return ""
    run, server = client.get_run(version.run_id).info, server_address().rstrip("/")
    if not server:
        return f"{run.artifact_uri}/{GATE_REPORT}"
    return f"{server}/#/experiments/{run.experiment_id}/runs/{run.run_id}/artifacts/{GATE_REPORT}"
