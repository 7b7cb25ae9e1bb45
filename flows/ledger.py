"""Ledger: every decision about a model, verified. ``python -m flows.ledger --help``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from evenhand.audit.chain import LedgerError
from tasks.local.command_line import run_command
from tasks.registry.ledger_text import tell


class LedgerRequest(BaseModel):
    """Show the ledger and verify it; a broken one ends with an error that names its first broken record."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str | None = Field(default=None, description="whose, such as toronto; every problem's if not given")
    on: str | None = Field(
        default=None,
        pattern=r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?)?$",
        description="tell which version was champion at the end of this date, or at this time, in UTC",
    )
    why: bool = Field(default=False, description="tell why the champion is one: verdict, approvals and hashes")


def show(request: LedgerRequest) -> None:
    """Print what was asked for.

    Raises
    ------
    LedgerError
        Afterwards, when a ledger is broken.
    """
    text, faults = tell(request.problem, request.on, request.why)
    print(text, flush=True)
    if faults:
        raise LedgerError(". ".join(faults))


if __name__ == "__main__":
    run_command(LedgerRequest, show)
