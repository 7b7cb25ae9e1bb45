"""The review at a terminal: list the pending reviews, show a case, ask for the missing parts of a decision."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from evenhand.errors import GateError
from evenhand.text.printable import printable
from tasks.registry.model_versions import ModelName, model_name, short_name
from tasks.review.decide import Choice, Decision, ReviewAnswer, decide_review
from tasks.review.pending_reviews import PendingReview, pending_review, pending_reviews, signed_decision
from tasks.review.prefect_form import resume_waiting_runs
from tasks.review.reviewers import Proof, read_signed
from tasks.settings import settings

DECISIONS: dict[str, Choice] = {"approve": "approve", "reject": "reject"}


class ReviewOptions(BaseModel):
    """Decide a pending review. Without options: list the pending reviews, show a case and ask."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str | None = Field(
        default=None, description="problem of the model, such as toronto; toronto-quick for its quick trainings"
    )
    version: str | None = Field(default=None, pattern=r"^\d+$", description="version of the registered model")
    decision: Choice | None = Field(
        default=None, description="approve moves alias champion; reject leaves it where it is; both are recorded"
    )
    reviewer: str | None = Field(default=None, description="name of the person who decides")
    comment: str | None = Field(default=None, description="why")
    acknowledge: tuple[str, ...] = Field(
        default=(), description="an undecided condition that the reviewer accepts; once for each"
    )
    key: str | None = Field(
        default=None, description="file of your private SSH key; ~/.ssh and the SSH agent are searched if not given"
    )
    sign: bool = Field(
        default=False, description="print the signed decision for a form or another machine, and decide nothing"
    )
    signed: str | None = Field(default=None, description="file with a decision that --sign printed elsewhere")

    @property
    def model(self) -> ModelName | None:
        """Name of the registered model, where a problem was given."""
        return None if self.problem is None else model_name(self.problem)


def review_at_terminal(options: ReviewOptions) -> None:
    """Ask for a decision on a pending review and take it; without an answer nothing is decided.

    Raises
    ------
    GateError
        When no pending review matches the options, or the decision is refused.
    """
    if options.sign:
        _print(signed_decision(*_complete(options)))
        return
    review = _choose_review(options)
    if review is None:
        return
    _print(review_text(review))
    answer = _ask_answer(options, review)
    if answer is None:
        _print("Nothing was decided.")
        return
    _report(review, decide_review(review.name, review.version, answer))


def review_text(review: PendingReview) -> str:
    """Describe a case on one page: the verdict and its reasons first, then the facts and conditions."""
    verdict = review.verdict
    against = f"champion version {review.compared_with}" if review.compared_with else "chance: there is no champion yet"
    lines = [f"\n{review.name} version {review.version}: {verdict.outcome}", *map(printable, verdict.reasons), ""]
    facts = {
        "candidate": review.winner,
        "compared with": f"{against}, on {verdict.rows:,} held-out rows",
        "requested": review.filed_at,
        "trained by": review.trained_by,
        "to accept": "; ".join(review.to_acknowledge),
        "rules": review.changed_rules,
        "may decide": ", ".join(review.reviewers) or "anybody who gives a name",
        "approved by": ", ".join(review.approved_by),
        "report": str(settings().runs / review.training) if review.training else "",
        "MLflow run": review.run_id or "",
        "gate report": review.report,
        "expires": review.due,
    }
    lines += [f"  {name:13} {printable(value)}" for name, value in facts.items() if value]
    lines += [printable(f"  {c.status:13} {c.name}: {c.detail}") for c in verdict.conditions]
    return "\n".join(lines)


def form_text(review: PendingReview, refusal: str = "") -> str:
    """Describe a case in Markdown for the form, with the commands that sign the decisions of the reviewers."""
    parts = [f"**The last answer was refused:** {printable(refusal)}"] if refusal else []
    parts.append(f"```\n{review_text(review).strip()}\n```")
    parts += [f"[Gate report]({review.report}): the whole case on one page"] if review.report else []
    with_key = [name for name in review.reviewers if name not in review.by_account]
    if review.by_account:
        names = ", ".join(review.by_account)
        parts.append(
            f"This form can't identify the person who fills it in. {names}: decide with `make review`, "
            "logged in to the tracking server."
        )
    if with_key:
        named = f"--problem {short_name(review.name)} --version {review.version}"
        options = f'{named} --decision approve --reviewer "{{name}}" --comment "" --sign'
        parts.append(
            "Sign your decision on a machine that has your SSH key (or use `--decision reject`), and paste the whole "
            "output as `signed_decision`:"
        )
        parts += [f"    make review ARGS='{options.format(name=name)}'" for name in with_key]
    return "\n\n".join(parts)


