"""Decisions on a review: checked, signed, recorded; the last approval that is needed moves alias champion."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from evenhand.audit.chain import Entry
from evenhand.audit.review_state import Request, decision_digest, missing, request_for
from evenhand.errors import GateError
from tasks.registry.client import connect
from tasks.registry.ledger import Records, move, transact
from tasks.registry.model_versions import model_name, read_version, registry_errors
from tasks.review.requests import ending, expiry, fault_in, is_due, show
from tasks.review.reviewers import has_account, named, prove

if TYPE_CHECKING:
    from mlflow import MlflowClient

COMMENT_LENGTH = 1_000
Choice = Literal["approve", "reject"]


class Decision(BaseModel):
    """What was decided, by whom."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str
    version: str
    state: Literal["approved", "rejected", "pending"]
    reviewer: str
    comment: str
    aliases: tuple[str, ...]
    lacks: str = Field(default="", description="what a pending one still needs")
    signature: str = Field(default="", description="of the reviewer, as it is in the ledger; empty where none is asked")


def decide_review(
    problem_name: str,
    version: str,
    decision: Choice,
    reviewer: str,
    comment: str = "",
    signature: str | None = None,
    request: str = "",
) -> Decision:
    """Take a decision on a pending review; the last approval needed moves alias champion.

    Parameters
    ----------
    problem_name : str
    version : str
    decision : {"approve", "reject"}
    reviewer : str
        Who decides; nobody is nobody. Where reviewers are declared, one of them.
    comment : str
    signature : str, optional
        HMAC-SHA256 of the decision by the reviewer's key; made here when the key is at hand. An empty one is none.
    request : str
        Hash of the request that the reviewer was shown, where it may have been filed anew since.

    Raises
    ------
    GateError
        When the reviewer is not named, not declared or without the key, or nothing is pending. An approval is void,
        and the review closed, when what was filed has changed or the champion is no longer the one compared with.
    """
    reviewer = named(reviewer)
    if len(comment) > COMMENT_LENGTH:
        raise GateError(f"a comment of {len(comment):,} characters is too long; {COMMENT_LENGTH:,} are allowed")
    name = model_name(problem_name)
    with registry_errors(f"reviewing {name} version {version}"):
        client = connect()
        client.get_model_version(name, version)
        asked = _Asked(client, name, version, decision, reviewer, comment, signature, request)
        records = transact(client, name, asked.decide)
        if asked.refusal is None and decision == "approve":
            records, asked.refusal = _promote_approved(client, name, version, records)
        show(client, name, version, records)
        if asked.refusal is not None:
            raise GateError(asked.refusal)
        found = request_for(records, version)
        lacks = (missing(found) or "") if found and found.state == "pending" else ""
        aliases = read_version(client, name, version).aliases
    state: Literal["approved", "rejected", "pending"] = "rejected" if decision == "reject" else "approved"
    return Decision(
        problem=problem_name,
        version=version,
        state="pending" if lacks else state,
        reviewer=reviewer,
        comment=comment,
        aliases=aliases,
        lacks=lacks,
        signature=asked.proof.get("signature", ""),
    )


# --- parts ---------------------------------------------------------------------------------------------------------


@dataclass
class _Asked:
    """A decision on its way into the ledger; it is looked at again whenever another record came first."""

    client: MlflowClient
    name: str
    version: str
    decision: Choice
    reviewer: str
    comment: str
    signature: str | None
    shown: str = ""
    proof: dict[str, str] = field(default_factory=dict)
    refusal: str | None = None

    def decide(self, records: Records) -> Entry | None:
        self.refusal = None
        request = request_for(records, self.version)
        if request is None or request.state not in ("pending", "approved"):
            self.refusal = closed(self.name, self.version, request)
            return self._late(request, records) if request else None
        if self.shown not in ("", request.record.hash):
            self.refusal = f"the review of {self.name} version {self.version} was filed anew after it was shown"
            return None
        return self._on_open(request, records)

    def _on_open(self, request: Request, records: Records) -> Entry | None:
        if self._repeated(request) and not is_due(request):
            return None
        self.proof = self._proved(request)
        if is_due(request):
            self.refusal = f"the request for {self.name} version {self.version} expired; train again to have it judged"
            return expiry(request)
        if self.decision == "reject":
            return ending("rejection", request, self.comment, self.reviewer, **self.proof)
        fault = fault_in(self.client, self.client.get_model_version(self.name, self.version), request, records)
        if fault is not None:
            self.refusal = _void(self.name, self.version, fault)
            return ending("void", request, fault, self.reviewer, decision=self.decision)
        if any(record.by == self.reviewer for record in request.approvals):
            return None
        return ending("approval", request, self.comment, self.reviewer, **self.proof)

    def _proved(self, request: Request) -> dict[str, str]:
        digest = decision_digest(request.record, self.decision, self.reviewer)
        return prove(request.policy, self.reviewer, digest, self.signature)

    def _repeated(self, request: Request) -> bool:
        """Tell whether a form brings an approval that was taken at a terminal already: it can't be proved here."""
        known = any(record.by == self.reviewer for record in request.approvals)
        carried = self.signature == "" and self.decision == "approve"
        return known and carried and has_account(request.policy, self.reviewer)

    def _late(self, request: Request, records: Records) -> Entry | None:
        """Keep a decision that came after the review was closed, once."""
        self._proved(request)
        entry = ending(
            "void", request, "the review was closed before", self.reviewer, late="yes", decision=self.decision
        )
        mine = (record for record in records if record.by == self.reviewer and record.version == self.version)
        known = any(
            record.facts.get("request") == request.record.hash
            and (record.kind in ("approval", "rejection") or "decision" in record.facts)
            for record in mine
        )
        return None if known else entry


def _promote_approved(client: MlflowClient, name: str, version: str, records: Records) -> tuple[Records, str | None]:
    request = request_for(records, version)
    if request is not None and request.state == "approved":
        records = promote(client, name, version)
        request = request_for(records, version)
    if request is not None and request.state == "void" and request.closed is not None:
        return records, _void(name, version, request.closed.reason)
    return records, None


def promote(client: MlflowClient, name: str, version: str) -> Records:
    """Make an approved version champion, or its request void when something has changed meanwhile."""

    def decide(records: Records) -> Entry | None:
        request = request_for(records, version)
        if request is None or request.state != "approved":
            return None
        fault = fault_in(client, client.get_model_version(name, version), request, records)
        if fault is not None:
            return ending("void", request, fault)
        by = ", ".join(dict.fromkeys(record.by for record in request.approvals)) or "nobody"
        why = "approved" if request.approvals else "review: never is declared in the problem"
        return move("promotion", version, by, why, {"request": request.record.hash})

    return transact(client, name, decide)


def closed(name: str, version: str, request: Request | None) -> str:
    """Say that a version waits for nothing."""
    state = "none" if request is None else {"promoted": "approved"}.get(request.state, request.state)
    by = f" by {request.closed.by}" if request and request.closed and request.closed.by else ""
    return f"{name} version {version} waits for no decision; its review: {state}{by}"


def _void(name: str, version: str, fault: str) -> str:
    return f"the review of {name} version {version} is void: {fault}. Train again to have it judged again"
