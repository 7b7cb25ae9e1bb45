"""The promotion gate: the decision on a challenger, before a reviewer is asked to approve it.

The challenger never passes on a tie, with too few rows of a class, or after an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evenhand.data.holdout import UntrainedRows
from evenhand.errors import EvenhandError
from evenhand.evidence.bootstrap import Interval, paired_difference
from evenhand.gate.alignment import align
from evenhand.gate.alpha_spending import evaluation_confidence
from evenhand.gate.conditions import bounds, conditions_of, finite, rows_to_decide
from evenhand.gate.facts import fact_conditions
from evenhand.gate.promise import promise_of
from evenhand.gate.verdict import (
    ACKNOWLEDGEABLE,
    Case,
    Condition,
    Facts,
    Outcome,
    Review,
    Status,
    Verdict,
    error_verdict,
)
from evenhand.problem import GatePolicy


def decide(case: Case, policy: GatePolicy) -> Verdict:
    """Decide on a challenger.

    Parameters
    ----------
    case : Case
        Both versions' predictions for the same held-out rows; without a champion the challenger must beat chance.
    policy : GatePolicy

    Returns
    -------
    Verdict
        ``promote`` when the lower bound of the paired difference is above the margin and every condition passes;
        ``reject`` when the upper bound is not above the margin or a condition fails; ``insufficient evidence``
        otherwise; ``error`` when the case can't be decided. The order of rows and classes makes no difference.

    Examples
    --------
    >>> import numpy as np
    >>> from evenhand.gate.verdict import Facts, VersionPredictions
    >>> truth = np.repeat(["Assault", "Robbery"], 200)
    >>> good = np.where(truth[:, None] == ["Assault", "Robbery"], 0.8, 0.2)
    >>> challenger = VersionPredictions("version 1", ("Assault", "Robbery"), good, truth, "ab" * 32, unknown_cells={})
    >>> known = Facts(columns=("hour",), available=("hour",), validated=True, leak_free=True)
    >>> decide(Case(truth, challenger, None, "macro_f1", facts=known), GatePolicy()).outcome
    'promote (first)'
    >>> decide(Case(truth, challenger, None, "macro_f1"), GatePolicy()).outcome
    'insufficient evidence'
    """
    try:
        if case.evaluation > policy.evaluations:
            return no_evaluation_left(case.metric, case.review, policy, case.challenger.rows_sha256, len(case.truth))
        return _decide(case, policy)
    except EvenhandError as error:
        return error_verdict(str(error), case.metric, case.review)


def no_evaluation_left(metric: str, review: Review, policy: GatePolicy, rows_sha256: str, rows: int) -> Verdict:
    """Return the verdict on a challenger after the last allowed evaluation on the held-out rows."""
    reason = (
        f"These {rows:,} held-out rows were used for {policy.evaluations} evaluations, as many as the policy allows "
        "(gate.evaluations): with more of them, a challenger would pass by chance. Use a newer held-out period."
    )
    reasons = (reason, *_what_follows("insufficient evidence", review))
    facts: dict[str, Any] = {"metric": metric, "review": review, "rows": rows, "rows_sha256": rows_sha256}
    return Verdict(outcome="insufficient evidence", reasons=reasons, evaluations_left=0, **facts)


def no_rows_left(metric: str, review: Review, untrained: UntrainedRows) -> Verdict:
    """Return the verdict on a challenger whose held-out rows the champion was all trained on."""
    found = untrained.text
    reasons = (
        f"No row is held out that neither model was trained on: {found}. Hold a newer period out.",
        *_what_follows("insufficient evidence", review),
    )
    return Verdict(outcome="insufficient evidence", reasons=reasons, metric=metric, review=review)


def reject_missing_columns(facts: Facts, metric: str, review: Review, policy: GatePolicy) -> Verdict | None:
    """Reject a challenger that can't be scored because it needs columns that the data does not have."""
    conditions = tuple(fact_conditions(facts, policy))
    failed = _reasons_with_status([c for c in conditions if c.kind == "signature"], "fail")
    if not failed:
        return None
    reasons = (*_reasons_with_status(conditions, "fail"), *_what_follows("reject", review))
    return Verdict(outcome="reject", reasons=reasons, metric=metric, conditions=conditions, review=review)


