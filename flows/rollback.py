"""Rollback: put the previous champion back. ``python -m flows.rollback --help``."""

from __future__ import annotations

from prefect import flow

from tasks.local.command_line import run_command
from tasks.registry.model_versions import Registered
from tasks.review.rollback import RollbackRequest, roll_back, rollback_code


@flow(name="rollback")
def rollback(request: RollbackRequest) -> Registered:
    """Put the previous champion back, as a deployment's form was filled in."""
    # No signature is none: a key that this machine has is not the one's who filled in the form.
    return roll_back(request.model_copy(update={"signature": request.signature or ""}))


def _at_terminal(request: RollbackRequest) -> None:
    if request.code:
        print(rollback_code(request))
        return
    champion = roll_back(request)
    print(f"{champion.name} version {champion.version} is the champion again.")


if __name__ == "__main__":
    # At a terminal this needs no Prefect server: its record is in the ledger either way.
    run_command(RollbackRequest, _at_terminal)
