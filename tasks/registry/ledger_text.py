"""The ledger as text for a person."""

from __future__ import annotations

from dataclasses import dataclass

from evenhand.audit.chain import Chain, LedgerError, Record
from evenhand.audit.requests import SIGNATURE
from evenhand.audit.review_state import ChampionState, champion_records, champion_state, champion_state_on
from evenhand.audit.trust import UNWITNESSED
from evenhand.text.printable import printable
from tasks.registry.champion_alias import reconcile, restore, seal_ledger
from tasks.registry.ledger_store import read_ledger
from tasks.registry.model_versions import (
    ModelName,
    model_exists,
    model_name,
    registered_models,
    registry_errors,
    short_name,
)
from tasks.registry.registrations import champion_fault, training_facts
from tasks.registry.witness import address, witnessed_models
from tasks.tracking.client import connect

_FACTS = (
    *("outcome", "compared_with", "estimate", "low", "high", "metric", "rows_sha256", "verdict_sha256"),
    *("data_sha256", "holdout_sha256", "config_sha256", "policy_sha256", "model_sha256", "gate_report_sha256"),
    *("identity", "code", "winner", "training", "run_id", "trained_by", "from"),
)


@dataclass(frozen=True)
class Ledger:
    """The ledger of a registered model, verified."""

    name: ModelName
    chain: Chain
    champion_fault: str
    """How MLflow's champion differs from the ledger's; empty when it does not."""

    @property
    def faults(self) -> list[str]:
        """What is wrong with it."""
        if self.chain.fault:
            return [self.chain.fault]
        refused = [f"record {r.seq} of {self.name} is no {r.kind}: {fault}" for r, fault in self.state.refused]
        unknown = [
            f"record {r.seq} of {self.name}, a {r.reason}, was not written with this machine's witness ({address()}): "
            "it counts for nothing"
            for r in self.chain.records
            if r.kind == UNWITNESSED
        ]
        return unknown + refused + ([f"{self.name}: {self.champion_fault}"] if self.champion_fault else [])

    @property
    def state(self) -> ChampionState:
        """The champion according to the records before the first broken one."""
        return champion_state(self.chain.records)


def open_ledger(name: ModelName) -> Ledger:
    """Read a ledger; when it is unbroken, a champion that was changed by hand is recorded first.

    Raises
    ------
    GateError
        When the registry can't be used or has no such ledger.
    """
    with registry_errors(f"reading the ledger of {name}"):
        client = connect()
        try:
            model = client.get_registered_model(name) if model_exists(client, name) else None
            chain = read_ledger(client, name, model)
        except LedgerError as fault:
            chain = Chain((), str(fault))
        if chain.fault:
            return Ledger(name, chain, "")
        records = reconcile(client, name)
        if not records:
            known = ", ".join(short_name(found) for found in registered_models()) or "none"
            raise LedgerError(f"there is no registered model {name} with a ledger; problems with one: {known}")
        return Ledger(name, Chain(records), champion_fault(client, champion_state(records).current, name) or "")


def ledger_as_text(problem: str | None = None, on: str | None = None, why: bool = False) -> tuple[str, list[str]]:
    """Describe the ledger of one problem, or of all.

    Parameters
    ----------
    problem : str, optional
    on : str, optional
        A date or time: only which version was champion then.
    why : bool
        Only the records that explain the current champion.

    Returns
    -------
    text : str
    faults : list of str
        One for each broken ledger, record that counts for nothing, and champion that differs in MLflow.
    """
    known = {*registered_models(), *map(ModelName, witnessed_models())}
    names = [model_name(problem)] if problem else sorted(known)
    if not names:
        return "No model is registered, so there is no ledger.", []
    ledgers = [open_ledger(name) for name in names]
    text = "\n\n".join(_on(ledger, on) if on else _why(ledger) if why else _all(ledger) for ledger in ledgers)
    return text, [fault for ledger in ledgers for fault in ledger.faults]


def restore_from_ledger(problem: str | None) -> str:
    """Put alias and tags back to what the ledger of a problem has; return what was changed, one line each.

    Raises
    ------
    GateError
    """
    if problem is None:
        raise LedgerError("--restore needs a problem: make ledger PROBLEM=toronto ARGS=--restore")
    name = model_name(problem)
    with registry_errors(f"restoring {name}"):
        return "\n".join(restore(connect(), name)) or "Alias and tags are as the ledger has them."


def seal_from_ledger(problem: str | None) -> str:
    """Take over the champion of a ledger from an earlier version; return one sentence.

    Raises
    ------
    GateError
    """
    if problem is None:
        raise LedgerError("--seal needs a problem: make ledger PROBLEM=toronto ARGS=--seal")
    name = model_name(problem)
    with registry_errors(f"sealing the ledger of {name}"):
        client = connect()
        seal_ledger(client, name)
        champion = champion_state(reconcile(client, name)).champion
    return f"The ledger of {name} is sealed; its champion is version {champion or 'none'}."


def _all(ledger: Ledger) -> str:
    lines = [f"{ledger.name}: {len(ledger.chain.records)} records"]
    lines += [_line(record) for record in ledger.chain.records]
    if ledger.chain.fault:
        return "\n".join([*lines, "The records after these can't be trusted."])
    signed = sum(bool(record.facts.get(SIGNATURE)) for record in ledger.chain.records)
    lines.append("Every record follows from the one before it, and is in the witness.")
    lines += [f"Every signature that counts was verified ({signed} signed decisions)."] if signed else []
    return "\n".join([*lines, *ledger.faults, _champion(ledger)])


def _champion(ledger: Ledger) -> str:
    state = ledger.state
    if state.last_move is None:
        return "There is no champion yet."
    if not state.champion:
        return f"There has been no champion since {state.last_move.at}."
    return f"Champion: version {state.champion} since {state.last_move.at}."


def _line(record: Record) -> str:
    by = f" by {record.by}" if record.by else ""
    version = f"version {record.version}" if record.version else "no version"
    outcome = f": {record.facts.get('outcome', 'unknown')}" if record.kind == "verdict" else ""
    reason = f" ({record.reason})" if record.reason and record.kind not in ("verdict", "request") else ""
    # A line break in a comment would print a record that does not exist.
    return printable(f"  {record.seq:4} {record.at} {record.kind:12} {version}{outcome}{by}{reason}")


def _on(ledger: Ledger, when: str) -> str:
    if ledger.chain.fault:
        return f"{ledger.name} on {when}: unknown, because the ledger is broken"
    then = champion_state_on(ledger.chain.records, when)
    if then.last_move is None or not then.champion:
        return f"{ledger.name} on {when}: no champion"
    return f"{ledger.name} on {when}: version {then.champion}, by record {then.last_move.seq}\n{_line(then.last_move)}"


def _why(ledger: Ledger) -> str:
    if ledger.chain.fault:
        return f"{ledger.name}: the reasons for its champion are unknown, because the ledger is broken"
    lines = [_champion(ledger)]
    for record in champion_records(ledger.chain.records):
        lines.append(_line(record))
        if record.kind == "verdict":
            lines.append(printable(f"         {record.reason}"))
        facts = record.facts | (training_facts(record) if record.kind == "registration" else {})
        lines += [f"         {key:18} {facts[key]}" for key in _FACTS if facts.get(key)]
    return f"{ledger.name}: " + "\n".join(lines)
