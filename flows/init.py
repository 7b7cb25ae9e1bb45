"""Init: a problem file for rows that nobody has described. ``python -m flows.init --help``."""

from __future__ import annotations

from tasks.local.command_line import run_command
from tasks.proposal.init import InitRequest, init


def show(request: InitRequest) -> None:
    """Propose, write, and print one screen."""
    print(init(request).text, flush=True)


if __name__ == "__main__":
    run_command(InitRequest, show)
