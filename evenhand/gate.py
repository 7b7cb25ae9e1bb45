"""The promotion gate: what a challenger must prove before anybody is asked to approve it.

Every doubt counts against the challenger: a tie, a class with too few rows and an error are never a pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from evenhand.errors import EvenhandError, GateError
from evenhand.evidence import (
    ClassMetric,
    Interval,
    Predictions,
    paired_class_differences,
    paired_difference,
    single_by_class,
)
from evenhand.problem import GatePolicy
from evenhand.verdict import Case, Condition, Outcome, Review, Scored, Status, Verdict, error_verdict

__all__ = ["Case", "Condition", "Scored", "Verdict", "decide", "error_verdict"]


TOLERANCE = 0.05  # the most that one class may lose in recall or average precision while the whole gets better
CLASS_METRICS: tuple[ClassMetric, ...] = ("recall", "average_precision")


def decide(case: Case, policy: GatePolicy) -> Verdict:
    """Judge a challenger.

    Parameters
    ----------
    case : Case
        Both models' answers to the same held-out rows; without a champion the challenger must beat chance.
    policy : GatePolicy

    Returns
    -------
    Verdict
        ``promote`` when the lower bound of the paired difference is above the margin and every condition passes;
        ``reject`` when the upper bound is not above the margin or a condition fails; ``insufficient evidence``
        otherwise; ``error`` when the case can't be judged. The order of rows and classes makes no difference.

    Examples
    --------
    >>> truth = np.repeat(["Assault", "Robbery"], 200)
    >>> good = np.where(truth[:, None] == ["Assault", "Robbery"], 0.8, 0.2)
    >>> challenger = Scored("version 1", ("Assault", "Robbery"), good, truth, "ab" * 32)
    >>> decide(Case(truth, challenger, None, "macro_f1"), GatePolicy()).outcome
    'promote (first)'
    """
    try:
        return _decide(case, policy)
    except EvenhandError as error:
        return error_verdict(str(error), case.metric, case.review)


def _decide(case: Case, policy: GatePolicy) -> Verdict:
    classes = tuple(sorted(case.challenger.classes))  # one order, so that the order of the columns can't matter
    y = _codes(case.truth, classes, "the held-out rows")
    support = np.bincount(y, minlength=len(classes))
    challenger = _aligned(case.challenger, classes, case)
    facts = {"metric": case.metric, "review": case.review, "rows": len(y), "rows_sha256": case.challenger.rows_sha256}
    if case.champion is None:
        conditions = _floors(y, challenger, classes, support, policy)
        outcome, reasons, more = _first_outcome(conditions, classes)
    else:
        champion = _aligned(case.champion, classes, case)
        gain = paired_difference(
            y, champion, challenger, case.metric, len(classes), policy.confidence, policy.resamples
        )
        conditions = _class_conditions(y, champion, challenger, classes, support, policy)
        outcome, reasons, more = _outcome(_finite(gain, case.metric), conditions, case, policy, len(y))
        facts |= {"estimate": gain.estimate, "low": gain.low, "high": gain.high}
    reasons += _what_follows(outcome, case.review)
    return Verdict(outcome=outcome, reasons=tuple(reasons), conditions=conditions, more_rows=more, **facts)


# --- outcomes ------------------------------------------------------------------------------------------------------


def _first_outcome(conditions: tuple[Condition, ...], classes: Sequence[str]) -> tuple[Outcome, list[str], int | None]:
    reasons = ["No champion yet: the challenger is held against chance."]
    failed, open_ = _with(conditions, "fail"), _with(conditions, "undecided")
    if failed:
        return "reject", reasons + failed, None
    if open_:
        more = _most(conditions)
        return "insufficient evidence", reasons + open_ + _wanted(more), more
    return "promote (first)", [*reasons, f"Average precision is above chance on all {len(classes)} classes."], None


def _outcome(
    gain: Interval, conditions: tuple[Condition, ...], case: Case, policy: GatePolicy, n: int
) -> tuple[Outcome, list[str], int | None]:
    margin = policy.margin
    found = f"{case.metric} differs from the champion's by {_bounds(gain, policy.confidence)}"
    failed, open_ = _with(conditions, "fail"), _with(conditions, "undecided")
    if gain.high <= margin:
        how = "worse" if gain.high < 0 else "equivalent" if gain.low >= -margin else "not better"
        return "reject", [f"The challenger is {how}: {found}, not above the margin of {margin:.4f}.", *failed], None
    if failed:
        return "reject", [*failed, f"{found[0].upper()}{found[1:]}."], None
    if gain.low > margin and not open_:
        reasons = [f"The challenger is better: {found}, all above the margin of {margin:.4f}."]
        return "promote", [*reasons, f"All {len(conditions)} conditions pass."], None
    reasons = [f"{found[0].upper()}{found[1:]}; the margin is {margin:.4f}."]
    needed = [] if gain.low > margin else [_rows_to_decide(gain, margin, n)]
    more = _most(conditions, needed)
    return "insufficient evidence", reasons + open_ + _wanted(more), more


def _what_follows(outcome: Outcome, review: Review) -> list[str]:
    if not outcome.startswith("promote"):
        return ["The alias champion stays where it is."]
    if review == "never":
        return ["The problem declares `review: never`: the alias champion moves without a reviewer."]
    return ["A reviewer decides: the alias champion moves on approval."]


def _with(conditions: Sequence[Condition], status: Status) -> list[str]:
    return [f"{c.name}: {c.detail}." for c in conditions if c.status == status]


def _wanted(more: int | None) -> list[str]:
    return (
        [f"About {more:,} more labelled rows would decide."] if more else ["How many more rows would decide is open."]
    )


def _most(conditions: Sequence[Condition], needed: Sequence[int | None] = ()) -> int | None:
    """Rows that decide everything that is open; None as soon as one of them can't be told."""
    counts = [*needed, *(c.more_rows for c in conditions if c.status == "undecided")]
    return max((c for c in counts if c is not None), default=None) if None not in counts else None


