"""Ledger: show and verify every decision on a model. ``python -m flows.ledger --help``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from evenhand.audit.chain import LedgerError
from evenhand.text.printable import printable
from tasks.local.command_line import run_command
from tasks.registry.ledger_text import ledger_as_text, restore_from_ledger, seal_from_ledger


def _exists(when: str) -> str:
    datetime.fromisoformat(when)
    return when


class LedgerRequest(BaseModel):
    """Show and verify the ledger; a broken ledger is an error that names its first broken record."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str | None = Field(
        default=None, description="a problem, such as toronto or toronto-quick; all problems if not given"
    )
    on: Annotated[str, AfterValidator(_exists)] | None = Field(
        default=None,
        pattern=r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?)?$",
        description="show which version was champion at the end of this date, or at this time, in UTC",
    )
    why: bool = Field(
        default=False, description="show the records that explain the champion: verdict, approvals and hashes"
    )
    seal: bool = Field(
        default=False, description="take over the champion of a ledger that an earlier version has written"
    )
    restore: bool = Field(
        default=False, description="put alias champion and the tags of versions back to what the ledger has"
    )


def show(request: LedgerRequest) -> None:
    """Print the ledger.

    Raises
    ------
    LedgerError
        After printing, when a ledger is broken.
    """
    if request.restore:
        print(restore_from_ledger(request.problem), flush=True)
        return
    if request.seal:
        print(seal_from_ledger(request.problem), flush=True)
        return
    text, faults = ledger_as_text(request.problem, request.on, request.why)
    print(printable(text, lines=True), flush=True)
    if faults:
        raise LedgerError(". ".join(faults))


if __name__ == "__main__":
    run_command(LedgerRequest, show)
