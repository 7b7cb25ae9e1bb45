"""Promote: a named person's decision on a version that passed the gate. ``python -m flows.promote --help``."""

from __future__ import annotations

from prefect import flow

from flows.commands import run_command
from tasks.review import Decision
from tasks.review_dialogue import ReviewRequest, review_at_terminal, take_decision


@flow(name="promote")
def promote(request: ReviewRequest) -> Decision:
    """Take the decision that a deployment's form was filled in with; every field but the comment is needed."""
    return take_decision(request)


if __name__ == "__main__":
    # At a terminal the decision is taken without starting a Prefect server: its record is in the registry either way.
    run_command(ReviewRequest, review_at_terminal)
