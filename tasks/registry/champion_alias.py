"""Alias ``champion``: it follows the ledger, and only this module moves it.

A promotion or a rollback is decided by its record in the ledger. After the record, the alias is moved; after the alias,
the head of the ledger is stored as a tag of the registered model. When the head is older than the last promotion or
rollback, a process was killed in between, and its work is finished here. When the head is current and the alias differs
from the ledger, somebody moved the alias by hand: that is recorded as ``out of band`` and makes nobody champion.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from evenhand.audit.chain import Head, LedgerError, Record, RecordBody
from evenhand.audit.requests import POLICY_SHA256, RULES
from evenhand.audit.review_state import ChampionState, Promoted, champion_state, needs_seal, unsealed_promotions
from evenhand.audit.trust import vouched_records
from evenhand.errors import GateError
from evenhand.problem import Problem
from tasks.processes.owner import is_stale, owner_tags
from tasks.registry.digests import model_sha256
from tasks.registry.ledger_store import HEAD, Records, append_record, read_ledger
from tasks.registry.model_versions import (
    CHALLENGER,
    CHAMPION,
    PREVIOUS,
    ModelName,
    find_version,
    model_exists,
    registry_errors,
    short_name,
    tag_version,
    write_with_retry,
)
from tasks.registry.problem_rules import check_governing_file, deciding_policy, rules_in_file
from tasks.registry.registrations import champion_fault, changed_tags, check_files, identified, standing_champion
from tasks.tracking.client import connect

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import RegisteredModel

WAIT_SECONDS, POLL_SECONDS = 30.0, 0.05

T = TypeVar("T")
Decide = Callable[[Records], RecordBody | None]


def add_record(client: MlflowClient, name: ModelName, decide: Decide) -> Records:
    """Append the record that ``decide`` returns for the existing records, and let the alias follow.

    Parameters
    ----------
    client : MlflowClient
    name : ModelName
    decide : callable
        Called with all records; returns None when there is nothing to append. It is called again when another process
        appended a record first.

    Returns
    -------
    tuple of Record
        The ledger afterwards; the alias has followed.

    Raises
    ------
    LedgerError
        When the ledger is broken; nothing is appended then.
    """
    while True:
        records, body = _by_latest(client, name, decide)
        if body is None:
            return records
        if append_record(client, name, records, body):
            return reconcile(client, name)


def settled_champion(client: MlflowClient, name: ModelName) -> tuple[Records, Promoted | None]:
    """Return the records, and the champion that the ledger and MLflow have.

    Raises
    ------
    GateError
        See :func:`tasks.registry.registrations.standing_champion`.
    """
    return _by_latest(client, name, lambda records: standing_champion(client, records, name))


def _by_latest(client: MlflowClient, name: ModelName, read: Callable[[Records], T]) -> tuple[Records, T]:
    """Read by the latest records; an error counts only when no other process has appended a record meanwhile."""
    while True:
        records = reconcile(client, name)
        try:
            return records, read(records)
        except GateError:
            if reconcile(client, name) == records:
                raise


def reconcile(client: MlflowClient, name: ModelName) -> Records:
    """Let the alias follow the ledger, and return the records.

    After a record of a promotion or rollback, this moves ``champion``: in the process that wrote the record or, if it
    was killed, in the next one. An alias that was moved by hand stays where it is, and the ledger gets a record of kind
    ``out of band``; see :func:`tasks.registry.registrations.standing_champion` for what is refused then.

    Raises
    ------
    LedgerError
        When the ledger is broken.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        model = client.get_registered_model(name) if model_exists(client, name) else None
        records = _counted_records(client, name, model)
        if model is None:
            return records
        state, head = champion_state(records), Head.parse(model.tags.get(HEAD, ""))
        aliases = {alias: str(version) for alias, version in model.aliases.items()}
        if aliases.get(CHAMPION, "") == state.champion:
            if state.champion and aliases.get(CHALLENGER) == state.champion:
                write_with_retry(client.delete_registered_model_alias, name, CHALLENGER)
            if head != Head.of(records):
                write_with_retry(client.set_registered_model_tag, name, HEAD, str(Head.of(records)))
            return records
        if not _is_unfinished(state, head) or _is_another(client, name, state):
            found = aliases.get(CHAMPION, "")
            if _is_known(records, state, found):
                return records
            append_record(client, name, records, _out_of_band(state, found))
        elif _may_finish(state) or time.monotonic() > deadline:
            point_alias(client, name, state)
        else:
            time.sleep(POLL_SECONDS)  # the process that wrote the record is about to move the alias


def point_alias(client: MlflowClient, name: ModelName, state: ChampionState) -> None:
    """Point alias ``champion`` at the champion of the ledger; without one the alias is deleted."""
    previous = state.previous.version if state.previous else ""
    write_with_retry(client.set_registered_model_tag, name, PREVIOUS, previous)
    if state.champion:
        write_with_retry(client.set_registered_model_alias, name, CHAMPION, state.champion)
    else:
        write_with_retry(client.delete_registered_model_alias, name, CHAMPION)


def _counted_records(client: MlflowClient, name: ModelName, model: RegisteredModel | None) -> Records:
    """Read the records; those that nobody vouches for have no effect, and a ledger of an earlier version is sealed."""
    chain = read_ledger(client, name, model)
    policy = deciding_policy(name, chain.records, chain.written)
    if not needs_seal(chain.verified()):
        return vouched_records(chain.records, chain.written, policy)
    if policy.has_keys:
        raise LedgerError(_unsealed(name, chain.records))
    append_record(client, name, chain.records, _seal(client, name, chain.records))
    return _counted_records(client, name, model)


