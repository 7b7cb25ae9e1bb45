"""Requests for review in the ledger: filed once per case, void after a change, expired when nobody decides in time."""

from __future__ import annotations

import hashlib
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from evenhand.audit.chain import Record, RecordBody
from evenhand.audit.requests import (
    COMPARED_WITH,
    MODEL_SHA256,
    POLICY_SHA256,
    REGISTRATION,
    RULES,
    VERDICT_SHA256,
    Request,
)
from evenhand.audit.review_state import latest_request, latest_verdict
from evenhand.errors import GateError
from evenhand.gate.verdict import Verdict
from evenhand.problem import Problem
from tasks.registry.champion_alias import add_record, reconcile
from tasks.registry.digests import CONFIG, problem_digests
from tasks.registry.ledger_store import Records, read_text
from tasks.registry.model_versions import ModelName, Registered, find_version, now, tag_version, write_with_retry
from tasks.registry.problem_rules import check_governing_file, rules_of
from tasks.registry.registrations import registration_of
from tasks.tracking.training_runs import GATE_REPORT

if TYPE_CHECKING:
    from mlflow import MlflowClient

GATE_REPORT_SHA256 = "gate_report_sha256"
# Tags of a version, for people who open it in MLflow. They repeat the ledger and decide nothing.
STATE, DIGEST, FILED_AT = "review", "review_digest", "review_filed_at"
REVIEWER, COMMENT, DECIDED_AT, VOID_REASON = "reviewer", "review_comment", "review_decided_at", "review_void_reason"


def file_request(client: MlflowClient, problem: Problem, registered: Registered) -> tuple[Records, Request]:
    """Request a review of a version that passed the gate; an equal request that is not void is not repeated.

    Raises
    ------
    GateError
        When the version is not as it was registered, or has no verdict.
    """
    name, number = registered.name, registered.version
    records = reconcile(client, name)
    check_governing_file(problem, name, records)
    registration, rules = registration_of(client, records, name, number), rules_of(problem)
    fixed = {
        "problem": problem.name,
        "problem_file": problem.file,
        RULES: rules.text,
        CONFIG: problem_digests(problem)[CONFIG],
        POLICY_SHA256: rules.sha256,
        REGISTRATION: registration.hash,
        MODEL_SHA256: registration.fact(MODEL_SHA256),
        "trained_by": registration.by,
        GATE_REPORT_SHA256: report_sha256(client, registration.fact("run_id")),
    }

    def decide(records: Records) -> RecordBody | None:
        verdict = latest_verdict(records, number)
        if verdict is None or verdict.facts.get(POLICY_SHA256) != rules.sha256:
            raise GateError(
                f"{name} version {number} has no verdict by the rules of {problem.name}: run the gate again"
            )
        facts = {**fixed, **{key: verdict.fact(key) for key in (VERDICT_SHA256, COMPARED_WITH)}}
        known = latest_request(records, number)
        covered = known is not None and _covers(known, facts)
        return None if covered else RecordBody(kind="request", version=number, facts=facts)

    records = add_record(client, name, decide)
    request = latest_request(records, number)
    if request is None:
        raise GateError(f"the ledger of {name} has no request for version {number} after filing it")
    return records, request


def report_sha256(client: MlflowClient, run_id: str) -> str:
    """Hash the gate report of a run; empty when there is none."""
    if not run_id or all(found.path != GATE_REPORT for found in client.list_artifacts(run_id)):
        return ""
    with tempfile.TemporaryDirectory() as target:
        return hashlib.sha256(Path(client.download_artifacts(run_id, GATE_REPORT, target)).read_bytes()).hexdigest()


def is_open(request: Request | None) -> TypeGuard[Request]:
    """Whether a request waits for a decision, or is approved and waits for its promotion."""
    return request is not None and request.state in ("pending", "approved")


