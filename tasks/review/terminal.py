"""The review at a terminal: lists what waits, shows a case, asks for what was not given."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from evenhand.errors import GateError
from tasks.review.cases import PendingReview, approval_code, find_pending, pending_reviews
from tasks.review.decide import Choice, Decision, decide_review
from tasks.review.prefect_form import resume_waiting
from tasks.settings import settings

DECISIONS: dict[str, Choice] = {"approve": "approve", "reject": "reject"}


class ReviewRequest(BaseModel):
    """Decide a pending review. Without options: list what waits, show a case and ask."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str | None = Field(default=None, description="whose model, such as toronto")
    version: str | None = Field(default=None, pattern=r"^\d+$", description="which version of it")
    decision: Choice | None = Field(
        default=None, description="approve moves alias champion; reject leaves it where it is; both are recorded"
    )
    reviewer: str | None = Field(default=None, description="name of the person who decides")
    comment: str | None = Field(default=None, description="why")
    signature: str | None = Field(
        default=None, description="made elsewhere with the reviewer's key, where that key is not at hand here"
    )
    code: bool = Field(
        default=False,
        description="decide nothing: print the code by which this decision is signed in a form or on another machine",
    )


def take_decision(request: ReviewRequest) -> Decision:
    """Carry out a request that has all it needs.

    Raises
    ------
    GateError
        When something is missing from the request, or the decision can't be taken.
    """
    return decide_review(*_complete(request), request.comment or "", signature=request.signature)


def review_at_terminal(request: ReviewRequest) -> None:
    """Talk a person through one decision; without an answer nothing is decided.

    Raises
    ------
    GateError
        When nothing fits the request, or the decision can't be taken.
    """
    if request.code:
        _say(approval_code(*_complete(request)))
        return
    review = _chosen(request)
    if review is None:
        return
    _say(describe(review))
    decision = request.decision or _asked_decision()
    if decision is None:
        _say("Nothing was decided.")
        return
    reviewer = request.reviewer if request.reviewer is not None else _ask("Your name: ")
    comment = request.comment
    if comment is None:
        comment = "" if request.reviewer and request.decision else _ask("Comment: ")
    given = {"problem": review.problem, "version": review.version, "decision": decision, "comment": comment or ""}
    taken = take_decision(request.model_copy(update={**given, "reviewer": reviewer or ""}))
    where = f"{review.name} version {review.version}"
    if taken.lacks:
        _say(f"Approved by {taken.reviewer}; {where} still waits: {taken.lacks}.")
    else:
        _say(f"{where} is {taken.state} by {taken.reviewer}; its aliases: {', '.join(taken.aliases) or 'none'}.")
    for said in resume_waiting(taken):
        _say(said)


def describe(review: PendingReview) -> str:
    """Put a case on one page: the verdict first, then why, then where the rest is."""
    verdict = review.verdict
    against = f"champion version {review.compared_with}" if review.compared_with else "chance: there is no champion yet"
    lines = [f"\n{review.name} version {review.version}: {verdict.outcome}", *verdict.reasons, ""]
    facts = {
        "candidate": review.winner,
        "held against": f"{against}, on {verdict.rows:,} held-out rows",
        "filed": review.filed_at,
        "trained by": review.trained_by,
        "may decide": ", ".join(review.reviewers) or "anybody who gives a name",
        "approved by": ", ".join(review.approved_by),
        "report": str(settings().runs / review.training) if review.training else "",
        "MLflow run": review.run_id or "",
        "gate report": review.report,
        "expires": review.due,
    }
    lines += [f"  {name:13} {value}" for name, value in facts.items() if value]
    lines += [f"  {c.status:13} {c.name}: {c.detail}" for c in verdict.conditions]
    return "\n".join(lines)


def form_text(review: PendingReview, refusal: str = "") -> str:
    """Say in Markdown what a form's reader decides on, and how a declared reviewer makes the approval code."""
    parts = [f"**The last answer was refused:** {refusal}"] if refusal else []
    parts.append(f"```\n{describe(review).strip()}\n```")
    parts += [f"[Gate report]({review.report}): the whole case on one page"] if review.report else []
    with_key = [name for name in review.reviewers if name not in review.by_account]
    if review.by_account:
        who = ", ".join(review.by_account)
        parts.append(
            f"This form can't tell who fills it in: {who} decide with `make review`, as the tracking server's user."
        )
    if with_key:
        told = f'--problem {review.problem} --version {review.version} --decision approve --reviewer "{{name}}" --code'
        parts.append("This prints your approval code where your key is at hand (or with `--decision reject`):")
        parts += [f"    make review ARGS='{told.format(name=name)}'" for name in with_key]
    return "\n\n".join(parts)


def _complete(request: ReviewRequest) -> tuple[str, str, Choice, str]:
    problem, version, decision, reviewer = request.problem, request.version, request.decision, request.reviewer
    if problem is None or version is None or decision is None or reviewer is None:
        missing = [name for name in ("problem", "version", "decision", "reviewer") if getattr(request, name) is None]
        raise GateError(f"a decision needs {', '.join(missing)} as well")
    return problem, version, decision, reviewer


def _chosen(request: ReviewRequest) -> PendingReview | None:
    if request.problem is not None and request.version is not None:
        return find_pending(request.problem, request.version)
    waiting = [r for r in pending_reviews() if request.problem in (None, r.problem)]
    waiting = [r for r in waiting if request.version in (None, r.version)]
    if not waiting:
        if request.decision:
            raise GateError("no review is pending, so there is nothing to decide")
        _say("No review is pending.")
        return None
    _say("Waiting for a review:")
    for number, review in enumerate(waiting, start=1):
        _say(f"  {number}. {review.name} version {review.version}: {review.verdict.outcome}, filed {review.filed_at}")
    if request.decision and len(waiting) > 1:
        raise GateError("several reviews are pending: say which by --problem and --version")
    return waiting[0] if len(waiting) == 1 else _asked_which(waiting)


def _asked_which(waiting: list[PendingReview]) -> PendingReview | None:
    while answer := _ask(f"Which one, 1 to {len(waiting)} (Enter for none): "):
        if answer.isdecimal() and 1 <= int(answer) <= len(waiting):
            return waiting[int(answer) - 1]
        _say(f"{answer!r} is none of them.")
    return None


def _asked_decision() -> Choice | None:
    while answer := _ask("approve or reject (Enter for later): "):
        if answer in DECISIONS:
            return DECISIONS[answer]
        _say(f"{answer!r} is neither; write the whole word.")
    return None


def _ask(question: str) -> str | None:
    """Ask for a line; None when there is nobody to answer."""
    try:
        return input(question).strip()
    except EOFError:
        return None


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201
