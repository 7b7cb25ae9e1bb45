"""The review under a Prefect server: a suspended run of flow ``promote`` whose form people fill in.

The ledger decides. A flow run carries an answer to it and shows what came of it; without any flow run a review is taken
just as well at a terminal. A suspended run holds no process, and its answer starts the flow again from the top.
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
from tasks.registry.model_versions import in_one_line
from tasks.review.cases import ClosedReview, PendingReview
from tasks.review.decide import COMMENT_LENGTH, Choice, Decision, decide_review

FLOW, DEPLOYMENT = "promote", "promote/review"
SPARE = timedelta(seconds=2)  # so that a request is due when the run comes that closes it
GRACE = timedelta(hours=1)  # if that run does not come, Prefect itself gives up on the suspended one


class ReviewForm(RunInput):
    """A decision on a version that passed the gate."""

    reviewer: str = Field(min_length=1, max_length=200, description="Your name.")
    decision: Choice = Field(description="approve moves alias champion; reject leaves it where it is.")
    comment: str = Field(default="", max_length=COMMENT_LENGTH, description="Why.")
    approval_code: str = Field(
        default="",
        max_length=100,
        description="Only where reviewers are declared: what the command above prints. Never the key itself.",
    )


def start_waiting(problem_name: str, version: str, request: str) -> str:
    """Start the flow run that waits for a decision, once a request, where a server with its deployment is named.

    Returns
    -------
    str
        What to add to the words on what follows. A server that can't be asked is told and stops nothing: the request
        is in the ledger.
    """
    if not PREFECT_API_URL.value():
        return ""
    try:
        with get_client(sync_client=True) as client:
            deployed = client.read_deployment_by_name(DEPLOYMENT)
            asked = _asked(problem_name, version)
            run = client.create_flow_run_from_deployment(deployed.id, parameters=asked, idempotency_key=request)
    except ObjectNotFound:
        return ""
    except Exception as error:  # noqa: BLE001 - whatever keeps Prefect from it, the review can be taken
        return f" (Prefect was not told: {in_one_line(error)})"
    return f", or the form of flow run {run.name!r} in Prefect ({run.id})"


def take_answer(review: PendingReview) -> str:
    """Carry the newest answer to this flow run's form into the ledger.

    Older ones were carried there by earlier starts of the flow; doing it twice changes nothing.

    Returns
    -------
    str
        Why it was refused; empty when it was not, or when there is none.
    """
    answer, _ = _newest_answer(review)
    if answer is None:
        return ""
    told = (review.problem, review.version, answer.decision, answer.reviewer, answer.comment)
    try:
        # The code as it was given, also an empty one: a key that this machine has is not the one who answered's.
        decide_review(*told, signature=answer.approval_code.strip().casefold(), request=review.request)
    except GateError as error:
        return str(error)
    return ""


def wait_for_answer(review: PendingReview, about: str) -> NoReturn:
    """Suspend this flow run until somebody fills in its form; this ends the process.

    Raises
    ------
    GateError
        When Prefect lets the flow go on without an answer.
    """
    form, timeout = ReviewForm.with_initial_data(description=about), None
    create_markdown_artifact(about, key=f"review-{review.name}-{review.version}".lower().replace("_", "-"))
    if review.due:
        due = datetime.fromisoformat(review.due)
        _wake_at(due + SPARE, review)
        timeout = int((due + GRACE - datetime.now(UTC)).total_seconds())
    _, turn = _newest_answer(review)
    with suppress(ValidationError):  # of an answer that is not there: this showing of the form is over
        suspend_flow_run(wait_for_input=form, key=_key(review, turn), timeout=timeout)
    raise GateError("Prefect went on without an answer to its form; retry this flow run to be asked again")


def release(problem_name: str, version: str, review: ClosedReview) -> None:
    """End the other flow runs that wait for a decision that was taken."""
    with get_client(sync_client=True) as client:
        for run in _suspended(client, problem_name, version):
            client.set_flow_run_state(run.id, ended(review))


def ended(review: ClosedReview) -> State[None]:
    """Make the final state of a flow run: each end of a review is one that was asked for."""
    return Completed(name=review.state.capitalize(), message=review.told)


def resume_waiting(taken: Decision) -> list[str]:
    """Let the flow runs go on that wait for a decision which was taken at a terminal, with that decision as the answer.

    Returns
    -------
    list of str
        What was done, for the terminal.
    """
    if not PREFECT_API_URL.value():
        return []
    decision = "reject" if taken.state == "rejected" else "approve"
    answer = {"reviewer": taken.reviewer, "decision": decision, "comment": taken.comment}
    answer["approval_code"] = taken.signature
    said = []
    try:
        with get_client(sync_client=True) as client:
            for run in _suspended(client, taken.problem, taken.version):
                result = client.resume_flow_run(run.id, run_input=answer)
                said.append(f"Prefect's flow run {run.name!r}: {result.status.value.lower()}")
    except Exception as error:  # noqa: BLE001 - the decision is in the ledger, whatever Prefect says
        said.append(f"Prefect was not told: {in_one_line(error)}")
    return said


# --- parts ---------------------------------------------------------------------------------------------------------


def _key(review: PendingReview, turn: int) -> str:
    """Name one showing of the form; an answer to another request has another name."""
    return f"{review.request[:16]}-{turn}"


def _newest_answer(review: PendingReview) -> tuple[ReviewForm | None, int]:
    """Read the newest answer, and the number of times that the form was shown."""
    newest = None
    for turn in count():
        kept = keyset_from_base_key(f"suspended-{_key(review, turn)}")
        answer = read_flow_run_input(kept["response"])
        if answer is not None:
            newest = ReviewForm.model_validate(answer)
        elif read_flow_run_input(kept["schema"]) is None:
            return newest, turn
    raise AssertionError


def _wake_at(when: datetime, review: PendingReview) -> None:
    """Have another run of this deployment look when the request is due; it finds it expired and ends this one."""
    with get_client(sync_client=True) as client:
        client.create_flow_run_from_deployment(
            runtime.deployment.id,
            parameters=_asked(review.problem, review.version),
            state=Scheduled(scheduled_time=when),
            idempotency_key=f"{review.request} due",
        )


def _suspended(client: SyncPrefectClient, problem_name: str, version: str) -> Iterator[FlowRun]:
    runs = client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=[FLOW])),
        flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": ["PAUSED"]}}}),
    )
    return (run for run in runs if run.parameters == _asked(problem_name, version))


def _asked(problem_name: str, version: str) -> dict[str, dict[str, str]]:
    """Parameters of flow ``promote``."""
    return {"request": {"problem": problem_name, "version": version}}
