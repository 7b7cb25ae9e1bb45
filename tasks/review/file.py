"""Review: people who can be named approve or reject a version that passed the gate.

What waits is a request in the ledger; nothing else has to be running while it waits.
"""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from evenhand.audit.review_state import Request, request_for, standing
from evenhand.gate.verdict import Verdict
from evenhand.problem import Problem
from tasks.registry.client import connect
from tasks.registry.ledger import settle
from tasks.registry.model_versions import Registered, registry_errors
from tasks.review.cases import is_open
from tasks.review.decide import promote
from tasks.review.prefect_form import start_waiting
from tasks.review.requests import expire, file_request, show, withdraw


@task(name="review", cache_policy=NO_CACHE)
def file_verdict(problem: Problem, registered: Registered, verdict: Verdict) -> str:
    """Ask for a review of a pass; with ``review: never`` move the alias at once.

    Filing the same verdict again changes nothing, and a decision that was taken on it stands. Where a Prefect server
    is named that has the deployment for it, a flow run there waits for the decision as well.

    Returns
    -------
    str
        One sentence on what happens next.

    Raises
    ------
    GateError
        When the registry can't be used, or the verdict is not the one in the ledger.
    """
    name, number = registered.name, registered.version
    filed: Request | None = None
    with registry_errors(f"filing the verdict on {name} version {number}"):
        client = connect()
        records = settle(client, name)
        if standing(records).champion == number:
            said = "is the champion."
        elif not verdict.passes:
            records, said = withdraw(client, name, number), "is not promoted."
        else:
            version = client.get_model_version(name, number)
            records, request = file_request(client, problem, version)
            records = expire(client, name, number)
            if request.policy.review == "never" and request.state == "approved":
                records = promote(client, name, number)
            filed = request_for(records, number)
            said = _what_follows(filed, standing(records).champion)
        show(client, name, number, records)
    if is_open(filed):
        said += start_waiting(problem.name, number, filed.record.hash)
    return f"{name} version {number} {said}"


def _what_follows(request: Request | None, champion: str) -> str:
    if request is None or is_open(request):
        return "waits for a review: make review"
    if request.state == "promoted":
        if champion != request.record.version:
            return "was champion on this verdict and is not any more: make ledger"
        return "is the champion now, without a review: the problem declares `review: never`."
    if request.state == "rejected" and request.closed is not None:
        return f"was rejected by {request.closed.by}."
    return f"is not promoted: {request.closed.reason if request.closed else request.state}."
