"""The review on a Prefect server: a suspended run of flow ``promote`` with a form for the decision.

The ledger decides. A flow run records the answer there and shows the result; a decision at a terminal needs no flow
run. A suspended run holds no process, and its answer starts the flow again from the beginning.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import NoReturn

from prefect import runtime
from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import ObjectNotFound
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.input.actions import read_flow_run_input
from prefect.input.run_input import keyset_from_base_key
from prefect.settings import PREFECT_API_URL
from prefect.states import Completed, Scheduled
from pydantic import Field, ValidationError

from evenhand.errors import GateError
from tasks.registry.model_versions import ModelName, in_one_line
from tasks.review.decide import COMMENT_LENGTH, Choice, Decision, ReviewAnswer, decide_review
from tasks.review.pending_reviews import ClosedReview, PendingReview
from tasks.review.reviewers import Proof

FLOW, DEPLOYMENT = "promote", "promote/review"
EXPIRY_DELAY = timedelta(seconds=2)  # so that the request has expired when the run that closes it starts
GRACE = timedelta(hours=1)  # when that run does not start, Prefect itself ends the suspended one


class ReviewForm(RunInput):
    """A decision on a version that passed the gate."""

    reviewer: str = Field(min_length=1, max_length=200, description="Your name.")
    decision: Choice = Field(description="approve moves alias champion; reject leaves it where it is.")
    comment: str = Field(default="", max_length=COMMENT_LENGTH, description="Why.")
    acknowledged: tuple[str, ...] = Field(default=(), description="Undecided conditions that you accept, by name.")
    signed_decision: str = Field(
        default="",
        max_length=8_000,
        description="Only for a reviewer with a key: the whole output of the command above.",
    )


def start_review_run(name: ModelName, version: str, request: str) -> str:
    """Start the flow run that waits for a decision, once per request, when a Prefect server has the deployment.

    Returns
    -------
    str
        Addition to the status message, empty without a server. An error of the server is part of the message and is not
        raised, because the request is already in the ledger.
    """
    if not PREFECT_API_URL.value():
        return ""
    try:
        with get_client(sync_client=True) as client:
            deployed = client.read_deployment_by_name(DEPLOYMENT)
            parameters = _parameters(name, version)
            run = client.create_flow_run_from_deployment(deployed.id, parameters=parameters, idempotency_key=request)
    except ObjectNotFound:
        return ""
    except Exception as error:  # noqa: BLE001 - the review can be decided without Prefect
        return f" (no flow run was started in Prefect: {in_one_line(error)})"
    return f", or the form of flow run {run.name!r} in Prefect ({run.id})"


def record_answer(review: PendingReview) -> str:
    """Record the newest answer to this flow run's form in the ledger.

    Older answers were recorded by earlier starts of the flow; recording one twice changes nothing.

    Returns
    -------
    str
        Why the answer was refused; empty when it was accepted, or when there is none.
    """
    form, _ = _newest_answer(review)
    if form is None:
        return ""
    # Keys and the login of this machine are not those of the person who answered.
    proof = Proof(form.signed_decision.strip() or None, here=False)
    answer = ReviewAnswer(form.decision, form.reviewer, form.comment, form.acknowledged, proof, review.request)
    try:
        decide_review(review.name, review.version, answer)
    except GateError as error:
        return str(error)
    return ""


def wait_for_answer(review: PendingReview, text: str) -> NoReturn:
    """Suspend this flow run until somebody fills in its form; this ends the process.

    Raises
    ------
    GateError
        When Prefect continues the flow without an answer.
    """
    form, timeout = ReviewForm.with_initial_data(description=text), None
    create_markdown_artifact(text, key=f"review-{review.name}-{review.version}".lower().replace("_", "-"))
    if review.due:
        due = datetime.fromisoformat(review.due)
        _schedule_run(due + EXPIRY_DELAY, review)
        timeout = int((due + GRACE - datetime.now(UTC)).total_seconds())
    _, turn = _newest_answer(review)
    with suppress(ValidationError):  # raised when Prefect continues without an answer
        suspend_flow_run(wait_for_input=form, key=_key(review, turn), timeout=timeout)
    raise GateError("Prefect continued without an answer to the form; retry this flow run to see the form again")


def end_waiting_runs(name: ModelName, version: str, review: ClosedReview) -> None:
    """End the other flow runs that wait for a review that is closed."""
    with get_client(sync_client=True) as client:
        for run in _suspended(client, name, version):
            client.set_flow_run_state(run.id, final_state(review))


def final_state(review: ClosedReview) -> State[None]:
    """Return the final state of a flow run: completed, whatever the decision was."""
    return Completed(name=review.state.capitalize(), message=review.message)


def resume_waiting_runs(decision: Decision) -> list[str]:
    """Resume the flow runs that wait for a decision which was taken at a terminal, with that decision as their answer.

    Returns
    -------
    list of str
        Messages for the terminal.
    """
    if not PREFECT_API_URL.value():
        return []
    answer = {
        "reviewer": decision.reviewer,
        "decision": "reject" if decision.state == "rejected" else "approve",
        "comment": decision.comment,
        "signed_decision": decision.signed,
    }
    messages = []
    try:
        with get_client(sync_client=True) as client:
            for run in _suspended(client, decision.model, decision.version):
                result = client.resume_flow_run(run.id, run_input=answer)
                messages.append(f"Prefect's flow run {run.name!r}: {result.status.value.lower()}")
    except Exception as error:  # noqa: BLE001 - the decision is already in the ledger
        messages.append(f"the flow run in Prefect was not resumed: {in_one_line(error)}")
    return messages


def _key(review: PendingReview, turn: int) -> str:
    """Return the key under which Prefect stores the form and its answer; it differs for each request and turn."""
    return f"{review.request[:16]}-{turn}"


def _newest_answer(review: PendingReview) -> tuple[ReviewForm | None, int]:
    """Read the newest answer, and how often the form was shown."""
    newest = None
    for turn in count():
        keys = keyset_from_base_key(f"suspended-{_key(review, turn)}")
        answer = read_flow_run_input(keys["response"])
        if answer is not None:
            newest = ReviewForm.model_validate(answer)
        elif read_flow_run_input(keys["schema"]) is None:
            return newest, turn
    raise AssertionError


def _schedule_run(when: datetime, review: PendingReview) -> None:
    """Schedule another run of this deployment, which closes the expired request and ends the suspended run."""
    with get_client(sync_client=True) as client:
        client.create_flow_run_from_deployment(
            runtime.deployment.id,
            parameters=_parameters(review.name, review.version),
            state=Scheduled(scheduled_time=when),
            idempotency_key=f"{review.request} due",
        )


def _suspended(client: SyncPrefectClient, name: ModelName, version: str) -> Iterator[FlowRun]:
    runs = client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=[FLOW])),
        flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": ["PAUSED"]}}}),
    )
    return (run for run in runs if run.parameters == _parameters(name, version))


def _parameters(name: ModelName, version: str) -> dict[str, dict[str, str]]:
    """Return the parameters of flow ``promote``."""
    return {"request": {"model": name, "version": version}}
