"""Run the gate: a challenger against the champion on the same held-out rows, and the verdict recorded."""

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
from evenhand.data.holdout import untrained_rows
from evenhand.data.references import Reference
from evenhand.data.row_blocks import row_blocks
from evenhand.errors import GateError
from evenhand.gate.decide import decide, no_evaluation_left, no_rows_left, reject_missing_columns
from evenhand.gate.verdict import Case, Facts, Verdict, VersionPredictions, error_verdict
from evenhand.problem import Problem
from evenhand.problem.sources import source_text
from evenhand.training.leak_checks import CLEAN, LEAK_SENTINEL
from tasks.gate.champion_promise import champion_promise
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

# Version tags that a training writes and the gate checks.
VALIDATION = "validation"
PASSED = "passed"
TRAINED_BEFORE = "trained_before"


@task(name="gate", cache_policy=NO_CACHE)
def run_gate(problem: Problem, holdout: Reference, challenger: Registered) -> Verdict:
    """Compare a challenger with the champion on the same held-out rows and write the verdict.

    A case is decided once: the stored verdict is returned for the same rows, champion and policy, and for a version
    that has become champion since.

    Parameters
    ----------
    problem : Problem
    holdout : Reference
        Typed rows with class names in the target column, never trained on.
    challenger : Registered

    Returns
    -------
    Verdict
        Any exception on the way gives the outcome ``error``, never a pass.
    """
    try:
        return _stored_or_new(problem, holdout, challenger)
    except Exception as error:  # noqa: BLE001 - fail closed: no exception may look like a pass
        verdict = error_verdict(in_one_line(error), problem.metric, problem.review)
        with suppress(Exception):
            client = connect()
            version = client.get_model_version(challenger.name, challenger.version)
            _record(client, problem, verdict, Contenders(version, champion_of(client, challenger.name), ""))
        return verdict


def _stored_or_new(problem: Problem, holdout: Reference, challenger: Registered) -> Verdict:
    with registry_errors(f"looking for the champion of {challenger.name}"):
        client = connect()
        version = client.get_model_version(challenger.name, challenger.version)
        champion = champion_of(client, challenger.name)
    compared_with = champion.version if champion else ""
    digest = _case_digest(problem, holdout, version, compared_with)
    known = recorded_verdict(version)
    if known and known.outcome != "error" and (version.tags.get(CASE) == digest or compared_with == challenger.version):
        return known
    verdict, case = _decide(client, problem, holdout, version, champion, digest)
    _record(client, problem, verdict, Contenders(version, champion, digest, case))
    return verdict


def _decide(
    client: MlflowClient,
    problem: Problem,
    holdout: Reference,
    version: ModelVersion,
    champion: Registered | None,
    digest: str,
) -> tuple[Verdict, Case | None]:
    """Score both and decide; the evaluation is counted once both were scored and before they are compared."""
    from tasks.storage.store import read_frame, write_frame

    frame, untrained = read_frame(holdout), None
    if champion is not None:
        boundary = client.get_model_version(champion.name, champion.version).tags.get(TRAINED_BEFORE)
        untrained = untrained_rows(frame.get(problem.split.holdout.column), boundary)
        if untrained.left_out == len(frame):
            return no_rows_left(problem.metric, problem.review, untrained), None
        if untrained.left_out:
            frame = frame[untrained.mask].reset_index(drop=True)
            holdout = write_frame(frame, "splits/{sha256}/evaluated.parquet")
    labels = labels_sha256(frame, problem)
    counting = f"counting the evaluations on the held-out rows of {version.name}"
    with registry_errors(counting):
        evaluation = next_evaluation(client, version.name, labels, digest)
    if evaluation > problem.gate.evaluations:
        return no_evaluation_left(problem.metric, problem.review, problem.gate, holdout.sha256, len(frame)), None
    rows = frame.drop(columns=problem.target.column)
    title = f"challenger {version.name} version {version.version}"
    fitted = _load(title, version.name, str(version.version))
    facts = _facts(client, problem, version, fitted, rows)
    rejected = reject_missing_columns(facts, problem.metric, problem.review, problem.gate)
    if rejected is not None:
        return rejected, None
    begun = time.perf_counter()
    predictions = _predict(title, fitted, rows, holdout)
    speed = len(rows) / max(time.perf_counter() - begun, 1e-9)
    against = None
    if champion is not None:
        title = f"champion {champion.name} version {champion.version}"
        against = _predict(title, _load(title, champion.name, champion.version), rows, holdout)
    with registry_errors(counting):
        evaluation = count_evaluation(client, version.name, labels, digest)
    case = Case(
        truth=frame[problem.target.column].to_numpy(dtype=object),
        challenger=predictions,
        champion=against,
        metric=problem.metric,
        review=problem.review,
        evaluation=evaluation,
        groups=groups_of(problem, rows),
        facts=replace(facts, rows_per_second=speed),
        blocks=row_blocks(problem, rows),
        untrained=untrained,
        promise=champion_promise(client, champion),
        source=source_text(problem.source),
    )
    return decide(case, problem.gate), case


