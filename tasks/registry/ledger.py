"""The ledger's place in MLflow, and the alias that follows it.

Each registered model has an experiment ``evenhand-ledger-<problem>`` with one run in it, whose parameters are the
records. MLflow never changes a parameter once it is written, and of two writers of the same one the second is refused,
in SQLite and in PostgreSQL, embedded and behind a server: so whoever writes record N first has taken the next place,
and the other one looks again. No lock is held that a killed process could leave behind.

A promotion or a rollback is decided by its record; then alias champion is moved, then the ledger's head is noted on
the registered model. A head behind the last move is work to be finished; an alias that differs from a ledger whose
head has caught up was moved by somebody else.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evenhand.audit.chain import Chain, Entry, Head, LedgerError, Record, link, name_of, read_chain
from evenhand.audit.review_state import Standing, standing
from tasks.registry.client import artifact_location, connect
from tasks.registry.model_versions import (
    CHALLENGER,
    CHAMPION,
    PREFIX,
    PREVIOUS,
    exists,
    firmly,
    model_name,
    now,
    registry_errors,
)
from tasks.registry.run_owner import is_stale, owner_tags

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import RegisteredModel

EXPERIMENT = "evenhand-ledger-"
HEAD, RUN = "ledger_head", "ledger_run"
LONGEST = 6_000  # MLflow cuts a longer parameter, without an error
PATIENCE_SECONDS, LOOK_SECONDS = 30.0, 0.05

Records = tuple[Record, ...]
Decide = Callable[[Records], Entry | None]


def read_ledger(client: MlflowClient, name: str, model: RegisteredModel | None = None) -> Chain:
    """Read and verify the ledger of a registered model.

    Raises
    ------
    LedgerError
        When it was deleted, or can't be found any more.
    """
    model = model or client.get_registered_model(name)
    run_id = _find(client, name)
    kept = client.get_run(run_id).data.params if run_id else {}
    return read_chain(name, kept, Head.parse(model.tags.get(HEAD, "")))


def transact(client: MlflowClient, name: str, decide: Decide) -> Records:
    """Add the record that ``decide`` asks for, given all records before it; asked again when another came first.

    Parameters
    ----------
    client : MlflowClient
    name : str
        Of the registered model.
    decide : callable
        Returns None when there is nothing to add.

    Returns
    -------
    tuple of Record
        The ledger afterwards; the alias and the head agree with it.

    Raises
    ------
    LedgerError
        When the ledger is broken: nothing is added to it.
    """
    while True:
        records = settle(client, name)
        entry = decide(records)
        if entry is None:
            return records
        if _append(client, name, records, entry):
            return settle(client, name)


def settle(client: MlflowClient, name: str) -> Records:
    """Finish what a killed process began, note a champion that was changed out of band, and return the records."""
    patience = time.monotonic() + PATIENCE_SECONDS
    while True:
        model = client.get_registered_model(name)
        records = read_ledger(client, name, model).sound()
        now_, head = standing(records), Head.parse(model.tags.get(HEAD, ""))
        aliases = {alias: str(version) for alias, version in model.aliases.items()}
        moved = now_.moved.seq if now_.moved else 0
        if aliases.get(CHAMPION, "") == now_.champion:
            if aliases.get(CHALLENGER) == now_.champion and now_.champion:
                firmly(client.delete_registered_model_alias, name, CHALLENGER)
            if head == Head.of(records):
                return records
            firmly(client.set_registered_model_tag, name, HEAD, str(Head.of(records)))
        elif head.seq >= moved:
            _append(client, name, records, _out_of_band(now_, aliases.get(CHAMPION, "")))
        elif now_.moved and (_is_ours_or_left(now_.moved) or time.monotonic() > patience):
            firmly(client.set_registered_model_tag, name, PREVIOUS, now_.previous)
            firmly(client.set_registered_model_alias, name, CHAMPION, now_.champion)
        else:
            time.sleep(LOOK_SECONDS)  # the process that wrote the record is about to move the alias


def unfinished(client: MlflowClient, name: str) -> Record | None:
    """Find the promotion or rollback that a killed process recorded and did not finish."""
    model = client.get_registered_model(name)
    moved = standing(read_ledger(client, name, model).sound()).moved
    return moved if moved and Head.parse(model.tags.get(HEAD, "")).seq < moved.seq else None


def move(kind: str, version: str, by: str, reason: str, facts: dict[str, str] | None = None) -> Entry:
    """Write the entry of a promotion or a rollback; it names its process, so that a live one is not interfered with."""
    return Entry.model_validate(
        {"kind": kind, "version": version, "by": by, "reason": reason, "facts": {**(facts or {}), **owner_tags()}}
    )


@dataclass(frozen=True)
class Ledger:
    """A model's ledger as it is shown."""

    name: str
    chain: Chain

    @property
    def standing(self) -> Standing:
        """Who is champion by the records that can be trusted."""
        return standing(self.chain.records)


