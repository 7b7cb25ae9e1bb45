"""Judge: a challenger against the champion on the same held-out rows, and the verdict written down."""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from evenhand.data.groups import groups_of
from evenhand.data.references import Reference
from evenhand.errors import GateError
from evenhand.gate.decide import decide, no_evaluation_left, unfit
from evenhand.gate.verdict import Case, Facts, Scored, Verdict, error_verdict
from evenhand.problem import Problem
from evenhand.training.leak_checks import CLEAN, LEAK_SENTINEL
from tasks.gate.count_evaluations import count_evaluation, labels_sha256, next_evaluation
from tasks.gate.report import Contenders, write_report
from tasks.registry.client import connect
from tasks.registry.model_versions import (
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
    tag_version,
)
from tasks.registry.verdicts import record_verdict, recorded_verdict

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

    from evenhand.scoring.model import FittedCandidate

# Tags of a version that a training writes: what they say is a condition.
VALIDATION = "validation"
PASSED = "passed"


@task(name="gate", cache_policy=NO_CACHE)
def run_gate(problem: Problem, holdout: Reference, challenger: Registered) -> Verdict:
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
            client = connect()
            _record(client, problem, challenger, verdict, champion_of(client, challenger.name), "")
        return verdict


def _judged(problem: Problem, holdout: Reference, challenger: Registered) -> Verdict:
    with registry_errors(f"looking for the champion of {challenger.name}"):
        client = connect()
        version = client.get_model_version(challenger.name, challenger.version)
        rival = champion_of(client, challenger.name)
    compared_with = rival.version if rival else ""
    digest = _case_digest(problem, holdout, version, compared_with)
    known = recorded_verdict(version)
    if known and known.outcome != "error" and (version.tags.get(CASE) == digest or compared_with == challenger.version):
        return known
    verdict, case = _decided(client, problem, holdout, version, rival, digest)
    _record(client, problem, challenger, verdict, rival, digest, case)
    return verdict


def _decided(
    client: MlflowClient,
    problem: Problem,
    holdout: Reference,
    version: ModelVersion,
    rival: Registered | None,
    digest: str,
) -> tuple[Verdict, Case | None]:
    """Score both and decide; the look is counted once both could be scored and before anything is compared."""
    from tasks.storage.store import read_frame

    frame = read_frame(holdout)
    labels = labels_sha256(frame, problem)
    with registry_errors(f"counting the looks at the held-out rows of {version.name}"):
        look = next_evaluation(client, version.name, labels, digest)
    if look > problem.gate.looks:
        return no_evaluation_left(problem.metric, problem.review, problem.gate, holdout.sha256, len(frame)), None
    rows = frame.drop(columns=problem.target.column)
    who = f"challenger {version.name} version {version.version}"
    fitted = _loaded(who, version.name, str(version.version))
    facts = _facts(client, problem, version, fitted, rows)
    rejected = unfit(facts, problem.metric, problem.review, problem.gate)
    if rejected is not None:
        return rejected, None
    begun = time.perf_counter()
    scored = _scored(who, fitted, rows, holdout)
    speed = len(rows) / max(time.perf_counter() - begun, 1e-9)
    against = None
    if rival is not None:
        name = f"champion {rival.name} version {rival.version}"
        against = _scored(name, _loaded(name, rival.name, rival.version), rows, holdout)
    with registry_errors(f"counting the looks at the held-out rows of {version.name}"):
        look = count_evaluation(client, version.name, labels, digest)
    case = Case(
        truth=frame[problem.target.column].to_numpy(dtype=object),
        challenger=scored,
        champion=against,
        metric=problem.metric,
        review=problem.review,
        look=look,
        groups=groups_of(problem, rows),
        facts=replace(facts, rows_per_second=speed),
    )
    return decide(case, problem.gate), case


