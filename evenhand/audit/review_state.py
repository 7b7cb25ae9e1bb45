"""What a ledger tells: which version is and was champion, why, and where a request for review stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from evenhand.audit.chain import MOVES, Record, sha256
from evenhand.problem import Reviewer, ReviewPolicy

State = Literal["pending", "approved", "promoted", "rejected", "expired", "void"]


@dataclass(frozen=True)
class Standing:
    """Who is champion."""

    champion: str = ""
    """Version, or empty for none."""
    promoted: tuple[str, ...] = ()
    """Champions by promotion, oldest first, without those that were rolled back."""
    moved: Record | None = None
    """What made it so."""

    @property
    def in_order(self) -> bool:
        """Whether the champion came in by a promotion or a rollback."""
        return self.champion == (self.promoted[-1] if self.promoted else "")

    @property
    def previous(self) -> str:
        """Version that a rollback puts back, or empty."""
        before = self.promoted[:-1] if self.in_order else self.promoted
        return before[-1] if before else ""


@dataclass(frozen=True)
class Request:
    """A request for review, and what came of it."""

    record: Record
    state: State
    approvals: tuple[Record, ...] = ()
    closed: Record | None = None
    """What ended it."""

    @property
    def policy(self) -> ReviewPolicy:
        """The policy it was filed under."""
        return ReviewPolicy.model_validate_json(self.record.facts["policy"])


def standing(records: Sequence[Record]) -> Standing:
    """Tell who is champion after these records."""
    now = Standing()
    for record in records:
        if record.kind not in MOVES:
            continue
        promoted = now.promoted
        if record.kind == "promotion":
            promoted = (*promoted, record.version)
        elif record.kind == "rollback":
            promoted = promoted[:-1] if now.in_order else promoted
        now = Standing(record.version, promoted, record)
    return now


def standing_on(records: Sequence[Record], when: str) -> Standing:
    """Tell who was champion at the end of a date, or at a time, in UTC (ISO 8601)."""
    end = when if "T" in when else f"{when}T23:59:59"
    return standing([record for record in records if record.at[: len(end)] <= end])


def request_for(records: Sequence[Record], version: str) -> Request | None:
    """Find the latest request for a version; None when there was none."""
    filed = [r for r in records if r.kind == "request" and r.version == version]
    if not filed:
        return None
    own = filed[-1]
    after = [r for r in records[own.seq :] if r.facts.get("request") == own.hash]
    approvals = tuple(r for r in after if r.kind == "approval")
    ends: dict[str, State] = {"promotion": "promoted", "rejection": "rejected", "expiry": "expired", "void": "void"}
    for record in after:
        if record.kind in ends and "late" not in record.facts:
            return Request(own, ends[record.kind], approvals, record)
    open_ = Request(own, "pending", approvals)
    return Request(own, "approved", approvals) if missing(open_) is None else open_


def missing(request: Request) -> str | None:
    """Say what a request lacks to be promoted; None when it has all."""
    policy = request.policy
    if policy.review == "never":
        return None
    who = {record.by for record in request.approvals}
    if len(who) < policy.quorum:
        return f"{len(who)} of {policy.quorum} approvals"
    trained = request.record.facts.get("trained_by", "")
    if policy.four_eyes and all(trained_by(policy, name, trained) for name in who):
        return "who trained it can't approve it alone"
    return None


def trained_by(policy: ReviewPolicy, reviewer: str, trained: str) -> bool:
    """Tell whether a reviewer is among those who trained; when nobody knows who trained, anybody may have."""
    accounts = {name.strip().casefold() for name in trained.split(",")} - {""}
    known = find_reviewer(policy, reviewer)
    own = {reviewer.casefold(), (known.user or reviewer).casefold() if known else reviewer.casefold()}
    return not accounts or bool(accounts & own)


def find_reviewer(policy: ReviewPolicy, name: str) -> Reviewer | None:
    """Find a declared reviewer."""
    return next((reviewer for reviewer in policy.reviewers if reviewer.name == name), None)


def latest_verdict(records: Sequence[Record], version: str) -> Record | None:
    """Find the verdict that holds for a version."""
    return next((r for r in reversed(records) if r.kind == "verdict" and r.version == version), None)


def why(records: Sequence[Record]) -> list[Record]:
    """Collect the records that made the champion one, oldest first."""
    now = standing(records)
    if now.moved is None:
        return []
    before = [r for r in records[: now.moved.seq - 1] if r.version == now.champion]
    chosen = [next((r for r in before if r.kind == "registration"), None), latest_verdict(before, now.champion)]
    promotion = next((r for r in reversed([*before, now.moved]) if r.kind == "promotion"), None)
    if promotion is not None:
        asked = promotion.facts.get("request")
        chosen += [r for r in before if r.hash == asked or (r.kind == "approval" and r.facts.get("request") == asked)]
        chosen.append(promotion)
    found = {r.seq: r for r in (*chosen, now.moved) if r is not None}
    return [found[seq] for seq in sorted(found)]


def decision_digest(request: Record, decision: str, reviewer: str) -> str:
    """Hash what a reviewer signs: the request, and by it all that was judged, the decision and the name."""
    return sha256({"request": request.hash, "decision": decision, "reviewer": reviewer})
