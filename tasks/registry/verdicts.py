"""Verdicts in the ledger: each is a record with the hash of the whole verdict, which is stored beside it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from evenhand.audit.chain import Record, RecordBody
from evenhand.audit.requests import ACKNOWLEDGE, COMPARED_WITH, MODEL_SHA256, POLICY_SHA256, VERDICT_SHA256
from evenhand.audit.review_state import latest_verdict
from evenhand.gate.verdict import Verdict
from evenhand.text.printable import printable
from tasks.registry.champion_alias import add_record
from tasks.registry.ledger_store import Records, read_text, store_text
from tasks.registry.model_versions import ModelName
from tasks.tracking.client import connect

if TYPE_CHECKING:
    from mlflow import MlflowClient

REASON_LENGTH = 1_000  # characters of the reasons in a record; the whole verdict is stored beside it
CASE = "case"


CaseFacts = dict[str, str]
"""What a verdict is bound to: its case, the files of both versions, the champion and the rules."""


def recorded_verdict(client: MlflowClient, name: ModelName, record: Record) -> Verdict:
    """Read the verdict of a record.

    Raises
    ------
    LedgerError
        When its text is missing or differs.
    """
    return Verdict.model_validate_json(read_text(client, name, record.fact(VERDICT_SHA256)))


def record_verdict(name: ModelName, version: str, verdict: Verdict, case: CaseFacts) -> None:
    """Record a verdict in the ledger; the same verdict on the same case is recorded once."""
    client = connect()
    bounds = {bound: getattr(verdict, bound) for bound in ("estimate", "low", "high")}
    facts = {
        VERDICT_SHA256: store_text(client, name, verdict.model_dump_json()),
        **case,
        "outcome": verdict.outcome,
        "metric": verdict.metric,
        "rows_sha256": verdict.rows_sha256,
        "review": verdict.review,
        ACKNOWLEDGE: json.dumps(acknowledgeable_conditions(verdict)),
        **{bound: f"{value:.6f}" for bound, value in bounds.items() if value is not None},
    }
    reason = printable(" ".join(verdict.reasons))[:REASON_LENGTH]
    body = RecordBody(kind="verdict", version=version, reason=reason, facts=facts)

    def decide(records: Records) -> RecordBody | None:
        before = latest_verdict(records, version)
        return None if before and before.facts == facts else body

    add_record(client, name, decide)


def acknowledgeable_conditions(verdict: Verdict) -> tuple[str, ...]:
    """Return the undecided conditions that a reviewer has to accept by name, where that is all that keeps it back."""
    if not verdict.acknowledgeable:
        return ()
    return tuple(condition.name for condition in verdict.conditions if condition.status == "undecided")


def case_facts(case: str, model_sha256: str, compared_with: tuple[str, str], policy_sha256: str) -> CaseFacts:
    """Return the facts of a case; ``compared_with`` is the champion's version and the digest of its files."""
    return {
        CASE: case,
        MODEL_SHA256: model_sha256,
        COMPARED_WITH: compared_with[0],
        "champion_sha256": compared_with[1],
        POLICY_SHA256: policy_sha256,
    }
