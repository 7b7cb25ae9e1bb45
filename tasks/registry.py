"""Registry: a trained model becomes a version, is judged against the champion, and takes its place."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
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
    CHALLENGER,
    CHAMPION,
    COMPARED_WITH,
    IDENTITY,
    JUDGED_AT,
    PREVIOUS,
    REASONS,
    VERDICT,
    VERDICT_JSON,
    Registered,
    champion,
    champion_of,
    exists,
    find_identity,
    in_one_line,
    model_name,
    now,
    read_version,
    registry_errors,
    stored_verdict,
    tag_version,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

    from evenhand.models import FittedCandidate

__all__ = ["Registered", "champion", "find_identity", "judge", "load_version", "promote_alias", "register"]


def register(
    model_uri: str, run_id: str, problem_name: str, identity: str, tags: Mapping[str, str] | None = None
) -> Registered:
    """Make a logged model a version of its problem's registered model, and the challenger.

    Parameters
    ----------
    model_uri : str
        ``models:/m-...`` as logging it returned.
    run_id : str
        The training it comes from.
    problem_name : str
    identity : str
        Hash of data, config and code; the version that has it already is returned instead of a new one.
    tags : mapping of str to str
        More to write on a new version.

    Raises
    ------
    GateError
        When the registry can't be used.
    """
    name = model_name(problem_name)
    with registry_errors(f"registering {name}"):
        client = connect()
        _ensure_model(client, name)
        known = find_identity(problem_name, identity)
        version = known.version if known else _create_version(client, name, model_uri, run_id, identity, tags or {})
        return _challenge(client, name, version).model_copy(update={"created": known is None})


def load_version(name: str, version: str) -> FittedCandidate:
    """Load a registered version; see :func:`tasks.model_store.load_model` for what it refuses."""
    from tasks.model_store import load_model

    return load_model(f"models:/{name}/{version}")


def promote_alias(name: str, version: str, reviewer: str, comment: str) -> Registered:
    """Move alias champion to a version; the version it leaves stays known as ``previous_champion``.

    Doing it again changes nothing.

    Raises
    ------
    GateError
        When the registry can't be used or has no such version.
    """
    with registry_errors(f"moving alias {CHAMPION} of {name} to version {version}"):
        client = connect()
        read_version(client, name, version)
        before = champion_of(client, name)
        if before is None or before.version != version:
            # The way back is written first: a kill in between leaves the old champion, and doing it again mends it.
            client.set_registered_model_tag(name, PREVIOUS, before.version if before else "")
            who = {"promoted_by": reviewer, "promoted_comment": comment, "promoted_at": now()}
            tag_version(client, name, version, who)
            client.set_registered_model_alias(name, CHAMPION, version)
        if CHALLENGER in (promoted := read_version(client, name, version)).aliases:
            client.delete_registered_model_alias(name, CHALLENGER)
            promoted = read_version(client, name, version)
        return promoted


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
    try:
        fitted = load_version(model.name, model.version)
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


# --- parts of registering -------------------------------------------------------------------------------------------


def _ensure_model(client: MlflowClient, name: str) -> None:
    from mlflow.exceptions import MlflowException

    if exists(client, name):
        return
    try:
        client.create_registered_model(name)
    except MlflowException as error:  # another training was quicker
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _create_version(
    client: MlflowClient, name: str, model_uri: str, run_id: str, identity: str, tags: Mapping[str, str]
) -> str:
    model_id = model_uri.removeprefix("models:/") if model_uri.startswith("models:/m-") else None
    made = client.create_model_version(
        name, source=model_uri, run_id=run_id, tags={**tags, IDENTITY: identity}, model_id=model_id
    )
    return str(made.version)


def _challenge(client: MlflowClient, name: str, version: str) -> Registered:
    """Set alias challenger, but not on the champion: it can't challenge itself."""
    if CHAMPION not in read_version(client, name, version).aliases:
        client.set_registered_model_alias(name, CHALLENGER, version)
    return read_version(client, name, version)
