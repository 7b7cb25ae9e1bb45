"""Promote: a named person decides on a version that passed the gate. ``python -m flows.promote --help``."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import BaseModel, ConfigDict, Field

from tasks.local.command_line import run_command
from tasks.registry.model_versions import model_name
from tasks.review.pending_reviews import ClosedReview, read_review
from tasks.review.prefect_form import end_waiting_runs, final_state, record_answer, wait_for_answer
from tasks.review.terminal import ReviewOptions, form_text, review_at_terminal


class PromoteRequest(BaseModel):
    """Wait for a decision on a version that passed the gate, and carry it out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(description="name of the registered model, such as evenhand-toronto")
    version: str = Field(pattern=r"^\d+$", description="version of the registered model")


@flow(name="promote", flow_run_name="{request.model} version {request.version}", log_prints=True)
def promote(request: PromoteRequest) -> State[None]:
    """Wait, suspended, until the review is closed; every answer to the form starts this flow from the beginning."""
    name, version, refusal = model_name(request.model), request.version, ""
    review = read_review(name, version)
    if not isinstance(review, ClosedReview):
        refusal = record_answer(review)
        review = read_review(name, version)
    if not isinstance(review, ClosedReview):
        wait_for_answer(review, form_text(review, refusal))
    end_waiting_runs(name, version, review)
    return final_state(review)


if __name__ == "__main__":
    # A decision at a terminal starts no Prefect server; it is recorded in the ledger in both cases.
    run_command(ReviewOptions, review_at_terminal)