def not_pending(name: str, version: str, request: Request | None) -> str:
    """Return the message that a version waits for no decision, with the state of its last review."""
    state = "none" if request is None else {"promoted": "approved"}.get(request.state, request.state)
    by = f" by {request.closed.by}" if request and request.closed and request.closed.by else ""
    return f"{name} version {version} has no pending review; the last one: {state}{by}"


def expires_at(request: Request) -> datetime | None:
    """Return when a request expires; None for never."""
    days = request.policy.expires_days
    return None if days is None else datetime.fromisoformat(request.record.at) + timedelta(days=days)


def is_expired(request: Request) -> bool:
    """Whether an open request was not decided in time."""
    due = expires_at(request)
    return due is not None and is_open(request) and datetime.fromisoformat(now()) >= due


def review_record(kind: str, request: Request, reason: str, by: str = "", **facts: str) -> RecordBody:
    """Return a record about a request: an approval, or one that closes it."""
    return RecordBody.model_validate(
        {
            "kind": kind,
            "version": request.record.version,
            "by": by,
            "reason": reason,
            "facts": {"request": request.record.hash, **facts},
        }
    )


def expiry_record(request: Request) -> RecordBody:
    """Return the record that closes a request nobody decided in time."""
    return review_record("expiry", request, f"nobody decided within {request.policy.expires_days:g} days")


def expire_request(client: MlflowClient, name: ModelName, version: str) -> Records:
    """Close the request for a version when nobody decided in time."""

    def decide(records: Records) -> RecordBody | None:
        request = latest_request(records, version)
        return expiry_record(request) if request and is_expired(request) else None

    return add_record(client, name, decide)


def withdraw_request(client: MlflowClient, name: ModelName, version: str) -> Records:
    """Close the request for a version that a later verdict did not pass."""

    def decide(records: Records) -> RecordBody | None:
        request = latest_request(records, version)
        return review_record("void", request, "a later verdict did not pass it") if is_open(request) else None

    return add_record(client, name, decide)


def tag_review(client: MlflowClient, name: ModelName, version: str, records: Records) -> None:
    """Update the tags of a version to its latest request in the ledger."""
    request = latest_request(records, version)
    if request is None:
        return
    tags = _review_tags(request)
    found = find_version(client, name, version)
    if found is None:
        return
    existing = found.tags
    tag_version(client, name, version, {key: value for key, value in tags.items() if existing.get(key) != value})
    for key in {REVIEWER, COMMENT, DECIDED_AT, VOID_REASON} & set(existing) - set(tags):
        write_with_retry(client.delete_model_version_tag, name, version, key)


def requested_verdict(client: MlflowClient, name: ModelName, request: Request) -> Verdict:
    """Read the verdict that a request is about.

    Raises
    ------
    GateError
        When it can't be read.
    """
    return Verdict.model_validate_json(read_text(client, name, request.record.fact(VERDICT_SHA256)))


def _covers(known: Request, facts: dict[str, str]) -> bool:
    """Whether a request is about these facts; a new gate report or checkout does not reopen a case that was decided."""
    if known.state == "void":
        return False
    ignored = set() if is_open(known) else {GATE_REPORT_SHA256, "problem_file"}
    return all(known.record.facts.get(key) == value for key, value in facts.items() if key not in ignored)


def _review_tags(request: Request) -> dict[str, str]:
    states = {"promoted": "approved", "expired": "rejected"}
    state = states.get(request.state, request.state)
    if request.policy.review == "never" and state == "approved":
        state = "not required"
    decision: Record | None = request.closed
    if decision is not None and decision.kind == "promotion" and request.approvals:
        decision = request.approvals[-1]
    tags = {STATE: state, DIGEST: request.record.hash, FILED_AT: request.record.at}
    if decision is not None and decision.kind in ("void", "expiry"):
        tags[VOID_REASON] = decision.reason
    elif decision is not None and decision.by:
        tags |= {REVIEWER: decision.by, COMMENT: decision.reason, DECIDED_AT: decision.at}
    return tags
