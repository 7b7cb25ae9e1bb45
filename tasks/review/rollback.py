"""Rollback: the previous champion is restored in one step, by a named person with a reason."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from evenhand.audit.chain import RecordBody
from evenhand.audit.review_state import ChampionState, champion_state, rollback_statement
from evenhand.audit.statements import Statement
from evenhand.errors import EvenhandError, GateError
from evenhand.problem import Reviewer
from evenhand.text.person_names import name_key
from tasks.registry.champion_alias import add_record, alias_record, reconcile, unfinished_move
from tasks.registry.ledger_store import Records
from tasks.registry.load_model import load_model
from tasks.registry.model_versions import CHAMPION, ModelName, in_one_line, model_name, now, registry_errors
from tasks.review.reviewers import Proof, clean_name, find_declared, prove, sign
from tasks.tracking.client import connect

REASON_LENGTH = 1_000


class RollbackRequest(BaseModel):
    """Restore the previous champion. The ledger records who did it, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str = Field(
        default="toronto", description="problem of the champion, such as toronto; toronto-quick for quick trainings"
    )
    reason: str = Field(default="", description="why; required", max_length=REASON_LENGTH)
    reviewer: str = Field(default="", description="name of the person who decides; required")
    leave_none: bool = Field(
        default=False, description="leave no champion, such as when the previous one is lost as well"
    )
    key: str | None = Field(
        default=None, description="file of your private SSH key; ~/.ssh and the SSH agent are searched if not given"
    )
    sign: bool = Field(
        default=False, description="print the signed rollback for a form or another machine, and roll nothing back"
    )
    signed: str | None = Field(
        default=None, description="what --sign printed on another machine: a file at a terminal, the text in a form"
    )


def roll_back(request: RollbackRequest, here: bool = True) -> str:
    """Restore the previous champion: record a rollback, which moves alias ``champion``.

    A rollback whose process was killed is finished by the same request, and not done twice.

    Parameters
    ----------
    request : RollbackRequest
    here : bool
        Whether the keys and the login of this machine are the person's own.

    Returns
    -------
    str
        One sentence on the result.

    Raises
    ------
    GateError
        When the reason or the name is missing, the reviewer can't be identified, there is no previous champion, or its
        files are not those that were registered.
    """
    reason, reviewer = _reason(request), clean_name(request.reviewer)
    name = model_name(request.problem)
    with registry_errors(f"rolling back {name}"):
        client = connect()
        begun = unfinished_move(client, name)
        records = reconcile(client, name)
        if not records:
            raise GateError(f"there is no registered model {name} with a ledger, so there is nothing to roll back")
        if begun is None or (begun.kind, name_key(begun.by), begun.reason) != ("rollback", name_key(reviewer), reason):
            attempt = _Attempt(name, reviewer, reason, request, here)
            records = add_record(client, name, attempt.decide)
    champion = champion_state(records).champion
    return f"{name} version {champion} is the champion again." if champion else f"{name} has no champion now."


def signed_rollback(request: RollbackRequest) -> str:
    """Sign the rollback with the key of a declared reviewer, without carrying it out.

    Raises
    ------
    GateError
        When there is nothing to roll back, the reviewer has declared no key, or the private key is not on this machine.
    """
    name, reviewer, reason = model_name(request.problem), clean_name(request.reviewer), _reason(request)
    with registry_errors(f"reading {name}"):
        state = champion_state(reconcile(connect(), name))
    declared = _declared(state, reviewer)
    if declared is None or declared.key is None:
        raise GateError(f"{reviewer} has declared no key, so there is nothing to sign: roll back without --sign")
    return sign(_statement(name, state, request, declared.name, reason), declared.key, request.key)


class _Attempt:
    """An attempt to record a rollback; it is decided again whenever another record was appended first."""

    def __init__(self, name: ModelName, reviewer: str, reason: str, request: RollbackRequest, here: bool) -> None:
        self.name, self.reviewer, self.reason = name, reviewer, reason
        self.request, self.proof = request, Proof(request.signed, request.key, here)

    def decide(self, records: Records) -> RecordBody:
        """Return the record of the rollback."""
        state = champion_state(records)
        declared = _declared(state, self.reviewer)
        by = declared.name if declared else self.reviewer
        statement = _statement(self.name, state, self.request, by, self.reason)
        _check_loads(self.name, state, statement.version)
        signed, proof = prove(declared, statement, self.proof)
        return alias_record("rollback", signed.version, by, signed.comment, {"from": state.champion, **proof})


def _reason(request: RollbackRequest) -> str:
    reason = " ".join(request.reason.split())
    if not reason:
        raise GateError("a rollback needs a reason; the given reason is empty")
    return reason


def _declared(state: ChampionState, reviewer: str) -> Reviewer | None:
    """Find the reviewer by the rules in force: who may approve may also roll back."""
    return find_declared(state.rules.policy.reviewers if state.rules else (), reviewer)


def _statement(name: ModelName, state: ChampionState, request: RollbackRequest, by: str, reason: str) -> Statement:
    if state.current is None:
        raise GateError(f"the ledger of {name} has no {CHAMPION}, so there is nothing to roll back")
    if state.previous is None and not request.leave_none:
        raise GateError(
            f"the ledger of {name} has no previous {CHAMPION}, so there is nothing to roll back to; "
            "--leave-none leaves none"
        )
    version = "" if request.leave_none or state.previous is None else state.previous.version
    return rollback_statement(state, version, reviewer=by, comment=reason, at=now())


def _check_loads(name: ModelName, state: ChampionState, version: str) -> None:
    if not version or state.previous is None:
        return
    try:
        load_model(f"models:/{name}/{version}", state.previous.model_sha256)
    except EvenhandError as error:
        raise GateError(
            f"{name} version {version}, the previous champion, can't be loaded: {in_one_line(error)}. --leave-none "
            "leaves no champion"
        ) from None