def _rows_to_decide(interval: Interval, bound: float, n: int) -> int | None:
    """Rows beside the ``n`` there are until ``bound`` lies outside, if the estimate holds: width goes as 1/sqrt(n)."""
    distance = interval.estimate - bound
    width = interval.estimate - interval.low if distance > 0 else interval.high - interval.estimate
    if distance == 0 or not math.isfinite(width / distance):
        return None
    wanted = n * (width / distance) ** 2
    digits = max(0, int(math.log10(max(wanted, 1))) - 1)
    return max(1, math.ceil((wanted - n) / 10**digits) * 10**digits)


def _bounds(interval: Interval, confidence: float) -> str:
    return f"{interval.estimate:+.4f} ({interval.low:+.4f} to {interval.high:+.4f} at {confidence:.0%})"


# --- conditions ----------------------------------------------------------------------------------------------------


def _floors(
    y: np.ndarray, challenger: Predictions, classes: Sequence[str], support: np.ndarray, policy: GatePolicy
) -> tuple[Condition, ...]:
    found = single_by_class(y, challenger, "average_precision", len(classes), policy.confidence, policy.resamples)
    conditions = []
    for name, interval, rows in zip(classes, found, support, strict=True):
        title, prior = f"average precision of {name} against chance", rows / len(y)
        # A row drawn twice lifts average precision, so the percentile bound alone is too kind: the reflected one
        # (Davison & Hinkley 1997, section 5.2) must clear the prior too.
        low = min(interval.low, 2 * interval.estimate - interval.high)
        gain = Interval(interval.estimate - prior, low - prior, interval.high - prior)
        conditions.append(_condition(title, gain, 0.0, int(rows), len(y), policy))
    return tuple(conditions)


def _class_conditions(
    y: np.ndarray,
    champion: Predictions,
    challenger: Predictions,
    classes: Sequence[str],
    support: np.ndarray,
    policy: GatePolicy,
) -> tuple[Condition, ...]:
    conditions = []
    for metric in CLASS_METRICS:
        found = paired_class_differences(
            y, champion, challenger, metric, len(classes), policy.confidence, policy.resamples
        )
        for name, interval, rows in zip(classes, found, support, strict=True):
            title = f"{metric.replace('_', ' ')} of {name} against the champion"
            conditions.append(_condition(title, interval, -TOLERANCE, int(rows), len(y), policy))
    return tuple(conditions)


def _condition(name: str, gain: Interval, bound: float, rows: int, n: int, policy: GatePolicy) -> Condition:
    if rows < policy.min_positives:
        detail = f"not enough data, {rows} held-out rows of the class and {policy.min_positives} are needed"
        more = math.ceil((policy.min_positives - rows) * n / rows) if rows else None
        return Condition(name=name, status="undecided", detail=detail, more_rows=more)
    gain = _finite(gain, name)
    detail = f"{_bounds(gain, policy.confidence)}, allowed is above {bound:+.2f}"
    if gain.low > bound:
        return Condition(name=name, status="pass", detail=detail)
    if gain.high <= bound:
        return Condition(name=name, status="fail", detail=detail)
    return Condition(name=name, status="undecided", detail=detail, more_rows=_rows_to_decide(gain, bound, n))


# --- checks --------------------------------------------------------------------------------------------------------


def _finite(interval: Interval, what: str) -> Interval:
    if not all(map(math.isfinite, (interval.estimate, interval.low, interval.high))):
        raise GateError(f"{what} is not defined on these rows, so nothing can be decided by it")
    return interval


def _aligned(scored: Scored, classes: tuple[str, ...], case: Case) -> Predictions:
    """Put the answer in the order of ``classes``, as codes."""
    if scored.rows_sha256 != case.challenger.rows_sha256:
        raise GateError(f"{scored.name} was scored on other rows than {case.challenger.name}: not comparable")
    if len(set(scored.classes)) != len(scored.classes) or set(scored.classes) != set(classes):
        raise GateError(
            f"{scored.name} knows the classes {', '.join(scored.classes)}; {case.challenger.name} knows "
            f"{', '.join(case.challenger.classes)}: not comparable"
        )
    if np.shape(scored.proba) != (len(case.truth), len(classes)):
        raise GateError(
            f"{scored.name} gave probabilities of shape {np.shape(scored.proba)}, "
            f"needed {(len(case.truth), len(classes))}"
        )
    order = [scored.classes.index(name) for name in classes]
    return Predictions(np.asarray(scored.proba)[:, order], _codes(scored.predicted, classes, scored.name))


def _codes(names: np.ndarray, classes: tuple[str, ...], origin: str) -> np.ndarray:
    names = np.asarray(names, dtype=object)
    code_of = {name: code for code, name in enumerate(classes)}
    unknown = sorted({str(name) for name in names} - set(classes))
    if unknown:
        raise GateError(
            f"{origin}: class {', '.join(unknown)} is none of those the challenger knows: {', '.join(classes)}"
        )
    return np.array([code_of[str(name)] for name in names], dtype=np.int64)
