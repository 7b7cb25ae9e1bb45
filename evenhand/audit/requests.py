"""A request for review: the rules that bind it, the approvals that count, and what it still lacks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from evenhand.audit.chain import Record, RecordBody, sha256
from evenhand.audit.statements import Statement, check_signature, parse_statement
from evenhand.errors import GateError
from evenhand.problem import Reviewer, ReviewPolicy
from evenhand.problem.signing_keys import parse_key
from evenhand.text.person_names import name_key

RequestState = Literal["pending", "approved", "promoted", "rejected", "expired", "void"]
# Facts that a request repeats from its registration, its verdict and its rules, and that a decision is bound to.
MODEL_SHA256, VERDICT_SHA256, POLICY_SHA256 = "model_sha256", "verdict_sha256", "policy_sha256"
REGISTRATION, COMPARED_WITH, ACKNOWLEDGE = "registration", "compared_with", "acknowledge"
RULES = "rules"
STATEMENT, SIGNATURE, TRACKING_USER = "statement", "signature", "tracking_user"


@dataclass(frozen=True)
class Rules:
    """Gate and review rules of a problem, as its file had them."""

    policy: ReviewPolicy
    sha256: str
    """Of the gate's and the review's rules together."""
    text: str = ""
    """Both as JSON, for a record."""


def recorded_rules(record: Record) -> Rules:
    """Read the rules in a record.

    Raises
    ------
    GateError
        When they are missing, or not those of the digest beside them.
    """
    text, digest = record.facts.get(RULES, ""), record.facts.get(POLICY_SHA256, "")
    try:
        rules = json.loads(text)
        policy = ReviewPolicy.model_validate(rules["review"])
    except (ValueError, KeyError, TypeError):
        raise GateError(f"record {record.seq}, a {record.kind}, has no readable rules") from None
    if sha256(rules) != digest:
        raise GateError(f"record {record.seq}, a {record.kind}, has other rules than those of its digest")
    return Rules(policy, digest, text)


@dataclass(frozen=True)
class Request:
    """A request for review with its state."""

    record: Record
    state: RequestState
    approvals: tuple[Record, ...] = ()
    """Those that count."""
    closed: Record | None = None
    """The record that closed it."""
    in_force: Rules | None = None
    """Rules of the champion's promotion, which must agree as well when the request has others."""

    @property
    def rules(self) -> Rules:
        """The rules at the time of the request."""
        return recorded_rules(self.record)

    @property
    def policy(self) -> ReviewPolicy:
        """The review policy at the time of the request."""
        return self.rules.policy

    @property
    def binding(self) -> tuple[Rules, ...]:
        """The rules that must agree: those of the request and, when they differ, those in force."""
        own = self.rules
        return (own, self.in_force) if self.in_force and self.in_force.sha256 != own.sha256 else (own,)

    @property
    def reviewers(self) -> tuple[Reviewer, ...]:
        """Who may decide, by any of the binding rules."""
        found = {name_key(r.name): r for rules in reversed(self.binding) for r in rules.policy.reviewers}
        return tuple(found.values())


def open_requirement(request: Request) -> str | None:
    """Return what a request still needs before the version can be promoted; None when nothing is missing."""
    for rules in request.binding:
        missing = _missing(request, rules)
        if missing is not None:
            change = ", by the rules in force, which this version's problem file changes"
            return missing + (change if rules is request.in_force else "")
    return None


def _missing(request: Request, rules: Rules) -> str | None:
    policy = rules.policy
    if policy.review == "never":
        return None
    names = {r.by for r in request.approvals if not policy.reviewers or policy.find(r.by) is not None}
    approvers = {person(policy, name): name for name in sorted(names)}
    if len(approvers) < policy.quorum:
        return f"approvals ({len(approvers)} of {policy.quorum} so far)"
    accounts = request.record.facts.get("trained_by", "")
    if policy.four_eyes and all(is_trainer(policy, name, accounts) for name in approvers.values()):
        return "the approval of somebody who did not train it"
    return None


