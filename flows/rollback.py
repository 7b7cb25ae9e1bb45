"""Rollback: put the previous champion back. ``python -m flows.rollback --help``."""

from __future__ import annotations

from prefect import flow

from flows.commands import run_command
from tasks.model_versions import Registered
from tasks.rollback import RollbackRequest, roll_back


@flow(name="rollback")
def rollback(request: RollbackRequest) -> Registered:
    """Put the previous champion back, as a deployment's form was filled in."""
    return roll_back(request)


def _at_terminal(request: RollbackRequest) -> None:
    champion = roll_back(request)
    print(f"{champion.name} version {champion.version} is the champion again.")


if __name__ == "__main__":
    # At a terminal this needs no Prefect server: its record is in the ledger either way.
    run_command(RollbackRequest, _at_terminal)
