"""The rules of a registered model: gate and review as its problem file has them, on the machine that decides."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evenhand.audit.chain import Record
from evenhand.audit.requests import Request, Rules, proof_fault, statement_of
from evenhand.audit.review_state import ChampionState, champion_state, rollback_statement
from evenhand.errors import EvenhandError, GateError, ProblemError
from evenhand.problem import Problem
from tasks.data.problems import load_problem
from tasks.registry.digests import POLICY, problem_digests
from tasks.registry.model_versions import ModelName, short_name
from tasks.registry.witness import address, unwitnessed
from tasks.settings import settings


def rules_of(problem: Problem) -> Rules:
    """Return the rules that a problem declares."""
    return Rules(problem.review_policy, problem_digests(problem)[POLICY])


def problem_of(name: ModelName) -> str:
    """Return the name of the problem of a registered model: ``toronto`` of ``evenhand-toronto-quick``."""
    return short_name(name).partition("-")[0]


def rules_in_file(name: ModelName) -> Rules | None:
    """Return the rules of a registered model's file in ``problems/``; None when there is no such file.

    Raises
    ------
    GateError
        When it can't be read.
    """
    problem = problem_of(name)
    return rules_of(current_problem(problem, "")) if _own_file(problem).is_file() else None


def current_problem(problem_name: str, recorded_file: str) -> Problem:
    """Read the problem file that governs a registered model, as it is now.

    Parameters
    ----------
    problem_name : str
    recorded_file : str
        The file that the training has read, which governs when ``problems/`` has none of that name.

    Raises
    ------
    GateError
        When it can't be read.
    """
    own = _own_file(problem_name)
    path = str(own) if own.is_file() else recorded_file
    try:
        return load_problem(path or str(own))
    except EvenhandError as error:
        raise GateError(
            f"the problem file of {problem_name} can't be read, so its rules are not known here: {error}. Nothing is "
            f"approved without it; put it at {path or own}"
        ) from None


def check_governing_file(problem: Problem, name: ModelName, records: Sequence[Record]) -> None:
    """Refuse another file that uses the name of a problem with a promoted model.

    Parameters
    ----------
    problem : Problem
        Of the file that is asked for.
    name : ModelName
    records : sequence of Record
        Of its ledger.

    Raises
    ------
    ProblemError
        When ``problems/`` has a file of that name, or the promotion came from a file with other rules elsewhere.
    """
    state = champion_state(records)
    if state.rules is None:
        return
    own = _own_file(problem.name)
    if own.is_file():
        if problem.file != str(own) and _file_digests(problem) != problem_digests(load_problem(str(own))):
            raise _another(problem, name, str(own))
        return
    recorded = _recorded_file(records)
    if recorded and recorded != problem.file and state.rules.sha256 != problem_digests(problem)[POLICY]:
        raise _another(problem, name, recorded)


def check_vouched(name: ModelName, records: Sequence[Record]) -> None:
    """Refuse a champion that the reviewers in the problem file have not signed, unless the witness has its record.

    Somebody who writes a ledger of their own can invent rules and keys for it, not the keys of the deployed file.

    Raises
    ------
    GateError
    """
    state, rules = champion_state(records), rules_in_file(name)
    if state.last_move is None or rules is None or not rules.policy.has_keys:
        return
    if not unwitnessed(name, [state.last_move]):
        return
    signed = _signed_by(records, state, rules)
    if len(signed) < rules.policy.quorum:
        raise GateError(
            f"record {state.last_move.seq} of {name}, a {state.last_move.kind}, is not signed by the reviewers in "
            f"{_own_file(problem_of(name))}, and was not written by a process that shares this machine's witness "
            f"({address()}): it may be forged. Declare former reviewers with valid-before, or set EVENHAND_WITNESS to "
            "the witness of the machine that decided"
        )


def _signed_by(records: Sequence[Record], state: ChampionState, rules: Rules) -> set[str]:
    """Return who among the reviewers with a key has signed the last move."""
    move = state.last_move
    assert move is not None  # noqa: S101 - it was checked
    reviewers = [reviewer for reviewer in rules.policy.reviewers if reviewer.key is not None]
    if move.kind == "rollback":
        before = champion_state(records[: move.seq - 1])
        expected = rollback_statement(before, move.version, reviewer=move.by, comment="", at="")
        return {move.by} if proof_fault(move, expected, reviewers) is None else set()
    request = next((r for r in records if r.hash == move.facts.get("request")), None)
    if request is None:
        return set()
    found = [r for r in records[: move.seq] if r.kind == "approval" and r.facts.get("request") == request.hash]
    own, signers = Request(request, "promoted"), set()
    for approval in found:
        expected = statement_of(own, "approve", reviewer=approval.by, comment="", at="")
        if proof_fault(approval, expected, reviewers) is None:
            signers.add(approval.by)
    return signers


def _file_digests(problem: Problem) -> dict[str, str]:
    """Hash a problem as its file has it, without what the command that trains has changed."""
    return problem_digests(load_problem(problem.file) if problem.file else problem)


def _own_file(problem_name: str) -> Path:
    return (settings().problems / f"{problem_name}.yaml").absolute()


def _recorded_file(records: Sequence[Record]) -> str:
    """Return the problem file of the last promotion."""
    wanted = next((r.facts.get("request") for r in reversed(records) if r.kind == "promotion"), None)
    request = next((r for r in records if r.kind == "request" and r.hash == wanted), None)
    return request.facts.get("problem_file", "") if request else ""


def _another(problem: Problem, name: ModelName, governing: str) -> ProblemError:
    return ProblemError(
        f"{problem.file or problem.name}: `name: {problem.name}` belongs to {governing}, whose model {name} was "
        "promoted by the rules there. Give this file another name, or change that one, which its reviewers approve"
    )
