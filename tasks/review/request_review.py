"""The task that requests a review after the gate.

A pending review is a request in the ledger; nothing has to run while it waits.
"""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from evenhand.audit.requests import Request
from evenhand.audit.review_state import champion_state, latest_request
from evenhand.gate.verdict import Verdict
from evenhand.problem import Problem
from tasks.registry.champion_alias import reconcile
from tasks.registry.model_versions import Registered, registry_errors
from tasks.review.approve import promote_version
from tasks.review.prefect_form import start_review_run
from tasks.review.requests import expire_request, file_request, is_open, tag_review, withdraw_request
from tasks.tracking.client import connect


@task(name="review", cache_policy=NO_CACHE)
def request_review(problem: Problem, registered: Registered, verdict: Verdict) -> str:
    """Request a review of a version that passed the gate; with ``review: never`` promote it at once.

    Requesting the same review again changes nothing, and a decision on it stands. When the settings name a Prefect
    server that has the deployment, a flow run there waits for the decision as well.

    Returns
    -------
    str
        One sentence on what happens next.

    Raises
    ------
    GateError
        When the registry can't be used, or the verdict differs from the one in the ledger.
    """
    name, number = registered.name, registered.version
    request: Request | None = None
    with registry_errors(f"requesting a review of {name} version {number}"):
        client = connect()
        records = reconcile(client, name)
        if champion_state(records).champion == number:
            status = "is the champion."
        elif not (verdict.passes or (verdict.acknowledgeable and problem.review == "required")):
            records, status = withdraw_request(client, name, number), "is not promoted."
        else:
            expire_request(client, name, number)
            records, filed = file_request(client, problem, registered)
            if filed.policy.review == "never" and filed.state == "approved":
                records = promote_version(client, name, number)
            request = latest_request(records, number)
            status = _status(request, champion_state(records).champion)
        tag_review(client, name, number, records)
    if is_open(request):
        status += start_review_run(name, number, request.record.hash)
    return f"{name} version {number} {status}"


def _status(request: Request | None, champion: str) -> str:
    if request is None or is_open(request):
        return "waits for a review: make review"
    if request.state == "promoted":
        if champion != request.record.version:
            return "was promoted on this verdict and is no longer the champion: make ledger"
        return "is the champion now, without a review: the problem declares `review: never`."
    if request.state == "rejected" and request.closed is not None:
        return f"was rejected by {request.closed.by}."
    return f"is not promoted: {request.closed.reason if request.closed else request.state}."