def _complete(options: ReviewOptions) -> tuple[ModelName, str, ReviewAnswer]:
    missing = [name for name in ("problem", "version", "decision", "reviewer") if getattr(options, name) is None]
    model, version, decision, reviewer = options.model, options.version, options.decision, options.reviewer
    if model is None or version is None or decision is None or reviewer is None:
        raise GateError(f"a signed decision needs these options as well: {', '.join(f'--{name}' for name in missing)}")
    proof = Proof(key=options.key)
    return model, version, ReviewAnswer(decision, reviewer, options.comment or "", options.acknowledge, proof)


def _choose_review(options: ReviewOptions) -> PendingReview | None:
    if options.model is not None and options.version is not None:
        return pending_review(options.model, options.version)
    waiting = [r for r in pending_reviews() if options.model in (None, r.name)]
    waiting = [r for r in waiting if options.version in (None, r.version)]
    if not waiting:
        if options.decision:
            raise GateError("no review is pending, so there is nothing to decide")
        _print("No review is pending.")
        return None
    _print("Pending reviews:")
    for number, review in enumerate(waiting, start=1):
        outcome, requested = review.verdict.outcome, review.filed_at
        _print(f"  {number}. {review.name} version {review.version}: {outcome}, requested {requested}")
    if options.decision and len(waiting) > 1:
        raise GateError("several reviews are pending: choose one with --problem and --version")
    return waiting[0] if len(waiting) == 1 else _ask_which(waiting)


def _ask_which(waiting: list[PendingReview]) -> PendingReview | None:
    while answer := _ask(f"Which one, 1 to {len(waiting)} (Enter for none): "):
        if answer.isdecimal() and 1 <= int(answer) <= len(waiting):
            return waiting[int(answer) - 1]
        _print(f"{answer!r} is not a number from 1 to {len(waiting)}.")
    return None


def _ask_answer(options: ReviewOptions, review: PendingReview) -> ReviewAnswer | None:
    """Complete the options to an answer; None when the person gives no decision."""
    decision = options.decision or _ask_decision()
    if decision is None:
        return None
    reviewer = options.reviewer if options.reviewer is not None else _ask("Your name: ")
    comment = options.comment
    if comment is None:
        comment = "" if options.reviewer and options.decision else _ask("Comment: ")
    acknowledged = options.acknowledge
    if decision == "approve" and not options.decision:
        acknowledged += _ask_acknowledged(review, acknowledged)
    proof = Proof(read_signed(options.signed), options.key)
    return ReviewAnswer(decision, reviewer or "", comment or "", acknowledged, proof)


def _ask_acknowledged(review: PendingReview, given: tuple[str, ...]) -> tuple[str, ...]:
    asked = [name for name in review.to_acknowledge if name not in given]
    return tuple(name for name in asked if _ask(f"Accept that this is undecided: {name} (yes, or Enter): ") == "yes")


def _ask_decision() -> Choice | None:
    while answer := _ask("approve or reject (Enter to decide later): "):
        if answer in DECISIONS:
            return DECISIONS[answer]
        _print(f"{answer!r} is neither approve nor reject; write the whole word.")
    return None


def _report(review: PendingReview, decision: Decision) -> None:
    version = f"{review.name} version {review.version}"
    if decision.lacks:
        _print(f"Approved by {decision.reviewer}; {version} still needs: {decision.lacks}.")
    else:
        aliases = ", ".join(decision.aliases) or "none"
        _print(f"{version} is {decision.state} by {decision.reviewer}; its aliases: {aliases}.")
    for message in resume_waiting_runs(decision):
        _print(message)


def _ask(question: str) -> str | None:
    """Read a line; None when the input has ended."""
    try:
        return input(question).strip()
    except EOFError:
        return None


def _print(text: str) -> None:
    print(printable(text, lines=True), flush=True)  # noqa: T201
