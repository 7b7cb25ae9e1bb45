"""Review: a person who can be named approves or rejects a version that passed the gate.

A pending review is kept as tags of the model version; nothing else has to be running while it waits.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict, Field

from evenhand.errors import GateError
from evenhand.problem import Problem
from evenhand.verdict import Verdict
from tasks.mlflow_client import connect
from tasks.model_versions import (
    CHAMPION,
    COMPARED_WITH,
    IDENTITY,
    PREFIX,
    VERDICT_JSON,
    Registered,
    champion_of,
    model_name,
    now,
    read_version,
    registry_errors,
    search_versions,
    stored_verdict,
    tag_version,
)
from tasks.registry import promote_alias

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

State = Literal["pending", "approved", "rejected", "void", "not required", "none"]
STATE, DIGEST, FILED_AT = "review", "review_digest", "review_filed_at"
REVIEWER, COMMENT, DECIDED_AT, VOID_REASON = "reviewer", "review_comment", "review_decided_at", "review_void_reason"


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


class Decision(BaseModel):
    """What was decided, by whom."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str
    version: str
    state: Literal["approved", "rejected"]
    reviewer: str
    comment: str
    aliases: tuple[str, ...]


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
        When the registry can't be used.
    """
    where = f"{registered.name} version {registered.version}"
    with registry_errors(f"filing the verdict on {where}"):
        client = connect()
        version = client.get_model_version(registered.name, registered.version)
        if CHAMPION in version.aliases:
            return f"{where} is the champion."
        if not verdict.passes:
            _withdraw(client, version)
            return f"{where} is not promoted."
        digest = _digest(version)
        if problem.review == "never":
            tag_version(client, version.name, version.version, {STATE: "not required", DIGEST: digest})
            promote_alias(version.name, version.version, "nobody", "review: never is declared in the problem")
            return f"{where} is the champion now, without a review: the problem declares `review: never`."
        state = version.tags.get(STATE)
        if version.tags.get(DIGEST) != digest or state not in ("pending", "approved", "rejected"):
            filed = {DIGEST: digest, FILED_AT: now(), STATE: "pending"}
            tag_version(client, version.name, version.version, filed)
        elif state == "rejected":
            return f"{where} was rejected by {version.tags.get(REVIEWER)}."
        return f"{where} waits for a review: make review"


def pending_reviews() -> list[PendingReview]:
    """List what waits for a decision, oldest first.

    Raises
    ------
    GateError
        When the registry can't be used or a stored verdict can't be read.
    """
    with registry_errors("listing pending reviews"):
        found = search_versions(connect(), f"tags.{STATE} = 'pending'")
        waiting = [_pending(version) for version in found if version.name.startswith(PREFIX)]
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
        return _pending(_waiting(connect(), name, version))


def decide_review(
    problem_name: str, version: str, decision: Literal["approve", "reject"], reviewer: str, comment: str = ""
) -> Decision:
    """Take a decision on a pending review; an approval moves alias champion.

    Parameters
    ----------
    problem_name : str
    version : str
    decision : {"approve", "reject"}
    reviewer : str
        Who decides; nobody is nobody.
    comment : str

    Raises
    ------
    GateError
        When no reviewer is named or nothing is pending. An approval is void, and the review closed, when version,
        identity or verdict differ from what was filed, or the champion is no longer the one it was compared with.
    """
    reviewer = " ".join(reviewer.split())
    if not reviewer:
        raise GateError("a review needs the name of its reviewer; the one given is empty")
    name = model_name(problem_name)
    with registry_errors(f"reviewing {name} version {version}"):
        client = connect()
        waiting = _waiting(client, name, version)
        if decision == "approve":
            _check_still_valid(client, waiting)
        signed = {REVIEWER: reviewer, COMMENT: comment, DECIDED_AT: now()}
        tag_version(client, name, waiting.version, signed)
        if decision == "approve":
            promote_alias(name, waiting.version, reviewer, comment)
        # Last: killed before this, the review is still pending, and deciding again finishes the work.
        state: Literal["approved", "rejected"] = "approved" if decision == "approve" else "rejected"
        tag_version(client, name, waiting.version, {STATE: state})
        aliases = read_version(client, name, waiting.version).aliases
    return Decision(
        problem=problem_name, version=version, state=state, reviewer=reviewer, comment=comment, aliases=aliases
    )


# --- parts ---------------------------------------------------------------------------------------------------------


def _digest(version: ModelVersion) -> str:
    """Bind an approval to what was judged: version, identity, verdict, and the champion it was held against."""
    bound = (version.name, str(version.version), *(version.tags.get(k, "") for k in _BOUND_TAGS))
    return hashlib.sha256("\n".join(bound).encode()).hexdigest()


_BOUND_TAGS = (IDENTITY, COMPARED_WITH, VERDICT_JSON)


def _waiting(client: MlflowClient, name: str, version: str) -> ModelVersion:
    found = client.get_model_version(name, version)
    state = found.tags.get(STATE, "none")
    if state != "pending":
        by = f" by {found.tags[REVIEWER]}" if REVIEWER in found.tags and state in ("approved", "rejected") else ""
        raise GateError(f"{name} version {version} waits for no decision; its review: {state}{by}")
    return found


def _pending(version: ModelVersion) -> PendingReview:
    verdict = stored_verdict(version)
    if verdict is None:
        raise GateError(f"{version.name} version {version.version} has a pending review but no verdict: judge it again")
    return PendingReview(
        problem=version.name.removeprefix(PREFIX),
        name=version.name,
        version=str(version.version),
        verdict=verdict,
        compared_with=version.tags.get(COMPARED_WITH, ""),
        filed_at=version.tags.get(FILED_AT, ""),
        run_id=version.run_id or None,
        winner=version.tags.get("winner", ""),
        training=version.tags.get("training", ""),
    )


def _check_still_valid(client: MlflowClient, version: ModelVersion) -> None:
    fault = _fault(client, version)
    if fault:
        tag_version(client, version.name, version.version, {VOID_REASON: fault, STATE: "void"})
        raise GateError(
            f"the review of {version.name} version {version.version} is void: {fault}. "
            "Train again to have it judged again"
        )


def _fault(client: MlflowClient, version: ModelVersion) -> str | None:
    """Say why a filed review can't be approved any more."""
    if version.tags.get(DIGEST) != _digest(version):
        return "its identity, its verdict or what it was compared with was changed after the review was filed"
    verdict = stored_verdict(version)
    if verdict is None or not verdict.passes:
        return "the gate did not pass it"
    champion, compared = champion_of(client, version.name), version.tags.get(COMPARED_WITH, "")
    at_present = champion.version if champion else ""
    if at_present not in (compared, str(version.version)):
        was = f"version {compared}" if compared else "no champion"
        return (
            f"it was compared with {was}, and the champion is now {f'version {at_present}' if at_present else 'none'}"
        )
    return None


def _withdraw(client: MlflowClient, version: ModelVersion) -> None:
    """Close a review that waits for a verdict which does not hold any more."""
    if version.tags.get(STATE) == "pending":
        closed = {VOID_REASON: "a later verdict on it is no pass", STATE: "void"}
        tag_version(client, version.name, version.version, closed)