def _decide(case: Case, policy: GatePolicy) -> Verdict:
    aligned, confidence = align(case), evaluation_confidence(policy.confidence, case.evaluation)
    facts: dict[str, Any] = {
        "metric": case.metric,
        "review": case.review,
        "rows": len(aligned.y),
        "rows_sha256": case.challenger.rows_sha256,
        "confidence": confidence,
        "evaluation": case.evaluation,
        "evaluations_left": policy.evaluations - case.evaluation,
        "drawn": aligned.drawn,
    }
    gain = None
    if aligned.champion is not None:
        bootstrap = aligned.settings(confidence, policy.resamples)
        gain = finite(paired_difference(aligned.champion, aligned.challenger, case.metric, bootstrap), case.metric)
        facts |= {"estimate": gain.estimate, "low": gain.low, "high": gain.high, "margin": policy.margin}
    conditions = conditions_of(case, aligned, policy, confidence)
    facts |= {"source": case.source, "promise": promise_of(aligned, case.metric, policy)}
    verdict = Verdict(outcome="insufficient evidence", reasons=("not concluded",), conditions=conditions, **facts)
    return _concluded(verdict, () if aligned.blocks is None else (f"Intervals draw {aligned.drawn}.",))


def _concluded(verdict: Verdict, notes: Sequence[str]) -> Verdict:
    """Give a verdict the outcome and the reasons that follow from its interval and its conditions."""
    conditions, low, high, estimate = verdict.conditions, verdict.low, verdict.high, verdict.estimate
    if low is None or high is None or estimate is None:
        outcome, reasons, more = _first_outcome(conditions)
    else:
        outcome, reasons, more = _outcome(Interval(estimate, low, high), verdict)
    found = verdict.model_copy(update={"outcome": outcome, "more_rows": more})
    if found.acknowledgeable:
        notes = [*notes, "A reviewer can acknowledge what is undecided, by name; then it passes."]
    return found.model_copy(update={"reasons": (*reasons, *notes, *_what_follows(outcome, verdict.review))})


# --- outcomes ------------------------------------------------------------------------------------------------------


def _first_outcome(conditions: tuple[Condition, ...]) -> tuple[Outcome, list[str], int | None]:
    reasons = ["No champion yet: the challenger is compared with chance."]
    failed, open_ = _reasons_with_status(conditions, "fail"), _reasons_with_status(conditions, "undecided")
    if failed:
        return "reject", reasons + failed, None
    if open_:
        more = _rows_needed(conditions)
        return "insufficient evidence", reasons + open_ + _wanted(more), more
    classes = sum(c.kind == "chance" for c in conditions)
    reasons += [f"Average precision is above chance on all {classes} classes."]
    others = len(conditions) - classes
    return "promote (first)", reasons + ([f"The {others} other conditions pass."] if others else []), None


def _outcome(gain: Interval, verdict: Verdict) -> tuple[Outcome, list[str], int | None]:
    conditions, margin, confidence = verdict.conditions, verdict.margin or 0.0, verdict.confidence or 0.0
    found = f"the difference in {verdict.metric} is {bounds(gain, confidence)}"
    failed, open_ = _reasons_with_status(conditions, "fail"), _reasons_with_status(conditions, "undecided")
    if gain.high <= margin:
        how = "worse" if gain.high < 0 else "equivalent" if gain.low >= -margin else "not better"
        return "reject", [f"The challenger is {how}: {found}, not above the margin of {margin:.4f}.", *failed], None
    if failed:
        return "reject", [*failed, f"{found[0].upper()}{found[1:]}."], None
    if gain.low > margin and not open_:
        reasons = [f"The challenger is better: {found}, all above the margin of {margin:.4f}."]
        return "promote", [*reasons, f"All {len(conditions)} conditions pass."], None
    reasons = [f"{found[0].upper()}{found[1:]}; the margin is {margin:.4f}."]
    needed = [] if gain.low > margin else [rows_to_decide(gain, margin, verdict.rows)]
    more = _rows_needed(conditions, needed)
    wanted = [] if verdict.acknowledgeable else _wanted(more)
    return "insufficient evidence", reasons + open_ + wanted, more


def _what_follows(outcome: Outcome, review: Review) -> list[str]:
    if not outcome.startswith("promote"):
        return ["The alias champion stays where it is."]
    if review == "never":
        return ["The problem declares `review: never`: the alias champion moves without a reviewer."]
    return ["A reviewer decides: the alias champion moves on approval."]


def _reasons_with_status(conditions: Sequence[Condition], status: Status) -> list[str]:
    return [f"{c.name}: {c.detail}." for c in conditions if c.status == status]


def _wanted(more: int | None) -> list[str]:
    return [f"About {more:,} more labelled rows are needed."] if more else ["The number of rows needed is not known."]


def _rows_needed(conditions: Sequence[Condition], needed: Sequence[int | None] = ()) -> int | None:
    """Return the rows that would decide all that is undecided; None where one of them is not known.

    What a reviewer can acknowledge is left out: no number of rows decides it.
    """
    open_ = [c for c in conditions if c.status == "undecided" and c.kind not in ACKNOWLEDGEABLE]
    counts = [*needed, *(c.more_rows for c in open_)]
    return max((c for c in counts if c is not None), default=None) if None not in counts else None
