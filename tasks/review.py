"""Review: people who can be named approve or reject a version that passed the gate.

What waits is a request in the ledger; nothing else has to be running while it waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict, Field

from evenhand.errors import GateError
from evenhand.history import Request, missing, request_for, standing
from evenhand.problem import Problem
from evenhand.verdict import Verdict
from tasks.ledger import known_models, settle
from tasks.mlflow_client import connect
from tasks.model_versions import PREFIX, Registered, model_name, registry_errors
from tasks.review_decision import Choice, Decision, closed, decide_review, promote
from tasks.review_requests import expire, file_request, is_due, show, verdict_of, withdraw

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["Choice", "Decision", "PendingReview", "decide_review", "file_verdict", "find_pending", "pending_reviews"]


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
    approved_by: tuple[str, ...] = ()
    lacks: str = Field(default="", description="what else is needed")


@task(name="review", cache_policy=NO_CACHE)
def file_verdict(problem: Problem, registered: Registered, verdict: Verdict) -> str:
    """Ask for a review of a pass; with ``review: never`` move the alias at once.

    Filing the same verdict again changes nothing, and a decision that was taken on it stands.

    Returns
    -------
    str
        One sentence on what happens next.

    Raises
    ------
    GateError
        When the registry can't be used, or the verdict is not the one in the ledger.
    """
    name, number = registered.name, registered.version
    with registry_errors(f"filing the verdict on {name} version {number}"):
        client = connect()
        records = settle(client, name)
        if standing(records).champion == number:
            said = "is the champion."
        elif not verdict.passes:
            records, said = withdraw(client, name, number), "is not promoted."
        else:
            version = client.get_model_version(name, number)
            records, request = file_request(client, problem, version)
            records = expire(client, name, number)
            if request.policy.review == "never" and request.state == "approved":
                records = promote(client, name, number)
            said = _what_follows(request_for(records, number), standing(records).champion)
        show(client, name, number, records)
    return f"{name} version {number} {said}"


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
        client.get_model_version(name, version)
        request = request_for(expire(client, name, version), version)
        if request is None or request.state not in ("pending", "approved"):
            raise GateError(closed(name, version, request))
        return _pending(client, name, request)


# --- parts ---------------------------------------------------------------------------------------------------------


def _what_follows(request: Request | None, champion: str) -> str:
    if request is None or request.state in ("pending", "approved"):
        return "waits for a review: make review"
    if request.state == "promoted":
        if champion != request.record.version:
            return "was champion on this verdict and is not any more: make ledger"
        return "is the champion now, without a review: the problem declares `review: never`."
    if request.state == "rejected" and request.closed is not None:
        return f"was rejected by {request.closed.by}."
    return f"is not promoted: {request.closed.reason if request.closed else request.state}."


def _pending_of(client: MlflowClient, name: str) -> list[PendingReview]:
    records = settle(client, name)
    found = {record.version: request_for(records, record.version) for record in records if record.kind == "request"}
    waiting = []
    for version, request in found.items():
        if request and is_due(request):
            show(client, name, version, expire(client, name, version))
        elif request and request.state in ("pending", "approved"):
            waiting.append(_pending(client, name, request))
    return waiting


def _pending(client: MlflowClient, name: str, request: Request) -> PendingReview:
    version = client.get_model_version(name, request.record.version)
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
        approved_by=tuple(record.by for record in request.approvals),
        lacks=missing(request) or "",
    )
