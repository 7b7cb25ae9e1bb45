"""Verdicts in the ledger: a verdict counts when the ledger has it, and reads back as it was recorded or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenhand.audit.chain import Entry
from evenhand.audit.review_state import latest_verdict
from evenhand.gate.verdict import Verdict
from tasks.registry.client import connect
from tasks.registry.digests import text_sha256
from tasks.registry.ledger import Records, settle, transact
from tasks.registry.model_versions import VERDICT_JSON, registry_errors, stored_verdict

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

REASON_LENGTH = 2_000  # of a reason in the ledger; the version's tag has all of it


def known_verdict(version: ModelVersion) -> Verdict | None:
    """Read the verdict on a version back from its tags; None when there is none, or not the one that was recorded.

    A champion that was changed out of band is noted on the way.

    Raises
    ------
    GateError
        When the ledger is broken, or the registry can't be used.
    """
    with registry_errors(f"reading the ledger of {version.name}"):
        recorded = latest_verdict(settle(connect(), version.name), str(version.version))
    text = version.tags.get(VERDICT_JSON, "")
    if recorded is None or recorded.facts["verdict_sha256"] != text_sha256(text):
        return None
    return stored_verdict(version)


def note_verdict(name: str, version: str, verdict: Verdict, case: str, compared_with: str) -> None:
    """Record a verdict in the ledger, once for the same words on the same case."""
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
    entry = Entry(kind="verdict", version=version, reason=" ".join(verdict.reasons)[:REASON_LENGTH], facts=facts)

    def decide(records: Records) -> Entry | None:
        before = latest_verdict(records, version)
        return None if before and all(before.facts.get(k) == v for k, v in digests.items()) else entry

    transact(connect(), name, decide)
