"""Requests for review in the ledger: filed once for a case, void when it changed, expired when nobody answered."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from evenhand.audit.chain import Entry, Record
from evenhand.audit.review_state import Request, latest_verdict, request_for, standing
from evenhand.errors import GateError
from evenhand.gate.verdict import Verdict
from evenhand.problem import Problem
from tasks.registry.digests import bound_facts, changes, facts_in_file, problem_facts, text_sha256
from tasks.registry.ledger import Records, transact
from tasks.registry.model_versions import VERDICT_JSON, firmly, now, stored_verdict, tag_version

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

# Tags of a version, for people who look at it in MLflow: they show what the ledger says and decide nothing.
STATE, DIGEST, FILED_AT = "review", "review_digest", "review_filed_at"
REVIEWER, COMMENT, DECIDED_AT, VOID_REASON = "reviewer", "review_comment", "review_decided_at", "review_void_reason"


def file_request(client: MlflowClient, problem: Problem, version: ModelVersion) -> tuple[Records, Request]:
    """Ask for a review of what the gate passed; what was asked and is not void is not asked again.

    Raises
    ------
    GateError
        When the verdict is not the one in the ledger.
    """
    name, number = version.name, str(version.version)
    digests = problem_facts(problem)
    tag_version(client, name, number, digests)
    facts = bound_facts(client, client.get_model_version(name, number))
    told = {"problem": problem.name, "policy": problem.review_policy.model_dump_json()}
    told["in_file"] = "yes" if facts_in_file(problem.name) == digests else ""
    entry = Entry(kind="request", version=number, facts={**facts, **told})

    def decide(records: Records) -> Entry | None:
        verdict = latest_verdict(records, number)
        if verdict is None or verdict.facts["verdict_sha256"] != facts["verdict_sha256"]:
            raise GateError(f"the verdict on {name} version {number} is not the one in the ledger: judge it again")
        known = request_for(records, number)
        return None if known is not None and _same(known, entry.facts) else entry

    records = transact(client, name, decide)
    request = request_for(records, number)
    if request is None:
        raise GateError(f"the ledger of {name} lost the request for version {number}")
    return records, request


def _same(known: Request, facts: dict[str, str]) -> bool:
    """Tell whether a request stands for these facts; a new report on a case that was decided does not open it again."""
    if known.state == "void":
        return False
    decided = known.state not in ("pending", "approved")
    beside = {"gate_report_sha256"} if decided else set()
    return all(known.record.facts.get(key) == value for key, value in facts.items() if key not in beside)


def fault_in(client: MlflowClient, version: ModelVersion, request: Request, records: Records) -> str | None:
    """Say why a filed request can't be approved any more; None when nothing speaks against it."""
    facts = request.record.facts
    other = _other_champion(standing(records).champion, facts["compared_with"])
    if other is not None:
        return other
    now_ = bound_facts(client, version)
    if facts.get("in_file"):
        now_ |= facts_in_file(facts["problem"])
    differ = changes(facts, now_)
    if differ:
        return f"its {', '.join(differ)} changed after the review was filed"
    verdict = stored_verdict(version)
    return None if verdict is not None and verdict.passes else "the gate did not pass it"


def _other_champion(at_present: str, compared: str) -> str | None:
    if at_present == compared:
        return None
    was = f"version {compared}" if compared else "no champion"
    return f"it was compared with {was}, and the champion is now {f'version {at_present}' if at_present else 'none'}"


def is_due(request: Request) -> bool:
    """Tell whether nobody answered in time."""
    due = due_at(request)
    return due is not None and request.state in ("pending", "approved") and datetime.fromisoformat(now()) >= due


def due_at(request: Request) -> datetime | None:
    """Tell when a request expires; None for never."""
    days = request.policy.expires_days
    return None if days is None else datetime.fromisoformat(request.record.at) + timedelta(days=days)


def ending(kind: str, request: Request, reason: str, by: str = "", **facts: str) -> Entry:
    """Write the entry that closes a request."""
    told = {"kind": kind, "version": request.record.version, "by": by, "reason": reason}
    return Entry.model_validate({**told, "facts": {"request": request.record.hash, **facts}})


def expiry(request: Request) -> Entry:
    """Write the entry of a request that nobody answered in time."""
    return ending("expiry", request, f"nobody decided within {request.policy.expires_days:g} days")


def expire(client: MlflowClient, name: str, version: str) -> Records:
    """Close the request of a version if nobody answered in time."""

    def decide(records: Records) -> Entry | None:
        request = request_for(records, version)
        return expiry(request) if request and is_due(request) else None

    return transact(client, name, decide)


def withdraw(client: MlflowClient, name: str, version: str) -> Records:
    """Close the request of a version whose later verdict is no pass."""

    def decide(records: Records) -> Entry | None:
        request = request_for(records, version)
        if request is None or request.state not in ("pending", "approved"):
            return None
        return ending("void", request, "a later verdict on it is no pass")

    return transact(client, name, decide)


def show(client: MlflowClient, name: str, version: str, records: Records) -> None:
    """Let the tags of a version say what the ledger does."""
    request = request_for(records, version)
    if request is None:
        return
    states = {"promoted": "approved", "expired": "rejected"}
    state = states.get(request.state, request.state)
    if request.policy.review == "never" and state == "approved":
        state = "not required"
    decided: Record | None = request.closed
    if decided is not None and decided.kind == "promotion" and request.approvals:
        decided = request.approvals[-1]
    tags = {STATE: state, DIGEST: request.record.hash, FILED_AT: request.record.at}
    if decided is not None and decided.kind in ("void", "expiry"):
        tags[VOID_REASON] = decided.reason
    elif decided is not None and decided.by:
        tags |= {REVIEWER: decided.by, COMMENT: decided.reason, DECIDED_AT: decided.at}
    there = client.get_model_version(name, version).tags
    tag_version(client, name, version, {key: value for key, value in tags.items() if there.get(key) != value})
    for key in {REVIEWER, COMMENT, DECIDED_AT, VOID_REASON} & set(there) - set(tags):
        firmly(client.delete_model_version_tag, name, version, key)


def verdict_of(version: ModelVersion, request: Request) -> Verdict:
    """Read the verdict that a request is about.

    Raises
    ------
    GateError
        When it can't be read, or is another one by now.
    """
    verdict = stored_verdict(version)
    digest = text_sha256(version.tags.get(VERDICT_JSON, ""))
    if verdict is None or digest != request.record.facts["verdict_sha256"]:
        where = f"{version.name} version {version.version}"
        raise GateError(f"{where} has a pending review but not the verdict it was filed with: judge it again")
    return verdict
