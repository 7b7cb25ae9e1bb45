"""The ledger as a person reads it."""

from __future__ import annotations

from evenhand.audit.chain import Record
from evenhand.audit.review_state import standing_on, why
from tasks.registry.ledger import Ledger, known_models, open_ledger

_TOLD = (
    *("outcome", "compared_with", "estimate", "low", "high", "metric", "rows_sha256", "verdict_sha256"),
    *("data_sha256", "holdout_sha256", "config_sha256", "policy_sha256", "model_sha256", "gate_report_sha256"),
    *("identity", "code", "winner", "training", "run_id", "trained_by", "from"),
)


def tell(problem: str | None = None, on: str | None = None, reasons: bool = False) -> tuple[str, list[str]]:
    """Write a ledger, or what it answers, of one problem or of all.

    Parameters
    ----------
    problem : str, optional
    on : str, optional
        A date or time: only which version was champion then.
    reasons : bool
        Only why the champion is one.

    Returns
    -------
    text : str
    faults : list of str
        Of broken ledgers; each names the first broken record.
    """
    problems = [problem] if problem else known_models()
    if not problems:
        return "No model is registered, so there is no ledger.", []
    ledgers = [open_ledger(name) for name in problems]
    told = "\n\n".join(_on(ledger, on) if on else _why(ledger) if reasons else _all(ledger) for ledger in ledgers)
    return told, [ledger.chain.fault for ledger in ledgers if ledger.chain.fault]


def _all(ledger: Ledger) -> str:
    lines = [f"{ledger.name}: {len(ledger.chain.records)} records"]
    lines += [_line(record) for record in ledger.chain.records]
    if ledger.chain.fault:
        return "\n".join([*lines, "What follows can't be trusted."])
    lines.append("Every record follows from the one before it.")
    return "\n".join([*lines, f"{_champion(ledger)}{'' if ledger.standing.in_order else _OUT_OF_BAND}"])


_OUT_OF_BAND = " It was not promoted: somebody changed alias champion by hand. `make rollback` puts the last one back."


def _champion(ledger: Ledger) -> str:
    now = ledger.standing
    if now.moved is None:
        return "There is no champion yet."
    if not now.champion:
        return f"There is no champion since {now.moved.at}."
    return f"Champion: version {now.champion} since {now.moved.at}."


def _line(record: Record) -> str:
    by = f" by {record.by}" if record.by else ""
    version = f"version {record.version}" if record.version else "no version"
    outcome = f": {record.facts['outcome']}" if record.kind == "verdict" else ""
    reason = f" ({record.reason})" if record.reason and record.kind not in ("verdict", "request") else ""
    return f"  {record.seq:4} {record.at} {record.kind:12} {version}{outcome}{by}{reason}"


def _on(ledger: Ledger, when: str) -> str:
    if ledger.chain.fault:
        return f"{ledger.name} on {when}: can't be told, as its ledger can't be trusted"
    then = standing_on(ledger.chain.records, when)
    if then.moved is None or not then.champion:
        return f"{ledger.name} on {when}: no champion"
    return (
        f"{ledger.name} on {when}: version {then.champion}, by record {then.moved.seq}\n{_line(then.moved)}"
        f"{'' if then.in_order else _OUT_OF_BAND}"
    )


def _why(ledger: Ledger) -> str:
    if ledger.chain.fault:
        return f"{ledger.name}: why its champion is one can't be told, as its ledger can't be trusted"
    lines = [_champion(ledger)]
    for record in why(ledger.chain.records):
        lines.append(_line(record))
        if record.kind == "verdict":
            lines.append(f"         {record.reason}")
        lines += [f"         {key:18} {record.facts[key]}" for key in _TOLD if record.facts.get(key)]
    return f"{ledger.name}: " + "\n".join(lines)
