"""Promote: named people decide on a version that passed the gate. ``python -m flows.promote --help``."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import BaseModel, ConfigDict, Field

from tasks.local.command_line import run_command
from tasks.review.cases import ClosedReview, read_review
from tasks.review.prefect_form import ended, release, take_answer, wait_for_answer
from tasks.review.terminal import ReviewRequest, form_text, review_at_terminal


class PromoteRequest(BaseModel):
    """Wait for a decision on a version that passed the gate, and carry it out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str = Field(description="whose model, such as toronto")
    version: str = Field(pattern=r"^\d+$", description="which version of it")


@flow(name="promote", flow_run_name="{request.problem} version {request.version}", log_prints=True)
def promote(request: PromoteRequest) -> State[None]:
    """Wait, suspended, until the review is closed; every answer to the form starts this from the top."""
    which, refusal = (request.problem, request.version), ""
    review = read_review(*which)
    if not isinstance(review, ClosedReview):
        refusal = take_answer(review)
        review = read_review(*which)
    if not isinstance(review, ClosedReview):
        wait_for_answer(review, form_text(review, refusal))
    release(*which, review)
    return ended(review)


if __name__ == "__main__":
    # At a terminal the decision is taken without starting a Prefect server: its record is in the registry either way.
    run_command(ReviewRequest, review_at_terminal)
