"""Approval: what is checked before a version may become champion, and the promotion that moves the alias."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evenhand.audit.chain import RecordBody
from evenhand.audit.requests import (
    ACKNOWLEDGE,
    COMPARED_WITH,
    MODEL_SHA256,
    POLICY_SHA256,
    VERDICT_SHA256,
    Request,
    may_be_approved,
)
from evenhand.audit.review_state import champion_state, find_registration, latest_request, latest_verdict
from evenhand.errors import EvenhandError
from tasks.registry.champion_alias import add_record, alias_record
from tasks.registry.ledger_store import Records
from tasks.registry.model_versions import ModelName
from tasks.registry.problem_rules import current_problem, problem_of, rules_of
from tasks.registry.registrations import check_files, registration_of, standing_champion
from tasks.review.requests import GATE_REPORT_SHA256, report_sha256, review_record

if TYPE_CHECKING:
    from mlflow import MlflowClient


def check_approval(client: MlflowClient, name: ModelName, request: Request, records: Records) -> str | None:
    """Check that a request can still be approved.

    The champion must be the one that the version was compared with, in the ledger and in MLflow; the version's files
    and facts, the rules in the problem file, the verdict and the gate report must be those of the request.

    Returns
    -------
    str or None
        What has changed, so that the request is void; None when it can be approved.

    Raises
    ------
    GateError
        When it can't be checked, or the champion in MLflow is not that of the ledger: nothing is decided then.
    """
    fact = request.record.fact
    standing_champion(client, records, name)
    problem = current_problem(problem_of(name), fact("problem_file"))
    other = _other_champion(champion_state(records).champion, fact(COMPARED_WITH))
    if other is not None:
        return other
    try:
        registration_of(client, records, name, request.record.version)
        check_files(name, request.record.version, fact(MODEL_SHA256))
    except EvenhandError as fault:
        return str(fault)
    verdict = latest_verdict(records, request.record.version)
    changed = {
        "policy": fact(POLICY_SHA256) != rules_of(problem).sha256,
        "verdict": verdict is None or verdict.fact(VERDICT_SHA256) != fact(VERDICT_SHA256),
        "gate report": fact(GATE_REPORT_SHA256) not in ("", report_sha256(client, _run_of(records, request))),
    }
    names = [name for name, differs in changed.items() if differs]
    return f"its {', '.join(names)} changed after the review was requested" if names else None


def conditions_to_acknowledge(records: Records, version: str) -> set[str]:
    """Return the undecided conditions that an approval of a version has to accept by name."""
    verdict = latest_verdict(records, version)
    return set(verdict.list_fact(ACKNOWLEDGE)) if verdict else set()


def check_passed(records: Records, request: Request, approvals: Sequence[RecordBody]) -> str | None:
    """Say that the gate did not pass a version; None when it did, or the approvals accept what it left open."""
    verdict = latest_verdict(records, request.record.version)
    return None if may_be_approved(verdict, approvals) else "the gate did not pass it"


def promote_version(client: MlflowClient, name: ModelName, version: str) -> Records:
    """Record the promotion of an approved version, which moves alias ``champion``.

    The request becomes void instead when something has changed since the approval; see :func:`check_approval`.
    """

    def decide(records: Records) -> RecordBody | None:
        request = latest_request(records, version)
        if request is None or request.state != "approved":
            return None
        fault = check_approval(client, name, request, records) or check_passed(records, request, request.approvals)
        if fault is not None:
            return review_record("void", request, fault)
        by = ", ".join(dict.fromkeys(record.by for record in request.approvals)) or "nobody"
        reason = "approved" if request.approvals else "the problem declares `review: never`"
        return alias_record("promotion", version, by, reason, {"request": request.record.hash})

    return add_record(client, name, decide)


def _run_of(records: Records, request: Request) -> str:
    registration = find_registration(records, request.record.version)
    return registration.fact("run_id") if registration else ""


def _other_champion(champion: str, compared_with: str) -> str | None:
    if champion == compared_with:
        return None
    was = f"version {compared_with}" if compared_with else "no champion"
    return f"it was compared with {was}, and the champion is now {f'version {champion}' if champion else 'none'}"
