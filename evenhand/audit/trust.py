"""Which records of a ledger count where reviewers have keys: those that the witness or a signature vouches for."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from evenhand.audit.chain import Record
from evenhand.audit.requests import REGISTRATION, VERDICT_SHA256, Request, person, proof_fault, statement_of
from evenhand.audit.review_state import champion_state, rollback_statement
from evenhand.errors import GateError
from evenhand.problem import ReviewPolicy

UNWITNESSED = "unwitnessed"


def vouched_records(records: Sequence[Record], written: Collection[str], policy: ReviewPolicy) -> tuple[Record, ...]:
    """Take the effect from records that nobody vouches for; number and hash of each stay.

    A record counts when a process with this witness has written it. A promotion counts also when reviewers of the
    policy have signed its request, as many as the quorum, and with it what they have signed: request, approvals,
    registration and verdict. A rollback counts also when one of them has signed it. Evaluations always count: one more
    only makes the next one stricter.

    Parameters
    ----------
    records : sequence of Record
    written : collection of str
        Hashes of the records that the witness has as written.
    policy : ReviewPolicy
        Of the problem file. Without keys, every record counts.

    Returns
    -------
    tuple of Record
        Those that count for nothing have the kind ``unwitnessed``.
    """
    if not policy.has_keys:
        return tuple(records)
    kept = {r.seq for r in records if r.hash in written or r.kind in ("evaluation", "out of band")}
    sealed = next((r.seq for r in reversed(records) if r.kind == "seal" and r.hash in written), 0)
    kept |= set(range(1, sealed))  # they count as the seal says
    for record in records:
        if record.kind == "promotion" and record.seq not in kept:
            kept |= _signed_promotion(records, record, policy)
    found: list[Record] = []
    for record in records:
        counts = record.seq in kept or (record.kind == "rollback" and _signed_rollback(found, record, policy))
        found.append(record if counts else record.model_copy(update={"kind": UNWITNESSED, "reason": record.kind}))
    return tuple(found)


def _signed_promotion(records: Sequence[Record], promotion: Record, policy: ReviewPolicy) -> set[int]:
    """Return the numbers of a promotion and of what it rests on; empty when too few reviewers have signed it."""
    before = records[: promotion.seq - 1]
    request = next((r for r in before if r.kind == "request" and r.hash == promotion.facts.get("request")), None)
    if request is None or REGISTRATION not in request.facts:
        return set()
    keyed = [reviewer for reviewer in policy.reviewers if reviewer.key is not None]
    signed: dict[str, int] = {}
    for record in before[request.seq :]:
        if record.kind == "approval" and record.facts.get("request") == request.hash:
            expected = statement_of(Request(request, "pending"), "approve", reviewer=record.by, comment="", at="")
            if proof_fault(record, expected, keyed, request.at) is None:
                signed[person(policy, record.by)] = record.seq
    if len(signed) < policy.quorum:
        return set()
    registration = next((r for r in before if r.hash == request.fact(REGISTRATION)), None)
    judged = (r for r in reversed(before) if r.kind == "verdict" and r.version == request.version)
    verdict = next((r for r in judged if r.facts.get(VERDICT_SHA256) == request.facts.get(VERDICT_SHA256)), None)
    rests_on = [r.seq for r in (promotion, request, registration, verdict) if r is not None]
    return {*rests_on, *signed.values()}


def _signed_rollback(before: Sequence[Record], record: Record, policy: ReviewPolicy) -> bool:
    keyed = [reviewer for reviewer in policy.reviewers if reviewer.key is not None]
    state = champion_state(before)
    try:
        expected = rollback_statement(state, record.version, reviewer=record.by, comment="", at="")
    except GateError:
        return False
    return proof_fault(record, expected, keyed, state.last_move.at if state.last_move else "") is None
