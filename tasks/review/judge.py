"""Judge again: the gate on a version whose verdict was an error, without a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenhand.audit.review_state import find_registration
from evenhand.data.references import Reference
from evenhand.errors import GateError
from evenhand.gate.verdict import Verdict
from evenhand.problem import Problem
from evenhand.problem.presets import Preset, registered_name
from tasks.gate.run_gate import run_gate
from tasks.registry.champion_alias import reconcile
from tasks.registry.model_versions import (
    CHALLENGER,
    ModelName,
    Registered,
    model_exists,
    model_name,
    read_version,
    registry_errors,
)
from tasks.registry.registrations import training_facts
from tasks.review.request_review import request_review
from tasks.tracking.client import connect

if TYPE_CHECKING:
    from mlflow import MlflowClient

_HOLDOUT = "splits/{}/holdout.parquet"


def judge_again(problem: Problem, preset: Preset, version: str | None) -> tuple[Registered, Verdict, str]:
    """Judge a version on the held-out rows of its training, and request a review where the verdict asks for one.

    A case that is decided stays decided: only an error, other rules or another champion make it a case to judge.

    Parameters
    ----------
    problem : Problem
    preset : {"standard", "full", "quick"}
    version : str or None
        Of the registered model; None takes the challenger.

    Returns
    -------
    Registered, Verdict, str
        The version, its verdict, and one sentence on what happens next.

    Raises
    ------
    GateError
        When there is no such version, or the ledger does not have the rows that it is judged on.
    """
    name = model_name(registered_name(problem.name, preset))
    with registry_errors(f"looking for the version of {name} to judge"):
        client = connect()
        number = version or _challenger(client, name)
        registration = find_registration(reconcile(client, name), number)
        found = read_version(client, name, number)
    sha256 = training_facts(registration).get("holdout_sha256") if registration else None
    if sha256 is None:
        raise GateError(f"{name} version {number}: the ledger does not have the rows that it is judged on. Train again")
    holdout = Reference(key=_HOLDOUT.format(sha256), sha256=sha256, rows=0)
    verdict = run_gate.fn(problem, holdout, found)
    return found, verdict, request_review.fn(problem, found, verdict)


def _challenger(client: MlflowClient, name: ModelName) -> str:
    aliases = client.get_registered_model(name).aliases if model_exists(client, name) else {}
    if CHALLENGER not in aliases:
        raise GateError(f"{name} has no challenger to judge: `make train` registers one, --version names another")
    return str(aliases[CHALLENGER])
