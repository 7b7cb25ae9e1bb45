"""What the records of a ledger mean: which version is champion and why, and the state of each review.

A record counts only with what it rests on. A promotion without the approvals that its rules require is no promotion,
and a signed decision counts only when its signature is that of the declared key, whoever wrote the record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from evenhand.audit.chain import ALIAS_MOVES, Record
from evenhand.audit.requests import (
    COMPARED_WITH,
    MODEL_SHA256,
    REGISTRATION,
    RULES,
    VERDICT_SHA256,
    Request,
    RequestState,
    Rules,
    counted_approvals,
    may_be_approved,
    open_requirement,
    proof_fault,
    recorded_rules,
)
from evenhand.audit.statements import Statement
from evenhand.errors import GateError

_CLOSING: dict[str, RequestState] = {
    "promotion": "promoted",
    "rejection": "rejected",
    "expiry": "expired",
    "void": "void",
}


@dataclass(frozen=True)
class Promoted:
    """A version that became champion, known by its bytes and its creation, not by its number."""

    version: str
    model_sha256: str
    created: str
    """Time of creation in MLflow, milliseconds."""
    move: Record
    """The promotion, or the seal that took it over."""


@dataclass(frozen=True)
class ChampionState:
    """The champion according to the ledger."""

    promotions: tuple[Promoted, ...] = ()
    """Oldest first, without those that were rolled back; the last one is the champion."""
    last_move: Record | None = None
    """The promotion or rollback that made this version champion."""
    rules: Rules | None = None
    """Those in force: of the last promotion."""
    refused: tuple[tuple[Record, str], ...] = ()
    """Promotions, rollbacks and seals that count for nothing, and why."""

    @property
    def current(self) -> Promoted | None:
        """The champion."""
        return self.promotions[-1] if self.promotions else None

    @property
    def champion(self) -> str:
        """Version of the champion, or empty for none."""
        return self.promotions[-1].version if self.promotions else ""

    @property
    def previous(self) -> Promoted | None:
        """What a rollback restores."""
        return self.promotions[-2] if len(self.promotions) > 1 else None


@dataclass
class _Fold:
    """The state after each record, while the records are read in order."""

    records: Sequence[Record]
    state: ChampionState = field(default_factory=ChampionState)

    def add(self, record: Record) -> None:
        before = self.records[: record.seq - 1]
        try:
            self.state = self._after(before, record)
        except GateError as fault:  # a record that lacks what every one of its kind has
            self.state = self._refused(record, str(fault))

    def _after(self, before: Sequence[Record], record: Record) -> ChampionState:
        if record.kind == "seal":
            fault = _seal_fault(before)
            return self._refused(record, fault) if fault else _sealed_state(record)
        if record.kind in ALIAS_MOVES:
            promotion = record.kind == "promotion"
            fault = (_promotion_fault if promotion else _rollback_fault)(before, record, self.state)
            return self._refused(record, fault) if fault else self._moved(before, record)
        return self.state

    def _refused(self, record: Record, fault: str) -> ChampionState:
        return replace(self.state, refused=(*self.state.refused, (record, fault)))

    def _moved(self, before: Sequence[Record], record: Record) -> ChampionState:
        if record.kind == "rollback":
            left = self.state.promotions[:-1] if record.version else ()
            return replace(self.state, promotions=left, last_move=record)
        registration, request = find_registration(before, record.version), _request_of(before, record)
        assert registration is not None  # noqa: S101 - the promotion has no fault
        assert request is not None  # noqa: S101
        promoted = Promoted(record.version, registration.fact(MODEL_SHA256), registration.fact("created"), record)
        rules = Request(request, "promoted").rules
        return replace(self.state, promotions=(*self.state.promotions, promoted), last_move=record, rules=rules)


def champion_state(records: Sequence[Record]) -> ChampionState:
    """Return the champion after these records; records before a seal count as the seal says."""
    fold = _Fold(records)
    for record in records:
        fold.add(record)
    return fold.state


def champion_state_on(records: Sequence[Record], when: str) -> ChampionState:
    """Return the champion at the end of a date, or at a time, in UTC (ISO 8601)."""
    end = when if "T" in when else f"{when}T23:59:59"
    fold = _Fold(records)
    for record in records:
        if record.at[: len(end)] <= end:
            fold.add(record)
    return fold.state


def find_registration(records: Sequence[Record], version: str) -> Record | None:
    """Find the registration of a version.

    When a deleted model was made again with the same numbers, it is that of the latest creation; of several records
    about it the first, since a version is registered once.
    """
    found = [r for r in records if r.kind == "registration" and r.version == version]
    same = (r for r in found if r.facts.get("created") == found[-1].facts.get("created"))
    return next(same, None)


def latest_request(records: Sequence[Record], version: str) -> Request | None:
    """Find the latest request for a review of a version; None when there was none since its registration."""
    registration = find_registration(records, version)
    start = registration.seq if registration else 0
    own = next((r for r in reversed(records[start:]) if r.kind == "request" and r.version == version), None)
    if own is None or REGISTRATION not in own.facts or RULES not in own.facts:
        return None
    in_force = champion_state(records[: own.seq]).rules
    after = [r for r in records[own.seq :] if r.facts.get("request") == own.hash]
    for record in after:
        if record.kind in _CLOSING and "late" not in record.facts:
            approvals = counted_approvals(own, after, in_force)
            if record.kind == "promotion" and _promotion_fault(
                records[: record.seq - 1], record, champion_state(records[: record.seq - 1])
            ):
                continue  # no promotion
            return Request(own, _CLOSING[record.kind], approvals, record, in_force)
    pending = Request(own, "pending", counted_approvals(own, after, in_force), None, in_force)
    return replace(pending, state="approved") if open_requirement(pending) is None else pending


def latest_verdict(records: Sequence[Record], version: str) -> Record | None:
    """Find the latest verdict on a version since its registration."""
    registration = find_registration(records, version)
    start = registration.seq if registration else 0
    return next((r for r in reversed(records[start:]) if r.kind == "verdict" and r.version == version), None)


def champion_records(records: Sequence[Record]) -> list[Record]:
    """Collect the records that explain the current champion, oldest first."""
    state = champion_state(records)
    if state.current is None or state.last_move is None:
        return []
    promotion = state.current.move
    before = records[: promotion.seq - 1]
    chosen = [find_registration(before, state.champion), latest_verdict(before, state.champion)]
    request = promotion.facts.get("request")
    chosen += [r for r in before if r.hash == request or (r.kind == "approval" and r.facts.get("request") == request)]
    found = {r.seq: r for r in (*chosen, promotion, state.last_move) if r is not None}
    return [found[seq] for seq in sorted(found)]


# --- what a record rests on ----------------------------------------------------------------------------------------


def rollback_statement(state: ChampionState, version: str, **own: object) -> Statement:
    """Return the statement that a reviewer signs about a rollback to the previous champion, or to none (empty)."""
    if state.current is None or state.last_move is None:
        raise GateError("there is no champion, so there is nothing to roll back")
    previous = state.previous if version else None
    return Statement.model_validate(
        {
            "decision": "roll back",
            "model": state.last_move.model,
            "version": previous.version if previous else "",
            "model_sha256": previous.model_sha256 if previous else "",
            "verdict_sha256": "",
            "policy_sha256": state.rules.sha256 if state.rules else "",
            "record": state.last_move.hash,
            **own,
        }
    )


def _request_of(before: Sequence[Record], promotion: Record) -> Record | None:
    wanted = promotion.facts.get("request")
    return next((r for r in before if r.kind == "request" and r.hash == wanted), None)


def _promotion_fault(before: Sequence[Record], record: Record, state: ChampionState) -> str | None:
    """Say why a promotion counts for nothing; None when everything that it needs was recorded before it."""
    request, registration = _request_of(before, record), find_registration(before, record.version)
    if request is None or request.version != record.version:
        return "there is no request for it"
    if registration is None or request.facts.get(REGISTRATION) != registration.hash:
        return "its request is not about the registered version"
    try:
        recorded_rules(request)
    except GateError as fault:
        return str(fault)
    after = [r for r in before[request.seq :] if r.facts.get("request") == request.hash]
    approvals = counted_approvals(request, after, state.rules)
    verdict = latest_verdict(before, record.version)
    faults = {
        "its request was closed before": any(_closes(r, state) for r in after),
        "its request is about other files than the registered ones": not _agree(request, registration, MODEL_SHA256),
        "it was compared with another champion": request.facts.get(COMPARED_WITH, "") != state.champion,
        "its request is about another verdict": verdict is None or not _agree(request, verdict, VERDICT_SHA256),
        "the gate did not pass it": not may_be_approved(verdict, approvals),
    }
    found = next((fault for fault, holds in faults.items() if holds), None)
    if found is not None:
        return found
    lacks = open_requirement(Request(request, "pending", approvals, None, state.rules))
    return f"it lacks {lacks}" if lacks else None


def _closes(record: Record, state: ChampionState) -> bool:
    counts = all(refused.hash != record.hash for refused, _ in state.refused)
    return record.kind in _CLOSING and "late" not in record.facts and counts


def _agree(one: Record, other: Record, fact: str) -> bool:
    return one.facts.get(fact, "") == other.facts.get(fact, "") != ""


def _rollback_fault(before: Sequence[Record], record: Record, state: ChampionState) -> str | None:
    if state.current is None:
        return "there is no champion"
    if record.version not in ("", state.previous.version if state.previous else ""):
        return "it does not restore the previous champion"
    expected = rollback_statement(state, record.version, reviewer=record.by, comment="", at="")
    since = state.last_move.at if state.last_move else ""
    return proof_fault(record, expected, state.rules.policy.reviewers if state.rules else (), since)


def needs_seal(records: Sequence[Record]) -> bool:
    """Whether a ledger was written by an earlier version, which knew no digests and no signatures."""
    return _seal_fault(records) is None


def unsealed_promotions(records: Sequence[Record]) -> list[str]:
    """Return the versions that an earlier version's records promoted and did not roll back, oldest first."""
    found: list[str] = []
    for record in records:
        if record.kind == "promotion":
            found.append(record.version)
        elif record.kind == "rollback" and found:
            found.pop()
    return found


def _seal_fault(before: Sequence[Record]) -> str | None:
    """Say why a seal counts for nothing: only a champion of an earlier version of the format can be sealed, once."""
    newer = any(r.kind == "seal" or (r.kind == "registration" and MODEL_SHA256 in r.facts) for r in before)
    earlier = any(r.kind == "promotion" for r in before)
    return "the records before it need no seal" if newer or not earlier else None


def _sealed_state(seal: Record) -> ChampionState:
    """Return the state that a seal takes over from records of an earlier version."""
    try:
        promotions = tuple(
            Promoted(str(item["version"]), str(item["model_sha256"]), str(item["created"]), seal)
            for item in seal.list_fact("promotions")
        )
    except (KeyError, TypeError):
        raise GateError(f"record {seal.seq}, a seal, has no readable promotions") from None
    return ChampionState(promotions, seal, recorded_rules(seal) if RULES in seal.facts else None)
