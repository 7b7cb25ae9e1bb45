"""Rollback: restore the previous champion. ``python -m flows.rollback --help``."""

from __future__ import annotations

from prefect import flow

from evenhand.text.printable import printable
from tasks.local.command_line import run_command
from tasks.review.reviewers import read_signed
from tasks.review.rollback import RollbackRequest, roll_back, signed_rollback


@flow(name="rollback")
def rollback(request: RollbackRequest) -> str:
    """Restore the previous champion, with the parameters of a deployment's form."""
    return roll_back(request, here=False)


def _at_terminal(request: RollbackRequest) -> None:
    request = request.model_copy(update={"signed": read_signed(request.signed)})
    print(printable(signed_rollback(request), lines=True) if request.sign else printable(roll_back(request)))


if __name__ == "__main__":
    # A rollback at a terminal starts no Prefect server; it is recorded in the ledger in both cases.
    run_command(RollbackRequest, _at_terminal)