def _load(title: str, name: str, version: str) -> FittedCandidate:
    from tasks.registry.load_model import load_model

    try:
        return load_model(f"models:/{name}/{version}")
    except Exception as error:
        raise GateError(f"the {title} can't be loaded: {in_one_line(error)}") from error


def _predict(title: str, fitted: FittedCandidate, rows: pd.DataFrame, holdout: Reference) -> VersionPredictions:
    try:
        classes = tuple(str(name) for name in fitted.classes_)
        predicted, proba = fitted.decide(fitted.raw_proba(rows))  # both from one prediction, as in batch scoring
        unknown = fitted.unknown_cells(rows)
    except Exception as error:
        raise GateError(f"the {title} can't score the held-out rows: {in_one_line(error)}") from error
    names = np.asarray(predicted, dtype=object)
    return VersionPredictions(f"the {title}", classes, proba, names, holdout.sha256, unknown)


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
    """Return the date of the newest training row, where the policy has a limit and the rows are still stored."""
    from tasks.storage.store import read_frame

    rule = problem.gate.training_age
    if rule is None or train_sha256 is None:
        return None
    key = f"splits/{train_sha256}/train.parquet"
    newest = pd.to_datetime(read_frame(Reference(key=key, sha256=train_sha256, rows=0))[rule.column]).max()
    return None if pd.isna(newest) else newest.date()


def _size(client: MlflowClient, version: ModelVersion) -> int | None:
    """Return the bytes of the stored model, from its MLmodel file."""
    from mlflow.models import Model

    size = Model.load(f"models:/{version.name}/{version.version}").model_size_bytes
    return None if size is None else int(size)


# --- record --------------------------------------------------------------------------------------------------------


def _case_digest(problem: Problem, holdout: Reference, version: ModelVersion, compared_with: str) -> str:
    """Hash rows, versions and policy: a change in any of them makes another case."""
    parts = (holdout.sha256, version.name, version.version, compared_with, problem.metric, problem.review)
    known = (version.tags.get(VALIDATION, ""), version.tags.get(LEAK_SENTINEL, ""), *problem.sensitive)
    known += (problem.split.blocks.model_dump_json(),) if problem.split.blocks else ()
    return hashlib.sha256("\n".join((*map(str, parts), *known, problem.gate.model_dump_json())).encode()).hexdigest()


def _record(client: MlflowClient, problem: Problem, verdict: Verdict, contenders: Contenders) -> None:
    version, champion = contenders.version, contenders.champion
    name, number = version.name, str(version.version)
    with registry_errors(f"writing the verdict on {name} version {number}"):
        if version.run_id:
            client.log_dict(version.run_id, verdict.model_dump(mode="json"), "verdict.json")
        write_report(client, problem, verdict, contenders)
        compared_with = champion.version if champion else ""
        tags = {
            VERDICT: verdict.outcome,
            REASONS: " ".join(verdict.reasons),
            VERDICT_JSON: verdict.model_dump_json(),
            COMPARED_WITH: compared_with,
            JUDGED_AT: now(),
            CASE: contenders.digest,
        }
        tag_version(client, name, number, tags)
        # After the tags: a verdict is valid once it is in the ledger, and then its tags can be read.
        record_verdict(name, number, verdict, contenders.digest, compared_with)
