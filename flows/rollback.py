"""Rollback: restore the previous champion. ``python -m flows.rollback --help``."""

from __future__ import annotations

from prefect import flow

from evenhand.printable import printable
from tasks.local.command_line import run_command
from tasks.registry.model_versions import Registered
from tasks.review.rollback import RollbackRequest, roll_back, rollback_code


@flow(name="rollback")
def rollback(request: RollbackRequest) -> Registered:
    """Restore the previous champion, with the parameters of a deployment's form."""
    # A missing signature becomes an empty one, so that a key of this machine never signs for the person at the form.
    return roll_back(request.model_copy(update={"signature": request.signature or ""}))


def _at_terminal(request: RollbackRequest) -> None:
    if request.code:
        print(printable(rollback_code(request)))
        return
    champion = roll_back(request)
    print(f"{champion.name} version {champion.version} is the champion again.")


if __name__ == "__main__":
    # A rollback at a terminal starts no Prefect server; it is recorded in the ledger in both cases.
    run_command(RollbackRequest, _at_terminal)
