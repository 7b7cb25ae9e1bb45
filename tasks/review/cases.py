"""Cases for review: what waits for a decision, what came of it, and the code that stands for a reviewer's key."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from pydantic import BaseModel, ConfigDict, Field

from evenhand.audit.review_state import Request, decision_digest, missing, request_for
from evenhand.errors import GateError
from evenhand.gate.verdict import Verdict
from tasks.registry.accounts import server_address
from tasks.registry.client import connect
from tasks.registry.digests import GATE_REPORT
from tasks.registry.ledger import known_models, settle
from tasks.registry.model_versions import PREFIX, model_name, registry_errors
from tasks.review.decide import Choice, closed
from tasks.review.requests import due_at, expire, is_due, show, verdict_of
from tasks.review.reviewers import named, sign

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion


class PendingReview(BaseModel):
    """A version that waits for a decision, with its case."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str
    name: str
    version: str
    verdict: Verdict
    compared_with: str = Field(description="version of the champion it was held against; empty for none")
    filed_at: str
    run_id: str | None = None
    winner: str = Field(default="", description="the candidate that won the training")
    training: str = Field(default="", description="name of the training's folder")
    trained_by: str = Field(default="", description="accounts of who trained it")
    reviewers: tuple[str, ...] = Field(default=(), description="who may decide; empty: anybody who gives a name")
    by_account: tuple[str, ...] = Field(default=(), description="those of them who the tracking server tells apart")
    approved_by: tuple[str, ...] = ()
    lacks: str = Field(default="", description="what else is needed")
    request: str = Field(default="", description="hash of the request; a decision is bound to it")
    due: str = Field(default="", description="when it expires (ISO 8601); empty for never")
    report: str = Field(default="", description="address of the gate report: its page in MLflow, or its file")


class ClosedReview(BaseModel):
    """What came of a review."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: str
    told: str


def pending_reviews() -> list[PendingReview]:
    """List what waits for a decision, oldest first; what nobody answered in time is rejected on the way.

    Raises
    ------
    GateError
        When the registry can't be used, a ledger is broken, or a stored verdict can't be read.
    """
    with registry_errors("listing pending reviews"):
        client = connect()
        waiting = [
            review for problem_name in known_models() for review in _pending_of(client, model_name(problem_name))
        ]
        return sorted(waiting, key=lambda review: (review.filed_at, review.name, int(review.version)))


def find_pending(problem_name: str, version: str) -> PendingReview:
    """Read one pending review.

    Raises
    ------
    GateError
        When that version does not exist or waits for no decision.
    """
    name = model_name(problem_name)
    with registry_errors(f"reading {name} version {version}"):
        client = connect()
        request = _latest(client, name, version)
        if not is_open(request):
            raise GateError(closed(name, version, request))
        return _pending(client, name, request)


def read_review(problem_name: str, version: str) -> PendingReview | ClosedReview:
    """Read a review that waits, or what came of one that waits no more.

    Raises
    ------
    GateError
        When that version does not exist or nobody ever asked for a review of it.
    """
    name = model_name(problem_name)
    with registry_errors(f"reading {name} version {version}"):
        client = connect()
        request = _latest(client, name, version)
        if request is None:
            raise GateError(closed(name, version, request))
        if is_open(request):
            return _pending(client, name, request)
    state = {"promoted": "approved"}.get(request.state, request.state)
    why = f": {request.closed.reason}" if request.closed and request.closed.reason else ""
    return ClosedReview(state=state, told=f"{closed(name, version, request)}{why}")


def approval_code(problem_name: str, version: str, decision: Choice, reviewer: str) -> str:
    """Sign a decision on a pending review with the key of a declared reviewer, and decide nothing.

    Returns
    -------
    str
        HMAC-SHA256, hexadecimal: what stands for the key where the decision is taken elsewhere.

    Raises
    ------
    GateError
        When nothing is pending, no reviewers are declared, or the reviewer's key is not at hand.
    """
    name, reviewer = model_name(problem_name), named(reviewer)
    with registry_errors(f"reading {name} version {version}"):
        request = _latest(connect(), name, version)
    if not is_open(request):
        raise GateError(closed(name, version, request))
    if not request.policy.reviewers:
        raise GateError(f"{problem_name} declares no reviewers, so a decision on it needs no code")
    return sign(request.policy, reviewer, decision_digest(request.record, decision, reviewer))


def is_open(request: Request | None) -> TypeGuard[Request]:
    """Tell whether a request waits, for people or for the alias to move."""
    return request is not None and request.state in ("pending", "approved")


# --- parts ---------------------------------------------------------------------------------------------------------


def _latest(client: MlflowClient, name: str, version: str) -> Request | None:
    client.get_model_version(name, version)
    return _in_time(client, name, request_for(settle(client, name), version))


def _in_time(client: MlflowClient, name: str, request: Request | None) -> Request | None:
    """Close a request that nobody decided in time, in the ledger and in the tags."""
    if request is None or not is_due(request):
        return request
    version = request.record.version
    records = expire(client, name, version)
    show(client, name, version, records)
    return request_for(records, version)


def _pending_of(client: MlflowClient, name: str) -> list[PendingReview]:
    records = settle(client, name)
    versions = dict.fromkeys(record.version for record in records if record.kind == "request")
    found = (_in_time(client, name, request_for(records, version)) for version in versions)
    return [_pending(client, name, request) for request in found if is_open(request)]


def _pending(client: MlflowClient, name: str, request: Request) -> PendingReview:
    version, due = client.get_model_version(name, request.record.version), due_at(request)
    return PendingReview(
        problem=name.removeprefix(PREFIX),
        name=name,
        version=request.record.version,
        verdict=verdict_of(version, request),
        compared_with=request.record.facts["compared_with"],
        filed_at=request.record.at,
        run_id=version.run_id or None,
        winner=version.tags.get("winner", ""),
        training=version.tags.get("training", ""),
        trained_by=request.record.facts.get("trained_by", ""),
        reviewers=tuple(reviewer.name for reviewer in request.policy.reviewers),
        by_account=tuple(reviewer.name for reviewer in request.policy.reviewers if reviewer.key is None),
        approved_by=tuple(record.by for record in request.approvals),
        lacks=missing(request) or "",
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
