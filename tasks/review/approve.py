"""Approval: what is checked before a version may become champion, and the promotion that moves the alias."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenhand.audit.chain import RecordBody
from evenhand.audit.review_state import Request, champion_state, latest_request
from tasks.registry.champion_alias import add_record, alias_record
from tasks.registry.digests import changed_facts, problem_file_digests, version_facts
from tasks.registry.ledger_store import Records
from tasks.registry.model_versions import stored_verdict
from tasks.review.requests import review_record

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion


def check_approval(client: MlflowClient, version: ModelVersion, request: Request, records: Records) -> str | None:
    """Check that a request can still be approved.

    The champion must be the one that the version was compared with; the model, its data, the problem, the policy, the
    verdict and the gate report must be unchanged since the request; the gate must have passed the version.

    Returns
    -------
    str or None
        Why it can't be approved; None when it can.
    """
    facts = request.record.facts
    other = _other_champion(champion_state(records).champion, facts["compared_with"])
    if other is not None:
        return other
    current = version_facts(client, version)
    if facts.get("in_file"):
        current |= problem_file_digests(facts["problem"])
    changed = changed_facts(facts, current)
    if changed:
        return f"its {', '.join(changed)} changed after the review was requested"
    verdict = stored_verdict(version)
    return None if verdict is not None and verdict.passes else "the gate did not pass it"


def promote_version(client: MlflowClient, name: str, version: str) -> Records:
    """Record the promotion of an approved version, which moves alias ``champion``.

    The request becomes void instead when something has changed since the approval; see :func:`check_approval`.
    """

    def decide(records: Records) -> RecordBody | None:
        request = latest_request(records, version)
        if request is None or request.state != "approved":
            return None
        fault = check_approval(client, client.get_model_version(name, version), request, records)
        if fault is not None:
            return review_record("void", request, fault)
        by = ", ".join(dict.fromkeys(record.by for record in request.approvals)) or "nobody"
        reason = "approved" if request.approvals else "the problem declares `review: never`"
        return alias_record("promotion", version, by, reason, {"request": request.record.hash})

    return add_record(client, name, decide)


def _other_champion(champion: str, compared_with: str) -> str | None:
    if champion == compared_with:
        return None
    was = f"version {compared_with}" if compared_with else "no champion"
    return f"it was compared with {was}, and the champion is now {f'version {champion}' if champion else 'none'}"
