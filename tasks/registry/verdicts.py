"""Verdicts in the ledger: a verdict counts only when the ledger has it, and is read back only as it was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenhand.audit.chain import RecordBody
from evenhand.audit.review_state import latest_verdict
from evenhand.gate.verdict import Verdict
from tasks.registry.champion_alias import add_record, reconcile
from tasks.registry.client import connect
from tasks.registry.digests import text_sha256
from tasks.registry.ledger_store import Records
from tasks.registry.model_versions import VERDICT_JSON, registry_errors, stored_verdict

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

REASON_LENGTH = 2_000  # characters of a reason in the ledger; the version's tag has the whole text


def recorded_verdict(version: ModelVersion) -> Verdict | None:
    """Read the verdict on a version from its tags; None when there is none, or it differs from the recorded one.

    Raises
    ------
    GateError
        When the ledger is broken, or the registry can't be used.
    """
    with registry_errors(f"reading the ledger of {version.name}"):
        recorded = latest_verdict(reconcile(connect(), version.name), str(version.version))
    text = version.tags.get(VERDICT_JSON, "")
    if recorded is None or recorded.facts["verdict_sha256"] != text_sha256(text):
        return None
    return stored_verdict(version)


def record_verdict(name: str, version: str, verdict: Verdict, case: str, compared_with: str) -> None:
    """Record a verdict in the ledger; the same verdict on the same case is recorded once."""
    digests = {"verdict_sha256": text_sha256(verdict.model_dump_json()), "case": case}
    bounds = {bound: getattr(verdict, bound) for bound in ("estimate", "low", "high")}
    facts = {
        **digests,
        "outcome": verdict.outcome,
        "metric": verdict.metric,
        "compared_with": compared_with,
        "rows_sha256": verdict.rows_sha256,
        "review": verdict.review,
        **{bound: f"{value:.6f}" for bound, value in bounds.items() if value is not None},
    }
    reason = " ".join(verdict.reasons)[:REASON_LENGTH]
    body = RecordBody(kind="verdict", version=version, reason=reason, facts=facts)

    def decide(records: Records) -> RecordBody | None:
        before = latest_verdict(records, version)
        return None if before and all(before.facts.get(k) == v for k, v in digests.items()) else body

    add_record(connect(), name, decide)
