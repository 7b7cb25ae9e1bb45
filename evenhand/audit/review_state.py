"""What the records of a ledger mean: which version is champion and why, and the state of each review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from evenhand.audit.chain import ALIAS_MOVES, Record, sha256
from evenhand.problem import Reviewer, ReviewPolicy

RequestState = Literal["pending", "approved", "promoted", "rejected", "expired", "void"]
_CLOSING: dict[str, RequestState] = {
    "promotion": "promoted",
    "rejection": "rejected",
    "expiry": "expired",
    "void": "void",
}


@dataclass(frozen=True)
class ChampionState:
    """The champion according to the ledger."""

    champion: str = ""
    """Version, or empty for none."""
    promotions: tuple[str, ...] = ()
    """Promoted versions, oldest first, without those that were rolled back."""
    last_move: Record | None = None
    """The record that made this version champion."""

    @property
    def was_promoted(self) -> bool:
        """Whether the champion is the result of a promotion or a rollback, not of an alias moved by hand."""
        return self.champion == (self.promotions[-1] if self.promotions else "")

    @property
    def previous(self) -> str:
        """Version that a rollback restores, or empty."""
        before = self.promotions[:-1] if self.was_promoted else self.promotions
        return before[-1] if before else ""


@dataclass(frozen=True)
class Request:
    """A request for review with its state."""

    record: Record
    state: RequestState
    approvals: tuple[Record, ...] = ()
    closed: Record | None = None
    """The record that closed it."""

    @property
    def policy(self) -> ReviewPolicy:
        """The review policy at the time of the request."""
        return ReviewPolicy.model_validate_json(self.record.facts["policy"])


def champion_state(records: Sequence[Record]) -> ChampionState:
    """Return the champion after these records."""
    now = ChampionState()
    for record in records:
        if record.kind not in ALIAS_MOVES:
            continue
        promotions = now.promotions
        if record.kind == "promotion":
            promotions = (*promotions, record.version)
        elif record.kind == "rollback":
            promotions = promotions[:-1] if now.was_promoted else promotions
        now = ChampionState(record.version, promotions, record)
    return now


def champion_state_on(records: Sequence[Record], when: str) -> ChampionState:
    """Return the champion at the end of a date, or at a time, in UTC (ISO 8601)."""
    end = when if "T" in when else f"{when}T23:59:59"
    return champion_state([record for record in records if record.at[: len(end)] <= end])


def latest_request(records: Sequence[Record], version: str) -> Request | None:
    """Find the latest request for a review of a version; None when there was none."""
    requests = [r for r in records if r.kind == "request" and r.version == version]
    if not requests:
        return None
    own = requests[-1]
    after = [r for r in records[own.seq :] if r.facts.get("request") == own.hash]
    approvals = tuple(r for r in after if r.kind == "approval")
    for record in after:
        if record.kind in _CLOSING and "late" not in record.facts:
            return Request(own, _CLOSING[record.kind], approvals, record)
    pending = Request(own, "pending", approvals)
    return Request(own, "approved", approvals) if open_requirement(pending) is None else pending


def open_requirement(request: Request) -> str | None:
    """Return what a request still needs before the version can be promoted; None when nothing is missing."""
    policy = request.policy
    if policy.review == "never":
        return None
    approvers = {record.by for record in request.approvals}
    if len(approvers) < policy.quorum:
        return f"approvals ({len(approvers)} of {policy.quorum} so far)"
    accounts = request.record.facts.get("trained_by", "")
    if policy.four_eyes and all(is_trainer(policy, name, accounts) for name in approvers):
        return "the approval of somebody who did not train it"
    return None


def is_trainer(policy: ReviewPolicy, reviewer: str, training_accounts: str) -> bool:
    """Whether a reviewer is one of the accounts that trained; True for everybody when no account is known."""
    accounts = {name.strip().casefold() for name in training_accounts.split(",")} - {""}
    declared = find_reviewer(policy, reviewer)
    own = {reviewer.casefold(), (declared.user or reviewer).casefold() if declared else reviewer.casefold()}
    return not accounts or bool(accounts & own)


def find_reviewer(policy: ReviewPolicy, name: str) -> Reviewer | None:
    """Find a declared reviewer by name."""
    return next((reviewer for reviewer in policy.reviewers if reviewer.name == name), None)


def latest_verdict(records: Sequence[Record], version: str) -> Record | None:
    """Find the latest verdict on a version."""
    return next((r for r in reversed(records) if r.kind == "verdict" and r.version == version), None)


def champion_records(records: Sequence[Record]) -> list[Record]:
    """Collect the records that explain the current champion, oldest first."""
    now = champion_state(records)
    if now.last_move is None:
        return []
    before = [r for r in records[: now.last_move.seq - 1] if r.version == now.champion]
    chosen = [next((r for r in before if r.kind == "registration"), None), latest_verdict(before, now.champion)]
    promotion = next((r for r in reversed([*before, now.last_move]) if r.kind == "promotion"), None)
    if promotion is not None:
        request = promotion.facts.get("request")
        chosen += [
            r for r in before if r.hash == request or (r.kind == "approval" and r.facts.get("request") == request)
        ]
        chosen.append(promotion)
    found = {r.seq: r for r in (*chosen, now.last_move) if r is not None}
    return [found[seq] for seq in sorted(found)]


def decision_digest(request: Record, decision: str, reviewer: str) -> str:
    """Hash what a reviewer signs: the request (which covers everything under review), the decision and the name."""
    return sha256({"request": request.hash, "decision": decision, "reviewer": reviewer})