def person(policy: ReviewPolicy, name: str) -> str:
    """Return what makes two approvals those of one person: the key, or the name where there is none."""
    declared = policy.find(name)
    return parse_key(declared.key).line if declared is not None and declared.key else name_key(name)


def is_trainer(policy: ReviewPolicy, reviewer: str, training_accounts: str) -> bool:
    """Whether a reviewer is one of the accounts that trained; True for everybody when no account is known."""
    accounts = {name_key(name) for name in training_accounts.split(",")} - {""}
    declared = policy.find(reviewer)
    own = {name_key(reviewer), name_key((declared.user or reviewer) if declared else reviewer)}
    return not accounts or bool(accounts & own)


def statement_of(request: Request, decision: Literal["approve", "reject"], **own: object) -> Statement:
    """Return the statement that a reviewer signs about a request; ``own`` is reviewer, comment, time and so on."""
    bound = {name: request.record.fact(name) for name in (MODEL_SHA256, VERDICT_SHA256, POLICY_SHA256)}
    return Statement.model_validate(
        {
            "decision": decision,
            "model": request.record.model,
            "version": request.record.version,
            "record": request.record.hash,
            **bound,
            **own,
        }
    )


def proof_fault(record: Record, expected: Statement, reviewers: Sequence[Reviewer], since: str = "") -> str | None:
    """Say why a decision is not that of its reviewer; None when it is.

    Parameters
    ----------
    record : Record
        Of the decision; its facts hold the proof.
    expected : Statement
        What it must be about; reviewer, comment, acknowledged conditions and time are the record's own.
    reviewers : sequence of Reviewer
        Declared ones; when there is none, a name is enough.
    since : str
        Time of what was decided about, before which no decision can have been made (ISO 8601).
    """
    if not reviewers:
        return None
    declared = next((r for r in reviewers if name_key(r.name) == name_key(record.by)), None)
    if declared is None:
        return f"{record.by} is not among the declared reviewers"
    if declared.key is not None:
        return _signature_fault(record, expected, declared.key, since)
    same = record.facts.get(TRACKING_USER) == declared.user
    return None if same else f"it is not that of the tracking server's user {declared.user}"


def _signature_fault(record: Record, expected: Statement, key: str, since: str) -> str | None:
    text, signature = record.facts.get(STATEMENT, ""), record.facts.get(SIGNATURE, "")
    if not signature:
        return f"it is not signed by {record.by}"
    try:
        check_signature(text, signature, key, max(record.at, since))
        signed = parse_statement(text)
    except GateError as error:
        return str(error)
    own = {name: getattr(signed, name) for name in ("comment", "acknowledged", "at")}
    recorded = (signed.comment, signed.acknowledged) == (record.reason, acknowledged_conditions(record))
    same = recorded and signed == expected.model_copy(update={**own, "reviewer": record.by})
    return None if same else f"what {record.by} signed is another decision"


def acknowledged_conditions(record: RecordBody) -> tuple[str, ...]:
    """Return the undecided conditions that an approval accepts by name."""
    try:
        found = json.loads(record.facts.get("acknowledged", "[]"))
    except ValueError:
        return ()
    return tuple(str(name) for name in found) if isinstance(found, list) else ()


def may_be_approved(verdict: Record | None, approvals: Sequence[RecordBody]) -> bool:
    """Whether the gate passed a version, or left open only conditions that every approval accepts by name."""
    if verdict is None:
        return False
    if verdict.facts.get("outcome", "").startswith("promote"):
        return True
    needed = set(verdict.list_fact(ACKNOWLEDGE))
    accepted = all(needed <= set(acknowledged_conditions(approval)) for approval in approvals)
    return bool(needed) and bool(approvals) and accepted


def counted_approvals(request: Record, after: Sequence[Record], in_force: Rules | None) -> tuple[Record, ...]:
    """Collect the approvals of a request that are those of their reviewers; ``after`` are the records about it."""
    own = Request(request, "pending", in_force=in_force)
    found = []
    for record in after:
        if record.kind == "approval":
            expected = statement_of(own, "approve", reviewer=record.by, comment="", at="")
            if proof_fault(record, expected, own.reviewers, request.at) is None:
                found.append(record)
    return tuple(found)
