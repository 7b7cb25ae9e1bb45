"""Alias ``champion``: it follows the ledger, and only this module moves it.

A promotion or a rollback is decided by its record in the ledger. After the record, the alias is moved; after the alias,
the head of the ledger is stored as a tag of the registered model. When the head is older than the last promotion or
rollback, a process was killed in between, and its work is finished here. When the head is current and the alias differs
from the ledger, somebody moved the alias by hand, which is recorded as ``out of band``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from evenhand.audit.chain import Head, Record, RecordBody
from evenhand.audit.review_state import ChampionState, champion_state
from tasks.registry.client import connect
from tasks.registry.ledger_store import HEAD, Records, append_record, read_ledger
from tasks.registry.model_versions import (
    CHALLENGER,
    CHAMPION,
    PREVIOUS,
    model_name,
    registry_errors,
    write_with_retry,
)
from tasks.registry.run_owner import is_stale, owner_tags

if TYPE_CHECKING:
    from mlflow import MlflowClient

WAIT_SECONDS, POLL_SECONDS = 30.0, 0.05

Decide = Callable[[Records], RecordBody | None]


def add_record(client: MlflowClient, name: str, decide: Decide) -> Records:
    """Append the record that ``decide`` returns for the existing records, and let the alias follow.

    Parameters
    ----------
    client : MlflowClient
    name : str
        Of the registered model.
    decide : callable
        Called with all records; returns None when there is nothing to append. It is called again when another process
        appended a record first.

    Returns
    -------
    tuple of Record
        The ledger afterwards; alias and head agree with it.

    Raises
    ------
    LedgerError
        When the ledger is broken; nothing is appended then.
    """
    while True:
        records = reconcile(client, name)
        body = decide(records)
        if body is None:
            return records
        if append_record(client, name, records, body):
            return reconcile(client, name)


def reconcile(client: MlflowClient, name: str) -> Records:
    """Let the alias follow the ledger, and return the records.

    After a record of a promotion or rollback, this moves ``champion``: in the process that wrote the record or, if it
    was killed, in the next one. An alias that was moved by hand stays where it is, and the ledger gets a record of kind
    ``out of band``.

    Raises
    ------
    LedgerError
        When the ledger is broken.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        model = client.get_registered_model(name)
        records = read_ledger(client, name, model).verified()
        state, head = champion_state(records), Head.parse(model.tags.get(HEAD, ""))
        aliases = {alias: str(version) for alias, version in model.aliases.items()}
        if aliases.get(CHAMPION, "") == state.champion:
            if state.champion and aliases.get(CHALLENGER) == state.champion:
                write_with_retry(client.delete_registered_model_alias, name, CHALLENGER)
            if head == Head.of(records):
                return records
            write_with_retry(client.set_registered_model_tag, name, HEAD, str(Head.of(records)))
        elif not _is_unfinished(state, head):
            append_record(client, name, records, _out_of_band(state, aliases.get(CHAMPION, "")))
        elif _may_finish(state) or time.monotonic() > deadline:
            write_with_retry(client.set_registered_model_tag, name, PREVIOUS, state.previous)
            write_with_retry(client.set_registered_model_alias, name, CHAMPION, state.champion)
        else:
            time.sleep(POLL_SECONDS)  # the process that wrote the record is about to move the alias


def unfinished_move(client: MlflowClient, name: str) -> Record | None:
    """Return the promotion or rollback whose process was killed before the alias and the head followed."""
    model = client.get_registered_model(name)
    state = champion_state(read_ledger(client, name, model).verified())
    return state.last_move if _is_unfinished(state, Head.parse(model.tags.get(HEAD, ""))) else None


def alias_record(kind: str, version: str, by: str, reason: str, facts: dict[str, str] | None = None) -> RecordBody:
    """Return the record of a promotion or rollback, with its process, so that others wait while that is alive."""
    return RecordBody.model_validate(
        {"kind": kind, "version": version, "by": by, "reason": reason, "facts": {**(facts or {}), **owner_tags()}}
    )


def champion_was_promoted(problem_name: str) -> bool:
    """Whether the champion is the result of a promotion or a rollback, not of an alias moved by hand.

    Raises
    ------
    GateError
        When the ledger is broken, or the registry can't be used.
    """
    name = model_name(problem_name)
    with registry_errors(f"reading the ledger of {name}"):
        state = champion_state(reconcile(connect(), name))
    return bool(state.champion) and state.was_promoted


def _is_unfinished(state: ChampionState, head: Head) -> bool:
    return state.last_move is not None and head.seq < state.last_move.seq


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
