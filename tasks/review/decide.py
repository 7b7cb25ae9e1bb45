"""A reviewer's decision on a pending review: identified, checked, recorded; the last required approval promotes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from evenhand.audit.chain import RecordBody
from evenhand.audit.requests import SIGNATURE, STATEMENT, Request, open_requirement, statement_of
from evenhand.audit.review_state import latest_request
from evenhand.errors import GateError
from evenhand.text.person_names import name_key
from tasks.registry.champion_alias import add_record
from tasks.registry.ledger_store import Records
from tasks.registry.model_versions import ModelName, now, read_version, registry_errors
from tasks.review.approve import check_approval, check_passed, conditions_to_acknowledge, promote_version
from tasks.review.requests import expiry_record, is_expired, is_open, not_pending, review_record, tag_review
from tasks.review.reviewers import AT_THIS_MACHINE, Proof, clean_name, find_declared, prove
from tasks.tracking.client import connect

if TYPE_CHECKING:
    from mlflow import MlflowClient

COMMENT_LENGTH = 1_000
Choice = Literal["approve", "reject"]


@dataclass(frozen=True)
class ReviewAnswer:
    """A reviewer's answer to a pending review.

    Attributes
    ----------
    decision : {"approve", "reject"}
    reviewer : str
        Name of the person who decides; where reviewers are declared, one of them.
    comment : str
    acknowledged : tuple of str
        Undecided conditions that the reviewer accepts by name.
    proof : Proof
    request : str
        Hash of the request that the reviewer has seen; empty accepts the current one.
    """

    decision: Choice
    reviewer: str
    comment: str = ""
    acknowledged: tuple[str, ...] = ()
    proof: Proof = AT_THIS_MACHINE
    request: str = ""


class Decision(BaseModel):
    """The result of a decision."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelName
    version: str
    state: Literal["approved", "rejected", "pending"]
    reviewer: str
    comment: str
    aliases: tuple[str, ...]
    lacks: str = Field(default="", description="what a pending review still needs")
    signed: str = Field(default="", description="what the reviewer signed, with the signature; empty without a key")


def decide_review(name: ModelName, version: str, answer: ReviewAnswer) -> Decision:
    """Record a decision on a pending review; the last required approval moves alias ``champion``.

    Raises
    ------
    GateError
        When the reviewer has no name, is not declared or can't be identified, or no review is pending. When something
        under review has changed, or the champion is not the one compared with, an approval is refused and the review
        is closed as void.
    """
    reviewer = clean_name(answer.reviewer)
    if len(answer.comment) > COMMENT_LENGTH:
        raise GateError(f"the comment has {len(answer.comment):,} characters; {COMMENT_LENGTH:,} are allowed")
    with registry_errors(f"reviewing {name} version {version}"):
        client = connect()
        attempt = _Attempt(client, name, version, answer, reviewer)
        records = add_record(client, name, attempt.decide)
        if attempt.refusal is None and answer.decision == "approve":
            records, attempt.refusal = _promote_if_approved(client, name, version, records)
        tag_review(client, name, version, records)
        if attempt.refusal is not None:
            raise GateError(attempt.refusal)
        request = latest_request(records, version)
        lacks = (open_requirement(request) or "") if request and request.state == "pending" else ""
        aliases = read_version(client, name, version).aliases
    state: Literal["approved", "rejected", "pending"] = "rejected" if answer.decision == "reject" else "approved"
    return Decision(
        model=name,
        version=version,
        state="pending" if lacks else state,
        reviewer=attempt.reviewer,
        comment=attempt.comment,
        aliases=aliases,
        lacks=lacks,
        signed=attempt.proof.get(STATEMENT, "") + attempt.proof.get(SIGNATURE, ""),
    )


@dataclass
class _Attempt:
    """An attempt to record an answer; it is decided again whenever another record was appended first."""

    client: MlflowClient
    name: ModelName
    version: str
    answer: ReviewAnswer
    reviewer: str
    comment: str = ""
    """The one that was signed, where the reviewer signs."""
    proof: dict[str, str] = field(default_factory=dict)
    refusal: str | None = None

    def decide(self, records: Records) -> RecordBody | None:
        self.refusal = None
        request = latest_request(records, self.version)
        if not is_open(request):
            self.refusal = not_pending(self.name, self.version, request)
            return self._late_record(request, records) if request else None
        if self.answer.request not in ("", request.record.hash):
            self.refusal = f"the review of {self.name} version {self.version} was requested again after it was shown"
            return None
        return self._record(request, records)

    def _record(self, request: Request, records: Records) -> RecordBody | None:
        if self._repeats_approval(request) and not is_expired(request):
            return None
        self._prove(request)
        if is_expired(request):
            self.refusal = f"the review of {self.name} version {self.version} has expired; train again for a new one"
            return expiry_record(request)
        if self.answer.decision == "reject":
            return review_record("rejection", request, self.comment, self.reviewer, **self.proof)
        accepted = set(json.loads(self.proof.get("acknowledged", "[]")))
        missing = conditions_to_acknowledge(records, self.version) - accepted
        if missing:
            options = " ".join(f'--acknowledge "{name}"' for name in sorted(missing))
            self.refusal = f"the gate left to the reviewer: {'; '.join(sorted(missing))}. To accept it, add {options}"
            return None
        approval = review_record("approval", request, self.comment, self.reviewer, **self.proof)
        fault = check_approval(self.client, self.name, request, records) or check_passed(records, request, [approval])
        if fault is not None:
            self.refusal = _void(self.name, self.version, fault)
            return review_record("void", request, fault, self.reviewer, decision=self.answer.decision)
        return None if self._has_approved(request) else approval

    def _prove(self, request: Request) -> None:
        declared, answer = find_declared(request.reviewers, self.reviewer), self.answer
        self.reviewer = declared.name if declared else self.reviewer
        own = {"reviewer": self.reviewer, "comment": answer.comment, "acknowledged": answer.acknowledged, "at": now()}
        signed, self.proof = prove(declared, statement_of(request, answer.decision, **own), answer.proof)
        self.comment = signed.comment

    def _has_approved(self, request: Request) -> bool:
        return any(name_key(record.by) == name_key(self.reviewer) for record in request.approvals)

    def _repeats_approval(self, request: Request) -> bool:
        """Whether a form repeats an approval from a terminal, by a reviewer who can't be identified in a form."""
        declared = find_declared(request.reviewers, self.reviewer)
        by_account = declared is not None and declared.key is None
        return self._has_approved(request) and self.answer.decision == "approve" and by_account

    def _late_record(self, request: Request, records: Records) -> RecordBody | None:
        """Record a decision on a review that is already closed, once."""
        self._prove(request)
        own = (record for record in records if record.by == self.reviewer and record.version == self.version)
        known = any(
            record.facts.get("request") == request.record.hash
            and (record.kind in ("approval", "rejection") or "decision" in record.facts)
            for record in own
        )
        if known:
            return None
        reason = "the review was already closed"
        return review_record("void", request, reason, self.reviewer, late="yes", decision=self.answer.decision)


def _promote_if_approved(
    client: MlflowClient, name: ModelName, version: str, records: Records
) -> tuple[Records, str | None]:
    request = latest_request(records, version)
    if request is not None and request.state == "approved":
        records = promote_version(client, name, version)
        request = latest_request(records, version)
    if request is not None and request.state == "void" and request.closed is not None:
        return records, _void(name, version, request.closed.reason)
    return records, None


def _void(name: str, version: str, fault: str) -> str:
    return f"the review of {name} version {version} is void: {fault}. Train again for a new review"
