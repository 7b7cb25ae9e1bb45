"""What the champion promised: the score of its own held-out rows, by its recorded verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenhand.audit.review_state import latest_verdict
from evenhand.gate.verdict import Promise
from tasks.registry.champion_alias import reconcile
from tasks.registry.verdicts import recorded_verdict

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from tasks.registry.model_versions import Registered

UNREADABLE = "the champion's verdict is not as it was recorded: what it promised can't be read"
OLDER = "the champion's verdict is of an earlier version of Evenhand, which recorded no promise"


def champion_promise(client: MlflowClient, champion: Registered | None) -> Promise | str | None:
    """Read the champion's promise from its verdict.

    Returns
    -------
    Promise or str or None
        A text says why it is not known. None without a champion, or where the ledger has no verdict on it.
    """
    if champion is None or latest_verdict(reconcile(client, champion.name), champion.version) is None:
        return None
    verdict = recorded_verdict(client.get_model_version(champion.name, champion.version))
    if verdict is None:
        return UNREADABLE
    return OLDER if verdict.promise is None else verdict.promise