def _loaded(who: str, name: str, version: str) -> FittedCandidate:
    from tasks.registry.load_model import load_model

    try:
        return load_model(f"models:/{name}/{version}")
    except Exception as error:
        raise GateError(f"the {who} can't be loaded: {in_one_line(error)}") from error


def _scored(who: str, fitted: FittedCandidate, rows: pd.DataFrame, holdout: Reference) -> Scored:
    try:
        classes = tuple(str(name) for name in fitted.classes_)
        predicted, proba = fitted.decide(fitted.raw_proba(rows))  # the answer of a batch: one prediction for both
    except Exception as error:
        raise GateError(f"the {who} can't score the held-out rows: {in_one_line(error)}") from error
    return Scored(f"the {who}", classes, proba, np.asarray(predicted, dtype=object), holdout.sha256)


# --- facts ---------------------------------------------------------------------------------------------------------


def _facts(
    client: MlflowClient, problem: Problem, version: ModelVersion, fitted: FittedCandidate, rows: pd.DataFrame
) -> Facts:
    tags = version.tags
    return Facts(
        columns=tuple(str(name) for name in fitted.encoder.feature_names_in_),
        available=tuple(str(name) for name in rows.columns),
        validated=tags[VALIDATION] == PASSED if VALIDATION in tags else None,
        leak_free=tags[LEAK_SENTINEL] == CLEAN if LEAK_SENTINEL in tags else None,
        newest=_newest(problem, tags.get("train_sha256")),
        size_bytes=_size(client, version) if problem.gate.max_model_mb is not None else None,
    )


def _newest(problem: Problem, train_sha256: str | None) -> date | None:
    """Date of the newest training row, where the policy asks for it and the rows are still there."""
    from tasks.storage.store import read_frame

    rule = problem.gate.training_age
    if rule is None or train_sha256 is None:
        return None
    key = f"splits/{train_sha256}/train.parquet"
    newest = pd.to_datetime(read_frame(Reference(key=key, sha256=train_sha256, rows=0))[rule.column]).max()
    return None if pd.isna(newest) else newest.date()


def _size(client: MlflowClient, version: ModelVersion) -> int | None:
    """Bytes of the stored model, as its own description says."""
    from mlflow.models import Model

    size = Model.load(f"models:/{version.name}/{version.version}").model_size_bytes
    return None if size is None else int(size)


# --- record --------------------------------------------------------------------------------------------------------


def _case_digest(problem: Problem, holdout: Reference, version: ModelVersion, compared_with: str) -> str:
    """Hash what is judged, by which rules: a change in any of it makes another case."""
    parts = (holdout.sha256, version.name, version.version, compared_with, problem.metric, problem.review)
    known = (version.tags.get(VALIDATION, ""), version.tags.get(LEAK_SENTINEL, ""), *problem.sensitive)
    return hashlib.sha256("\n".join((*map(str, parts), *known, problem.gate.model_dump_json())).encode()).hexdigest()


def _record(
    client: MlflowClient,
    problem: Problem,
    challenger: Registered,
    verdict: Verdict,
    rival: Registered | None,
    digest: str,
    case: Case | None = None,
) -> None:
    with registry_errors(f"writing the verdict on {challenger.name} version {challenger.version}"):
        version = client.get_model_version(challenger.name, challenger.version)
        if version.run_id:
            client.log_dict(version.run_id, verdict.model_dump(mode="json"), "verdict.json")
        write_report(client, problem, verdict, Contenders(version, rival, digest, case))
        facts = {
            VERDICT: verdict.outcome,
            REASONS: " ".join(verdict.reasons),
            VERDICT_JSON: verdict.model_dump_json(),
            COMPARED_WITH: rival.version if rival else "",
            JUDGED_AT: now(),
            CASE: digest,
        }
        tag_version(client, challenger.name, challenger.version, facts)
        # After the tags: a verdict counts when the ledger has it, and then it can be read.
        record_verdict(challenger.name, challenger.version, verdict, digest, facts[COMPARED_WITH])
