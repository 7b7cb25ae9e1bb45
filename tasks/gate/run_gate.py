"""Run the gate: a challenger against the champion on the same held-out rows, and the verdict recorded."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from evenhand.audit.chain import Record, sha256
from evenhand.audit.requests import MODEL_SHA256
from evenhand.audit.review_state import latest_verdict
from evenhand.data.groups import groups_of
from evenhand.data.holdout import untrained_rows
from evenhand.data.references import Reference
from evenhand.data.row_blocks import row_blocks
from evenhand.errors import GateError
from evenhand.gate.decide import decide, no_evaluation_left, no_rows_left, reject_missing_columns
from evenhand.gate.evaluation_count import row_keys
from evenhand.gate.verdict import Case, Facts, Verdict, VersionPredictions, error_verdict
from evenhand.problem import Problem
from evenhand.problem.sources import source_text
from evenhand.training.leak_checks import CLEAN, LEAK_SENTINEL
from tasks.gate.champion_promise import champion_promise
from tasks.gate.count_evaluations import EvaluationCount
from tasks.gate.report import Contenders, write_report
from tasks.registry.champion_alias import settled_champion
from tasks.registry.digests import POLICY, problem_digests
from tasks.registry.model_versions import (
    COMPARED_WITH,
    JUDGED_AT,
    REASONS,
    VERDICT,
    ModelName,
    Registered,
    in_one_line,
    now,
    registry_errors,
    tag_version,
)
from tasks.registry.problem_rules import check_governing_file
from tasks.registry.registrations import promoted_facts, registration_of, training_facts
from tasks.registry.verdicts import CASE, case_facts, record_verdict, recorded_verdict
from tasks.tracking.client import connect
from tasks.tracking.run_writer import tag_text

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from evenhand.scoring.model import FittedCandidate

# Facts that a training records and the gate checks.
VALIDATION = "validation"
PASSED = "passed"
TRAINED_BEFORE = "trained_before"


@task(name="gate", cache_policy=NO_CACHE)
def run_gate(problem: Problem, holdout: Reference, challenger: Registered) -> Verdict:
    """Compare a challenger with the champion on the same held-out rows and record the verdict.

    A case is decided once: the recorded verdict is returned for the same rows, files, champion and policy, and for a
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
        Any exception on the way gives the outcome ``error``, never a pass.
    """
    try:
        return _stored_or_new(problem, holdout, challenger)
    except Exception as error:  # noqa: BLE001 - fail closed: no exception may look like a pass
        verdict = error_verdict(in_one_line(error), problem.metric, problem.review)
        with suppress(Exception):
            client = connect()
            version = client.get_model_version(challenger.name, challenger.version)
            _record(client, problem, verdict, Contenders(version, None, ""))
        return verdict


def _stored_or_new(problem: Problem, holdout: Reference, challenger: Registered) -> Verdict:
    name, number = challenger.name, challenger.version
    with registry_errors(f"looking for the champion of {name}"):
        client = connect()
        records, promoted = settled_champion(client, name)
        check_governing_file(problem, name, records)
        registration = registration_of(client, records, name, number)
        version = client.get_model_version(name, number)
    own = latest_verdict(records[: promoted.move.seq], promoted.version) if promoted else None
    contenders = Contenders(version, promoted, "", registration, promoted_facts(records, promoted), own)
    digest = _case_digest(problem, holdout, contenders)
    known = latest_verdict(records, number)
    same_case = known is not None and known.facts.get(CASE) == digest
    if known is not None and (same_case or contenders.compared_with == number):
        verdict = recorded_verdict(client, name, known)
        if verdict.outcome != "error":
            return verdict
    contenders = replace(contenders, digest=digest)
    verdict, case = _decide(problem, holdout, contenders)
    _record(client, problem, verdict, replace(contenders, case=case))
    return verdict


def _decide(problem: Problem, holdout: Reference, contenders: Contenders) -> tuple[Verdict, Case | None]:
    """Score both and decide; the evaluation is counted once both were scored and before they are compared."""
    from tasks.storage.store import read_frame, write_frame

    version, promoted, registration = contenders.version, contenders.champion, contenders.registration
    assert registration is not None  # noqa: S101 - it was found before
    frame, untrained = read_frame(holdout), None
    if promoted is not None:
        boundary = contenders.champion_facts.get(TRAINED_BEFORE)
        untrained = untrained_rows(_ordered(frame, problem), boundary)
        if untrained.left_out == len(frame):
            return no_rows_left(problem.metric, problem.review, untrained), None
        if untrained.left_out:
            frame = frame[untrained.mask].reset_index(drop=True)
            holdout = write_frame(frame, "splits/{sha256}/evaluated.parquet")
    count = EvaluationCount(ModelName(version.name), _keys(frame, problem), contenders.digest, str(version.version))
    counting = f"counting the evaluations on the held-out rows of {version.name}"
    with registry_errors(counting):
        evaluation = count.next_number()
    if evaluation > problem.gate.evaluations:
        return no_evaluation_left(problem.metric, problem.review, problem.gate, holdout.sha256, len(frame)), None
    rows = frame.drop(columns=problem.target.column)
    title = f"challenger {version.name} version {version.version}"
    fitted = _load(title, version.name, str(version.version), registration.fact(MODEL_SHA256))
    facts = _facts(problem, registration, fitted, rows)
    rejected = reject_missing_columns(facts, problem.metric, problem.review, problem.gate)
    if rejected is not None:
        return rejected, None
    begun = time.perf_counter()
    predictions = _predict(title, fitted, rows, holdout)
    speed = len(rows) / max(time.perf_counter() - begun, 1e-9)
    against = None
    if promoted is not None:
        title = f"champion {version.name} version {promoted.version}"
        champion = _load(title, version.name, promoted.version, promoted.model_sha256)
        against = _predict(title, champion, rows, holdout)
    with registry_errors(counting):
        evaluation = count.record()
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
        promise=champion_promise(ModelName(version.name), contenders.champion_verdict),
        source=source_text(problem.source),
    )
    return decide(case, problem.gate), case


def _keys(frame: pd.DataFrame, problem: Problem) -> np.ndarray:
    target, when = frame[problem.target.column], _ordered(frame, problem)
    # Rows held out at random are known by their class alone: one more feature must not begin the count again.
    return row_keys(target, target if when is None else when)


def _ordered(frame: pd.DataFrame, problem: Problem) -> pd.Series | None:
    """Return the values by which rows are newer, if they have some."""
    order = problem.split.holdout.order
    return None if order is None else frame.get(order)


def _load(title: str, name: str, version: str, sha256: str) -> FittedCandidate:
    from tasks.registry.load_model import load_model

    try:
        return load_model(f"models:/{name}/{version}", sha256)
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


def _facts(problem: Problem, registration: Record, fitted: FittedCandidate, rows: pd.DataFrame) -> Facts:
    known, size = training_facts(registration), registration.facts.get("bytes")
    return Facts(
        columns=tuple(str(name) for name in fitted.encoder.feature_names_in_),
        available=tuple(str(name) for name in rows.columns),
        validated=known[VALIDATION] == PASSED if VALIDATION in known else None,
        leak_free=known[LEAK_SENTINEL] == CLEAN if LEAK_SENTINEL in known else None,
        newest=_newest(problem, known.get("train_sha256")),
        size_bytes=None if size is None else int(size),
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


# --- record --------------------------------------------------------------------------------------------------------


def _case_digest(problem: Problem, holdout: Reference, contenders: Contenders) -> str:
    """Hash rows, both versions' files, the facts of the training and the rules: a change makes another case."""
    registration, promoted = contenders.registration, contenders.champion
    assert registration is not None  # noqa: S101 - it was found before
    return sha256(
        {
            "rows": holdout.sha256,
            "registration": registration.hash,
            "champion": [promoted.version, promoted.model_sha256, promoted.created] if promoted else [],
            "metric": problem.metric,
            "review": problem.review,
            "sensitive": list(problem.sensitive),
            "blocks": problem.split.blocks.model_dump(mode="json") if problem.split.blocks else None,
            "gate": problem.gate.model_dump(mode="json"),
        }
    )


def _record(client: MlflowClient, problem: Problem, verdict: Verdict, contenders: Contenders) -> None:
    version, promoted = contenders.version, contenders.champion
    name, number = ModelName(version.name), str(version.version)
    with registry_errors(f"writing the verdict on {name} version {number}"):
        if version.run_id:
            client.log_dict(version.run_id, verdict.model_dump(mode="json"), "verdict.json")
        write_report(client, problem, verdict, contenders)
        tags = {
            VERDICT: verdict.outcome,
            REASONS: tag_text(" ".join(verdict.reasons)),
            COMPARED_WITH: contenders.compared_with,
            JUDGED_AT: now(),
        }
        tag_version(client, name, number, tags)
        compared_with = (contenders.compared_with, promoted.model_sha256 if promoted else "")
        digest = contenders.registration.fact(MODEL_SHA256) if contenders.registration else ""
        facts = case_facts(contenders.digest, digest, compared_with, problem_digests(problem)[POLICY])
        record_verdict(name, number, verdict, facts)
