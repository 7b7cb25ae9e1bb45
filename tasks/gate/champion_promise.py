"""What the champion promised: the score of its own held-out rows, by the verdict on which it was promoted."""

from __future__ import annotations

from evenhand.audit.chain import LedgerError, Record
from evenhand.gate.verdict import Promise
from tasks.registry.model_versions import ModelName
from tasks.registry.verdicts import recorded_verdict
from tasks.tracking.client import connect

UNREADABLE = "the champion's verdict is not as it was recorded: what it promised can't be read"
OLDER = "the champion's verdict is of an earlier version of Evenhand, which recorded no promise"


def champion_promise(name: ModelName, verdict: Record | None) -> Promise | str | None:
    """Read the champion's promise from the record of its verdict.

    Returns
    -------
    Promise or str or None
        A text says why it is not known. None without a champion, or where the ledger has no verdict on it.
    """
    if verdict is None:
        return None
    try:
        found = recorded_verdict(connect(), name, verdict)
    except LedgerError:
        return UNREADABLE
    return OLDER if found.promise is None else found.promise
