"""Pending reviews, read from the ledger with their case, and decisions that are signed for another machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from evenhand.audit.requests import COMPARED_WITH, Request, open_requirement, statement_of
from evenhand.audit.review_state import find_registration, latest_request
from evenhand.errors import GateError
from evenhand.gate.verdict import Verdict
from tasks.registry.accounts import server_address
from tasks.registry.champion_alias import reconcile
from tasks.registry.model_versions import ModelName, now, registered_models, registry_errors
from tasks.registry.registrations import training_facts
from tasks.registry.verdicts import acknowledgeable_conditions
from tasks.review.approve import check_approval
from tasks.review.decide import ReviewAnswer
from tasks.review.requests import (
    GATE_REPORT_SHA256,
    expire_request,
    expires_at,
    is_expired,
    is_open,
    not_pending,
    requested_verdict,
    tag_review,
)
from tasks.review.reviewers import clean_name, find_declared, sign
from tasks.tracking.client import connect
from tasks.tracking.training_runs import GATE_REPORT

if TYPE_CHECKING:
    from mlflow import MlflowClient


CHANGED_RULES = "gate or review rules differ from those in force: reviewers of both must agree"


class PendingReview(BaseModel):
    """A version that waits for a decision, with everything the reviewer needs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ModelName
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
    to_acknowledge: tuple[str, ...] = Field(default=(), description="undecided conditions that an approval must name")
    changed_rules: str = Field(default="", description="that the rules in force differ, so that both must agree")
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
        waiting = [review for name in registered_models() for review in _pending_of(client, name)]
        return sorted(waiting, key=lambda review: (review.filed_at, review.name, int(review.version)))


def pending_review(name: ModelName, version: str) -> PendingReview:
    """Read one pending review.

    Raises
    ------
    GateError
        When the version does not exist, or no review of it is pending.
    """
    with registry_errors(f"reading {name} version {version}"):
        client = connect()
        request = _latest(client, name, version)
        if not is_open(request):
            raise GateError(not_pending(name, version, request))
        return _pending(client, name, request)


def read_review(name: ModelName, version: str) -> PendingReview | ClosedReview:
    """Read the latest review of a version, pending or closed.

    Raises
    ------
    GateError
        When the version does not exist, or a review of it was never requested.
    """
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


def signed_decision(name: ModelName, version: str, answer: ReviewAnswer) -> str:
    """Sign a decision on a pending review with a reviewer's key, without taking it.

    Returns
    -------
    str
        Text and signature, for a form or another machine.

    Raises
    ------
    GateError
        When no review is pending, the reviewer has declared no key, or the private key is not on this machine.
    """
    reviewer = clean_name(answer.reviewer)
    with registry_errors(f"reading {name} version {version}"):
        request = _latest(connect(), name, version)
    if not is_open(request):
        raise GateError(not_pending(name, version, request))
    declared = find_declared(request.reviewers, reviewer)
    if declared is None or declared.key is None:
        raise GateError(f"{reviewer} has declared no key, so there is nothing to sign: decide without --sign")
    if answer.decision == "approve":
        with registry_errors(f"checking {name} version {version}"):
            client = connect()
            fault = check_approval(client, name, request, reconcile(client, name))
        if fault is not None:
            raise GateError(f"{name} version {version} can't be approved: {fault}")
    own = {"reviewer": declared.name, "comment": answer.comment, "acknowledged": answer.acknowledged, "at": now()}
    return sign(statement_of(request, answer.decision, **own), declared.key, answer.proof.key)


def _latest(client: MlflowClient, name: ModelName, version: str) -> Request | None:
    records = reconcile(client, name)
    client.get_model_version(name, version)
    return _expire_if_due(client, name, latest_request(records, version))


def _expire_if_due(client: MlflowClient, name: ModelName, request: Request | None) -> Request | None:
    """Close a request that nobody decided in time, in the ledger and in the tags; return its current state."""
    if request is None or not is_expired(request):
        return request
    version = request.record.version
    records = expire_request(client, name, version)
    tag_review(client, name, version, records)
    return latest_request(records, version)


def _pending_of(client: MlflowClient, name: ModelName) -> list[PendingReview]:
    records = reconcile(client, name)
    versions = dict.fromkeys(record.version for record in records if record.kind == "request")
    found = (_expire_if_due(client, name, latest_request(records, version)) for version in versions)
    return [_pending(client, name, request) for request in found if is_open(request)]


def _pending(client: MlflowClient, name: ModelName, request: Request) -> PendingReview:
    facts, due = request.record.facts, expires_at(request)
    registration = find_registration(reconcile(client, name), request.record.version)
    known = training_facts(registration) if registration else {}
    run_id = registration.fact("run_id") if registration else ""
    changed, verdict = len(request.binding) > 1, requested_verdict(client, name, request)
    return PendingReview(
        name=name,
        version=request.record.version,
        verdict=verdict,
        to_acknowledge=acknowledgeable_conditions(verdict),
        compared_with=request.record.fact(COMPARED_WITH),
        filed_at=request.record.at,
        run_id=run_id or None,
        winner=known.get("winner", ""),
        training=known.get("training", ""),
        trained_by=facts.get("trained_by", ""),
        reviewers=tuple(reviewer.name for reviewer in request.reviewers),
        by_account=tuple(reviewer.name for reviewer in request.reviewers if reviewer.key is None),
        changed_rules="gate or review rules differ from those in force: reviewers of both must agree"
        if changed
        else "",
        approved_by=tuple(record.by for record in request.approvals),
        lacks=open_requirement(request) or "",
        request=request.record.hash,
        due=due.isoformat() if due else "",
        report=_report(client, run_id) if request.record.fact(GATE_REPORT_SHA256) else "",
    )


def _report(client: MlflowClient, run_id: str) -> str:
    run, server = client.get_run(run_id).info, server_address().rstrip("/")
    if not server:
        return f"{run.artifact_uri}/{GATE_REPORT}"
    return f"{server}/#/experiments/{run.experiment_id}/runs/{run.run_id}/artifacts/{GATE_REPORT}"