def open_ledger(problem_name: str) -> Ledger:
    """Read a ledger to show it; when it is whole, a champion changed out of band is noted first.

    Raises
    ------
    GateError
        When the registry can't be used or has no such model.
    """
    name = model_name(problem_name)
    with registry_errors(f"reading the ledger of {name}"):
        client = connect()
        if not exists(client, name):
            raise LedgerError(f"there is no registered model {name}; there is: {', '.join(known_models()) or 'none'}")
        try:
            chain = read_ledger(client, name)
        except LedgerError as fault:
            chain = Chain((), str(fault))
        return Ledger(name, chain if chain.fault else Chain(settle(client, name)))


def known_models() -> list[str]:
    """List the problems with a registered model."""
    with registry_errors("listing the registered models"):
        client, token, found = connect(), None, []
        while True:
            page = client.search_registered_models(page_token=token)
            found += [m.name.removeprefix(PREFIX) for m in page if m.name.startswith(PREFIX)]
            if not (token := page.token):
                return sorted(found)


def champion_in_order(problem_name: str) -> bool:
    """Tell whether the champion came in by a promotion or a rollback; scoring may refuse one that did not.

    Raises
    ------
    GateError
        When that can't be told: the ledger is broken, or the registry can't be used.
    """
    ledger = open_ledger(problem_name)
    ledger.chain.sound()
    return bool(ledger.standing.champion) and ledger.standing.in_order


# --- parts ---------------------------------------------------------------------------------------------------------


def _out_of_band(before: Standing, found: str) -> Entry:
    was = f"version {before.champion}" if before.champion else "nothing"
    what = f"pointed to version {found}" if found else "was gone"
    return move("out of band", found, "", f"alias {CHAMPION} {what} where the ledger has {was}")


def _is_ours_or_left(record: Record) -> bool:
    ours = all(record.facts.get(key) == value for key, value in owner_tags().items())
    return ours or is_stale(record.facts)


def _append(client: MlflowClient, name: str, records: Records, entry: Entry) -> bool:
    """Write the next record; False when its place was taken in the meantime."""
    from mlflow.exceptions import MlflowException

    run_id = _find(client, name) or _create(client, name)
    record = link(records, name, entry, now(), uuid.uuid4().hex)
    text, place = record.model_dump_json(), name_of(record.seq)
    if len(text) > LONGEST:
        raise LedgerError(f"a record of {len(text):,} characters is too long; {LONGEST:,} are allowed ({entry.kind})")
    try:
        client.log_param(run_id, place, text)
    except MlflowException:
        # A refusal, or an answer that was lost on the way: what is kept tells.
        kept = client.get_run(run_id).data.params.get(place)
        if kept is None:
            raise
        return bool(kept == text)
    return True


def _find(client: MlflowClient, name: str) -> str | None:
    title = EXPERIMENT + name.removeprefix(PREFIX)
    found = client.get_experiment_by_name(title)
    if found is None:
        return None
    if found.lifecycle_stage != "active":
        restore = f"mlflow experiments restore --experiment-id {found.experiment_id}"
        raise LedgerError(f"the ledger of {name} is deleted; bring it back with `{restore}`")
    if RUN not in found.tags:
        raise LedgerError(f"experiment {title!r} does not say which run is the ledger (tag {RUN!r})")
    return str(found.tags[RUN])


def _create(client: MlflowClient, name: str) -> str:
    """Make the ledger under a name of its own, then rename it: of two at once, one gets the name."""
    from mlflow.exceptions import MlflowException

    title = EXPERIMENT + name.removeprefix(PREFIX)
    made = client.create_experiment(f"{title}.{uuid.uuid4().hex}", artifact_location=artifact_location())
    run_id = client.create_run(made, run_name="ledger", tags={"model": name}).info.run_id
    client.update_run(run_id, status="FINISHED")
    client.set_experiment_tag(made, RUN, run_id)
    try:
        client.rename_experiment(made, title)
    except MlflowException:
        client.delete_experiment(made)
        taken = _find(client, name)
        if taken is None:
            raise
        return taken
    return str(run_id)
