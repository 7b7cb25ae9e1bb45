"""The ledger as text for a person."""

from __future__ import annotations

from dataclasses import dataclass

from evenhand.audit.chain import Chain, LedgerError, Record
from evenhand.audit.review_state import ChampionState, champion_records, champion_state, champion_state_on
from tasks.registry.champion_alias import reconcile
from tasks.registry.client import connect
from tasks.registry.ledger_store import read_ledger
from tasks.registry.model_versions import model_exists, model_name, registered_problems, registry_errors

_FACTS = (
    *("outcome", "compared_with", "estimate", "low", "high", "metric", "rows_sha256", "verdict_sha256"),
    *("data_sha256", "holdout_sha256", "config_sha256", "policy_sha256", "model_sha256", "gate_report_sha256"),
    *("identity", "code", "winner", "training", "run_id", "trained_by", "from"),
)
_OUT_OF_BAND = " It was not promoted: alias champion was moved by hand. `make rollback` restores the last promoted one."


@dataclass(frozen=True)
class Ledger:
    """The ledger of a registered model, verified."""

    name: str
    chain: Chain

    @property
    def state(self) -> ChampionState:
        """The champion according to the records before the first broken one."""
        return champion_state(self.chain.records)


def open_ledger(problem_name: str) -> Ledger:
    """Read a ledger; when it is unbroken, a champion that was changed by hand is recorded first.

    Raises
    ------
    GateError
        When the registry can't be used or has no such model.
    """
    name = model_name(problem_name)
    with registry_errors(f"reading the ledger of {name}"):
        client = connect()
        if not model_exists(client, name):
            known = ", ".join(registered_problems()) or "none"
            raise LedgerError(f"there is no registered model {name}; problems with one: {known}")
        try:
            chain = read_ledger(client, name)
        except LedgerError as fault:
            chain = Chain((), str(fault))
        return Ledger(name, chain if chain.fault else Chain(reconcile(client, name)))


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
        One per broken ledger, naming its first broken record.
    """
    problems = [problem] if problem else registered_problems()
    if not problems:
        return "No model is registered, so there is no ledger.", []
    ledgers = [open_ledger(name) for name in problems]
    text = "\n\n".join(_on(ledger, on) if on else _why(ledger) if why else _all(ledger) for ledger in ledgers)
    return text, [ledger.chain.fault for ledger in ledgers if ledger.chain.fault]


def _all(ledger: Ledger) -> str:
    lines = [f"{ledger.name}: {len(ledger.chain.records)} records"]
    lines += [_line(record) for record in ledger.chain.records]
    if ledger.chain.fault:
        return "\n".join([*lines, "The records after these can't be trusted."])
    lines.append("Every record follows from the one before it.")
    return "\n".join([*lines, f"{_champion(ledger)}{'' if ledger.state.was_promoted else _OUT_OF_BAND}"])


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
    outcome = f": {record.facts['outcome']}" if record.kind == "verdict" else ""
    reason = f" ({record.reason})" if record.reason and record.kind not in ("verdict", "request") else ""
    return f"  {record.seq:4} {record.at} {record.kind:12} {version}{outcome}{by}{reason}"


def _on(ledger: Ledger, when: str) -> str:
    if ledger.chain.fault:
        return f"{ledger.name} on {when}: unknown, because the ledger is broken"
    then = champion_state_on(ledger.chain.records, when)
    if then.last_move is None or not then.champion:
        return f"{ledger.name} on {when}: no champion"
    return (
        f"{ledger.name} on {when}: version {then.champion}, by record {then.last_move.seq}\n{_line(then.last_move)}"
        f"{'' if then.was_promoted else _OUT_OF_BAND}"
    )


def _why(ledger: Ledger) -> str:
    if ledger.chain.fault:
        return f"{ledger.name}: the reasons for its champion are unknown, because the ledger is broken"
    lines = [_champion(ledger)]
    for record in champion_records(ledger.chain.records):
        lines.append(_line(record))
        if record.kind == "verdict":
            lines.append(f"         {record.reason}")
        lines += [f"         {key:18} {record.facts[key]}" for key in _FACTS if record.facts.get(key)]
    return f"{ledger.name}: " + "\n".join(lines)
