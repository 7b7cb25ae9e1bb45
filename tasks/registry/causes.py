"""Trainings that an alarm asked for, in the ledger: the alarm, the training that answers it, and its outcome.

One training per cause: while an alarm of a version has no outcome, further alarms of that version join it. Once it has
one, the same subject asks no more, and another subject is a new cause.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from evenhand.audit.chain import Record, RecordBody
from evenhand.errors import GateError
from tasks.processes.owner import is_stale, owner_tags
from tasks.registry.champion_alias import add_record, reconcile
from tasks.registry.ledger_store import Records
from tasks.registry.model_versions import ModelName, registry_errors
from tasks.tracking.client import connect

ALARM, SUBJECTS, PERIOD, FAILED = "alarm", "subjects", "period", "failed"
TEXT_LENGTH = 1_500  # of a record's reason, which names classes and columns of the data


def record_alarm(name: ModelName, version: str, subjects: Sequence[str], period: str, text: str) -> None:
    """Record an alarm that asks for a training, unless it joins one or its subjects have asked before.

    Raises
    ------
    GateError
        When the ledger is broken, or the registry can't be used.
    """
    facts = {SUBJECTS: json.dumps(sorted(subjects), ensure_ascii=False)[:TEXT_LENGTH], PERIOD: period}
    body = RecordBody(kind="alarm", version=version, reason=text[:TEXT_LENGTH], facts=facts)

    def decide(records: Records) -> RecordBody | None:
        return None if _answers(records, version, subjects) else body

    with registry_errors(f"recording an alarm of {name} version {version}"):
        add_record(connect(), name, decide)


def open_cause(name: ModelName, version: str) -> str:
    """Return the hash of the alarm of a version whose training has no outcome yet; empty where there is none."""
    with registry_errors(f"reading the ledger of {name}"):
        records = reconcile(connect(), name)
    found = [r for r in records if r.kind == "alarm" and r.version == version and _outcome(records, r.hash) is None]
    return found[-1].hash if found else ""


def _answers(records: Sequence[Record], version: str, subjects: Sequence[str]) -> bool:
    """Whether an earlier alarm of the version is open, or all the subjects have asked before."""
    asked: set[str] = set()
    for record in records:
        if record.kind == "alarm" and record.version == version:
            if _outcome(records, record.hash) is None:
                return True
            with suppress(ValueError):  # a list that was too long for a record
                asked |= set(json.loads(record.facts.get(SUBJECTS, "[]")))
    return set(subjects) <= asked


def _outcome(records: Sequence[Record], cause: str) -> Record | None:
    found = [r for r in records if r.kind == "outcome" and r.facts.get(ALARM) == cause]
    return next((r for r in found if r.reason != FAILED), None)


@contextmanager
def answering(name: ModelName, cause: str) -> Iterator[dict[str, str]]:
    """Record that a training answers an alarm, and what came of it; without a cause nothing is recorded.

    Yields
    ------
    dict of str to str
        The caller adds ``version`` of the winner and ``verdict``.

    Raises
    ------
    GateError
        When the ledger has no such alarm, or a training answers it already.
    """
    outcome: dict[str, str] = {}
    if not cause:
        yield outcome
        return
    with registry_errors(f"answering an alarm of {name}"):
        _claim(name, cause)
    try:
        yield outcome
    except BaseException:
        with suppress(Exception):  # the first error is the one that the user must see
            _record_outcome(name, cause, {"verdict": FAILED})
        raise
    _record_outcome(name, cause, outcome)


def _claim(name: ModelName, cause: str) -> None:
    faults: list[str] = []

    def decide(records: Records) -> RecordBody | None:
        faults[:] = [fault] if (fault := _claim_fault(records, name, cause)) else []
        if faults:
            return None
        alarm = next(r for r in records if r.hash == cause)
        facts = {ALARM: cause, **owner_tags()}
        return RecordBody(
            kind="training", version=alarm.version, reason=f"asked for by record {alarm.seq}", facts=facts
        )

    add_record(connect(), name, decide)
    if faults:
        raise GateError(faults[0])


def _claim_fault(records: Sequence[Record], name: ModelName, cause: str) -> str | None:
    alarm = next((r for r in records if r.hash == cause and r.kind == "alarm"), None)
    if alarm is None:
        return f"the ledger of {name} has no alarm {cause[:16]}; `make ledger` lists them"
    done = _outcome(records, cause)
    if done is not None:
        return (
            f"alarm {alarm.seq} of {name} has been answered: record {done.seq}, {done.reason}. One training per cause"
        )
    ended = {r.facts.get("training") for r in records if r.kind == "outcome" and r.facts.get(ALARM) == cause}
    for record in records:
        running = record.kind == "training" and record.facts.get(ALARM) == cause and record.hash not in ended
        if running and not is_stale(record.facts):
            return f"a training answers alarm {alarm.seq} of {name} already: record {record.seq}, {record.at}"
    return None


def _record_outcome(name: ModelName, cause: str, outcome: dict[str, str]) -> None:
    def decide(records: Records) -> RecordBody | None:
        started = [r for r in records if r.kind == "training" and r.facts.get(ALARM) == cause]
        ended = {r.facts.get("training") for r in records if r.kind == "outcome"}
        if not started or started[-1].hash in ended:
            return None
        facts = {ALARM: cause, "training": started[-1].hash}
        verdict = outcome.get("verdict", FAILED)
        return RecordBody(kind="outcome", version=outcome.get("version", ""), reason=verdict, facts=facts)

    with registry_errors(f"recording the outcome of a training of {name}"):
        add_record(connect(), name, decide)
