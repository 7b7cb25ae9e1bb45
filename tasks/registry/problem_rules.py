"""The rules of a registered model: gate and review as its problem file has them, on the machine that decides."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from evenhand.audit.chain import Record, canonical_json
from evenhand.audit.requests import RULES, Rules, recorded_rules
from evenhand.audit.review_state import champion_state
from evenhand.errors import EvenhandError, GateError, ProblemError
from evenhand.problem import Problem, ReviewPolicy
from tasks.data.problems import load_problem
from tasks.registry.digests import POLICY, problem_digests, problem_rules
from tasks.registry.model_versions import ModelName, short_name
from tasks.settings import settings


def rules_of(problem: Problem) -> Rules:
    """Return the rules that a problem declares."""
    return Rules(problem.review_policy, problem_digests(problem)[POLICY], canonical_json(problem_rules(problem)))


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


def deciding_policy(name: ModelName, records: Sequence[Record], written: Collection[str]) -> ReviewPolicy:
    """Return the review policy by which records are trusted: of the problem file, or of the last request made here."""
    rules = rules_in_file(name)
    if rules is not None:
        return rules.policy
    requests = [r for r in records if r.kind == "request" and r.hash in written and RULES in r.facts]
    return recorded_rules(requests[-1]).policy if requests else ReviewPolicy()


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
