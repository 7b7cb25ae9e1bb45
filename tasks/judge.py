"""Judge: a challenger against the champion on the same held-out rows, and the verdict written down."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from evenhand.errors import GateError
from evenhand.gate import Case, Scored, decide, error_verdict
from evenhand.problem import Problem
from evenhand.references import Reference
from evenhand.verdict import Verdict
from tasks.mlflow_client import connect
from tasks.model_versions import (
    CASE,
    COMPARED_WITH,
    JUDGED_AT,
    REASONS,
    VERDICT,
    VERDICT_JSON,
    Registered,
    champion_of,
    in_one_line,
    now,
    registry_errors,
    stored_verdict,
    tag_version,
)

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


@task(name="gate", cache_policy=NO_CACHE)
def judge(problem: Problem, holdout: Reference, challenger: Registered) -> Verdict:
    """Hold a challenger against the champion on the same held-out rows.

    The same case is judged once: the stored verdict is returned for the same rows, champion and policy, and for a
    version that has become champion since.

    Parameters
    ----------
    problem : Problem
    holdout : Reference
        Typed rows with class names in the target column, never trained on.
    challenger : Registered

    Returns
    -------
    Verdict
        Whatever goes wrong on the way is the outcome ``error``, never a pass.
    """
    try:
        return _judged(problem, holdout, challenger)
    except Exception as error:  # noqa: BLE001 - fail closed: nothing that is raised here may look like a pass
        verdict = error_verdict(in_one_line(error), problem.metric, problem.review)
        with suppress(Exception):
            _record(challenger, verdict, case="", compared_with="")
        return verdict


# --- judging -------------------------------------------------------------------------------------------------------


def _judged(problem: Problem, holdout: Reference, challenger: Registered) -> Verdict:
    from tasks.storage import read_frame

    with registry_errors(f"looking for the champion of {challenger.name}"):
        client = connect()
        version = client.get_model_version(challenger.name, challenger.version)
        rival = champion_of(client, challenger.name)
    compared_with = rival.version if rival else ""
    case = _case_digest(problem, holdout, version, compared_with)
    known = stored_verdict(version)
    if known and known.outcome != "error" and (version.tags.get(CASE) == case or compared_with == challenger.version):
        return known
    frame = read_frame(holdout)
    truth = frame[problem.target.column].to_numpy(dtype=object)
    rows = frame.drop(columns=problem.target.column)
    scored = _scored("challenger", challenger, rows, holdout)
    against = _scored("champion", rival, rows, holdout) if rival else None
    verdict = decide(Case(truth, scored, against, problem.metric, problem.review), problem.gate)
    _record(challenger, verdict, case, compared_with)
    return verdict


def _scored(role: str, model: Registered, rows: pd.DataFrame, holdout: Reference) -> Scored:
    who = f"{role} {model.name} version {model.version}"
    from tasks.model_store import load_model

    try:
        fitted = load_model(f"models:/{model.name}/{model.version}")
    except Exception as error:
        raise GateError(f"the {who} can't be loaded: {in_one_line(error)}") from error
    try:
        classes = tuple(str(name) for name in fitted.classes_)
        proba, predicted = fitted.predict_proba(rows), np.asarray(fitted.predict(rows), dtype=object)
    except Exception as error:
        raise GateError(f"the {who} can't score the held-out rows: {in_one_line(error)}") from error
    return Scored(f"the {who}", classes, proba, predicted, holdout.sha256)


def _case_digest(problem: Problem, holdout: Reference, version: ModelVersion, compared_with: str) -> str:
    parts = (holdout.sha256, version.name, version.version, compared_with, problem.metric, problem.review)
    return hashlib.sha256("\n".join((*map(str, parts), problem.gate.model_dump_json())).encode()).hexdigest()


def _record(challenger: Registered, verdict: Verdict, case: str, compared_with: str) -> None:
    with registry_errors(f"writing the verdict on {challenger.name} version {challenger.version}"):
        client = connect()
        facts = {
            VERDICT: verdict.outcome,
            REASONS: " ".join(verdict.reasons),
            VERDICT_JSON: verdict.model_dump_json(),
            COMPARED_WITH: compared_with,
            JUDGED_AT: now(),
            CASE: case,  # last: a verdict counts as stored when all of it is
        }
        tag_version(client, challenger.name, challenger.version, facts)
        if challenger.run_id:
            client.log_dict(challenger.run_id, verdict.model_dump(mode="json"), "verdict.json")