def seal_ledger(client: MlflowClient, name: ModelName) -> None:
    """Take over the champion of a ledger from an earlier version, with the digest of its files as they are now."""
    records = read_ledger(client, name, client.get_registered_model(name)).verified()
    if needs_seal(records):
        append_record(client, name, records, _seal(client, name, records))


def restore(client: MlflowClient, name: ModelName) -> list[str]:
    """Put alias and tags back to what the ledger has; return what was changed, one sentence each.

    Raises
    ------
    GateError
        When the champion's version is gone, was made again, or has other files than the registered ones.
    """
    records = reconcile(client, name)
    state, done = champion_state(records), []
    current = state.current
    if current is not None and find_version(client, name, current.version) is None:
        raise GateError(champion_fault(client, current, name) or f"{name} version {current.version} is gone")
    if current is not None:
        check_files(name, current.version, current.model_sha256)
    if champion_fault(client, current, name) is not None:
        point_alias(client, name, state)
        done.append(f"alias {CHAMPION} points to {f'version {current.version}' if current else 'no version'} again")
    for version in dict.fromkeys(r.version for r in records if r.kind == "registration"):
        done += _restore_tags(client, name, records, version)
    reconcile(client, name)
    return done


def unfinished_move(client: MlflowClient, name: ModelName) -> Record | None:
    """Return the promotion or rollback whose process was killed before the alias and the head followed."""
    if not model_exists(client, name):
        return None
    model = client.get_registered_model(name)
    state = champion_state(_counted_records(client, name, model))
    return state.last_move if _is_unfinished(state, Head.parse(model.tags.get(HEAD, ""))) else None


def alias_record(kind: str, version: str, by: str, reason: str, facts: dict[str, str] | None = None) -> RecordBody:
    """Return the record of a promotion or rollback, with its process, so that others wait while that is alive."""
    return RecordBody.model_validate(
        {"kind": kind, "version": version, "by": by, "reason": reason, "facts": {**(facts or {}), **owner_tags()}}
    )


def settled_records(name: ModelName) -> Records:
    """Return the records of a registered model, which may not exist yet; the alias has followed them.

    Raises
    ------
    GateError
        When the ledger is broken, or the registry can't be used.
    """
    with registry_errors(f"reading the ledger of {name}"):
        return reconcile(connect(), name)


def check_problem_file(problem: Problem, name: ModelName) -> None:
    """Refuse a problem file that does not govern its registered model, before a training spends time on it.

    A ledger that can't be read refuses nothing here: the gate fails closed on it.

    Raises
    ------
    ProblemError
    """
    with suppress(GateError):
        check_governing_file(problem, name, settled_records(name))


def _is_unfinished(state: ChampionState, head: Head) -> bool:
    return state.last_move is not None and head.seq < state.last_move.seq


def _is_another(client: MlflowClient, name: ModelName, state: ChampionState) -> bool:
    """Whether the champion's version is gone, or is one that was made again under its number."""
    if state.current is None:
        return False
    found = find_version(client, name, state.current.version)
    return found is None or str(found.creation_timestamp) != state.current.created


def _is_known(records: Records, state: ChampionState, found: str) -> bool:
    """Whether the ledger has a record of this alias already."""
    start = state.last_move.seq if state.last_move else 0
    noted = [record.version for record in records[start:] if record.kind == "out of band"]
    return bool(noted) and noted[-1] == found


def _may_finish(state: ChampionState) -> bool:
    """Whether the last move was recorded by this process or by one that has ended."""
    if state.last_move is None:
        return False
    facts = state.last_move.facts
    return all(facts.get(key) == value for key, value in owner_tags().items()) or is_stale(facts)


def _out_of_band(state: ChampionState, found: str) -> RecordBody:
    recorded = f"version {state.champion}" if state.champion else "no version"
    alias = f"pointed to version {found}" if found else "was deleted"
    return alias_record("out of band", found, "", f"alias {CHAMPION} {alias}; the ledger had {recorded}")


def _seal(client: MlflowClient, name: ModelName, records: Records) -> RecordBody:
    """Return the record that takes over the champion of a ledger from an earlier version, with the digests it lacks."""
    promotions = []
    for version in unsealed_promotions(records):
        found = find_version(client, name, version)
        if found is not None:
            made = {"version": version, "created": str(found.creation_timestamp)}
            promotions.append({**made, "model_sha256": _present_sha256(name, version)})
    facts = {"head": str(Head.of(records)), "promotions": json.dumps(promotions)}
    rules = rules_in_file(name)
    if rules is not None:
        facts |= {RULES: rules.text, POLICY_SHA256: rules.sha256}
    return RecordBody(kind="seal", version="", reason="records of an earlier version, without digests", facts=facts)


def _unsealed(name: ModelName, records: Records) -> str:
    champion = (unsealed_promotions(records) or ["none"])[-1]
    return (
        f"the ledger of {name} is of an earlier version, without signatures, and its problem file declares keys. Its "
        f"champion is version {champion}: when that is right, `make ledger PROBLEM={short_name(name)} ARGS=--seal` "
        "takes it over"
    )


def _present_sha256(name: ModelName, version: str) -> str:
    """Digest the files of a version as they are; empty when they can't be fetched, so that they are never loaded."""
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    with tempfile.TemporaryDirectory() as folder:
        try:
            return model_sha256(Path(download_artifacts(artifact_uri=f"models:/{name}/{version}", dst_path=folder)))
        except (MlflowException, OSError):
            return ""


def _restore_tags(client: MlflowClient, name: ModelName, records: Records, version: str) -> list[str]:
    """Put the tags of a version that is still the registered one back to the facts of its registration."""
    try:
        registration, found = identified(client, records, name, version)
    except GateError:
        return []
    changed = changed_tags(registration, found)
    tag_version(client, name, version, changed)
    return [f"tag {tag} of version {version} is {value!r} again" for tag, value in changed.items()]
