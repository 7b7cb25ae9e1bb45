"""The answer of a training in two sentences, what to do with it, and its caveats."""

from __future__ import annotations

from evenhand.evidence.bootstrap import Interval
from evenhand.problem import LOWER_IS_BETTER
from evenhand.report.candidate_row import row_name
from evenhand.report.expected_score import expected_score
from evenhand.report.table_model import decimal
from evenhand.report.training.data import Report
from evenhand.report.training.sentences import described, judged_rarest, metric_name


def answer(report: Report) -> tuple[str, str]:
    """Return two sentences: the result overall, and for the rarest class with enough rows."""
    return _overall(report), _rarest(report)


def expected_overall(report: Report) -> str:
    """Say what score the folds let expect of the winner; empty where that is not known."""
    found = report.summary.expected
    return expected_score(found, metric_name(report.problem.metric)) if found else ""


def next_step(report: Report) -> str:
    """Say what follows from the verdict."""
    verdict, version = report.verdict, f"version {report.summary.model.version}"
    if verdict.passes and verdict.review == "required":
        return f"Next: a reviewer approves or rejects {version} (make review); until then nothing changes."
    if verdict.passes:
        return f"Next: nothing; {version} passed the gate, and this problem needs no review (review: never)."
    if verdict.outcome == "error":
        return "Next: mend what the gate reports below and train again; nothing changes until then."
    if verdict.acknowledgeable and verdict.review == "required":
        return f"Next: a reviewer may acknowledge what no rows can decide, and approve {version} (make review)."
    if verdict.outcome == "insufficient evidence" and verdict.more_rows is not None:
        return f"Next: nothing changes; about {verdict.more_rows:,} more held-out rows would decide."
    return "Next: nothing changes; the reasons are below."


def unconfirmed(report: Report) -> str:
    """Warn if the held-out rows show a gain that the folds do not; empty if they agree."""
    found, measured = report.evidence, report.measured
    if found is None or measured is None or measured.difference is None or measured.difference.low <= 0:
        return ""
    difference = found.candidate(row_name(report.winner)).difference("oof", found.metric)
    if difference is None or difference.conclusion == "helps":
        return ""
    return (
        "The interval does not cover the variation from refitting. Out of fold, where it is covered, the gain is not "
        f"confirmed: {difference.text}."
    )


def _overall(report: Report) -> str:
    metric, winner, measured = report.problem.metric, described(report.winner), report.measured
    name = metric_name(metric)
    if report.winner.test is None or measured is None:
        return f"{winner} is the best of {len(report.rows):,} candidates out of fold; it has no held-out score."
    value = decimal(report.winner.test.metrics[metric])
    where = f"{report.summary.data.test_rows:,} held-out rows that no candidate was trained on"
    if report.baseline is None or report.baseline.test is None or measured.difference is None:
        return f"{winner} is the best of {len(report.rows):,} candidates out of fold: {name} {value} on {where}."
    before = decimal(report.baseline.test.metrics[metric])
    d = measured.difference
    better = metric not in LOWER_IS_BETTER
    size = f"{decimal(d.estimate if better else -d.estimate, '+')} ({_bounds(d, better)})"
    outcome = "is better than" if d.low > 0 else "is worse than" if d.high < 0 else "is not shown to be better than"
    other = described(report.baseline)
    return f"{winner} {outcome} {other} alone: {name} {value} against {before} on {where}, a difference of {size}."


def _bounds(d: Interval, better: bool) -> str:
    low, high = (d.low, d.high) if better else (-d.high, -d.low)
    return f"95 % interval {decimal(low, '+')} to {decimal(high, '+')}"


def _rarest(report: Report) -> str:
    line = judged_rarest(report)
    if line is None or line.measures is None:
        return "No class has enough held-out rows to be scored."
    recall, precision = line.measures["recall"], line.measures["precision"]
    before = ""
    if report.baseline is not None and report.baseline.test is not None:
        found = report.baseline.test.per_class[line.name].recall
        before = f", where {described(report.baseline)} alone finds {_of_100(found)}"
    return (
        f"Of 100 true cases of {line.name}, the rarest class with enough rows, it finds {_of_100(recall.estimate)} "
        f"({_of_100(recall.low)} to {_of_100(recall.high)}){before}; {_right(report, line.name, precision)}."
    )


def _right(report: Report, name: str, precision: Interval) -> str:
    """Say how often a prediction of the class is right, if there is any."""
    test = report.winner.test
    if test is not None and not test.confusion[:, list(test.per_class).index(name)].any():
        return f"it predicts {name} for no held-out row"
    bounds = f"{_of_100(precision.low)} to {_of_100(precision.high)}"
    return f"of 100 rows that it predicts as {name}, {_of_100(precision.estimate)} ({bounds}) are"


def _of_100(share: float) -> str:
    return f"{100 * share:.1f}" if 0 < share < 0.095 else f"{100 * share:.0f}"
