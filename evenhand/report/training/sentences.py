"""What a training found, in words for a reader who is no statistician; every figure is computed."""

from __future__ import annotations

import math

from evenhand.evidence.bootstrap import Interval
from evenhand.problem import ARGMAX, BASE, LOWER_IS_BETTER
from evenhand.report.tables import Row
from evenhand.report.training.data import ClassLine, Report, row_name

NOT_ENOUGH = "not enough data"
UNDEFINED = "not defined"
WHAT_IT_IS = {
    "macro_f1": "finds and hits weighed together, every class counting alike; 1 is perfect",
    "macro_recall": "the share found of each class, every class counting alike; 1 is perfect",
    "balanced_accuracy": "the share found of each class, every class counting alike; 1 is perfect",
    "macro_precision": "how often a called class is right, every class counting alike; 1 is perfect",
    "g_mean": "the shares found of all classes multiplied: nought as soon as one class is never found; 1 is perfect",
    "mcc": "agreement of truth and prediction beyond chance; 1 is perfect, 0 is guessing",
    "weighted_f1": "finds and hits weighed together, large classes counting more; 1 is perfect",
    "average_precision": "how well rows of a class are ranked before all others, every class counting alike; "
    "1 is perfect",
    "roc_auc": "the chance that a row of a class is ranked before another row; 1 is perfect, .5 is guessing",
    "log_loss": "how surprised the probabilities are by what happened; lower is better",
    "brier": "squared error of the probabilities; lower is better",
    "ece": "how far the probabilities are from how often they come true; lower is better",
    "accuracy": "share of rows that are right: misleading where classes are rare; 1 is perfect",
}


def metric_name(metric: str) -> str:
    """Name a metric for people.

    Examples
    --------
    >>> metric_name("macro_f1"), metric_name("ece")
    ('macro F1', 'calibration error')
    """
    known = {"ece": "calibration error", "mcc": "MCC", "roc_auc": "ROC AUC", "log_loss": "log-loss"}
    return known.get(metric, metric.replace("_", " ").replace("f1", "F1"))


def described(row: Row) -> str:
    """Describe a candidate in words.

    Examples
    --------
    >>> described(Row("lightgbm", "smote", "base", "argmax", None, None, 1.0, None))
    'lightgbm with smote'
    >>> described(Row("lightgbm", "none", "enriched", "multipliers", None, None, 1.0, None))
    'lightgbm on the enriched columns with multipliers'
    """
    ways = [part for part, plain in ((row.strategy, "none"), (row.decision, ARGMAX.name)) if part != plain]
    columns = "" if row.features == BASE else f" on the {row.features} columns"
    return f"{row.model}{columns}" + (f" with {' and '.join(ways)}" if ways else "")


def decimal(value: float, sign: str = "") -> str:
    """Write a metric; nan is not defined."""
    return f"{value:{sign}.3f}" if math.isfinite(value) else UNDEFINED


def percentage(value: float) -> str:
    """Write a share in percent.

    Examples
    --------
    >>> percentage(0.253), percentage(0.0042), percentage(0.0)
    ('25 %', '0.4 %', '0 %')
    """
    if not math.isfinite(value):
        return UNDEFINED
    return f"{100 * value:.1f} %" if 0 < value < 0.1 else f"{100 * value:.0f} %"


def answer(report: Report) -> tuple[str, str]:
    """Say in two sentences what the training found: overall, and for the rarest class that can be judged."""
    return _overall(report), _rarest(report)


def scarce(report: Report) -> str:
    """Name the classes with too few held-out rows; empty where there are none."""
    few = [line for line in report.measured.classes if line.measures is None] if report.measured else []
    if not few:
        return ""
    named = ", ".join(f"{line.name} ({line.rows:,} rows)" for line in few)
    needed = report.problem.gate.min_positives
    return f"{NOT_ENOUGH.capitalize()} to judge {named}: {needed:,} held-out rows are needed."


def unconfirmed(report: Report) -> str:
    """Warn where the held-out rows show a gain that the folds do not; empty where they agree."""
    found, measured = report.evidence, report.measured
    if found is None or measured is None or measured.difference is None or measured.difference.low <= 0:
        return ""
    difference = found.candidate(row_name(report.winner)).difference("oof", found.metric)
    if difference is None or difference.conclusion == "helps":
        return ""
    return (
        "The interval is that of these very fits. Out of fold, where refits show how much they vary, the gain is not "
        f"confirmed: {difference.conclusion}."
    )


def judged_rarest(report: Report) -> ClassLine | None:
    """Return the rarest class with enough held-out rows."""
    lines = report.measured.classes if report.measured else ()
    return next((line for line in lines if line.measures is not None), None)


def _overall(report: Report) -> str:
    metric, winner, measured = report.problem.metric, described(report.winner), report.measured
    name = metric_name(metric)
    if report.winner.test is None or measured is None:
        return f"{winner} is the best of {len(report.rows):,} candidates out of fold; it has no held-out score."
    value = decimal(report.winner.test.metrics[metric])
    where = f"{report.summary.data.test_rows:,} held-out rows that no candidate was trained on"
    if report.reference is None or report.reference.test is None or measured.difference is None:
        return f"{winner} is the best of {len(report.rows):,} candidates: {name} {value} on {where}."
    before = decimal(report.reference.test.metrics[metric])
    d = measured.difference
    better = metric not in LOWER_IS_BETTER
    size = f"{decimal(d.estimate if better else -d.estimate, '+')} ({_bounds(d, better)})"
    outcome = "is better than" if d.low > 0 else "is worse than" if d.high < 0 else "is not shown to be better than"
    other = described(report.reference)
    return f"{winner} {outcome} {other} alone: {name} {value} against {before} on {where}, a difference of {size}."


def _bounds(d: Interval, better: bool) -> str:
    low, high = (d.low, d.high) if better else (-d.high, -d.low)
    return f"95 % interval {decimal(low, '+')} to {decimal(high, '+')}"


def _rarest(report: Report) -> str:
    line = judged_rarest(report)
    if line is None or line.measures is None:
        return "No class has enough held-out rows to be judged."
    recall, precision = line.measures["recall"], line.measures["precision"]
    before = ""
    if report.reference is not None and report.reference.test is not None:
        found = report.reference.test.per_class[line.name].recall
        before = f", where {described(report.reference)} alone finds {_of_100(found)}"
    return (
        f"Of 100 true cases of {line.name}, the rarest class that can be judged, it finds {_of_100(recall.estimate)} "
        f"({_of_100(recall.low)} to {_of_100(recall.high)}){before}; {_right(report, line.name, precision)}."
    )


def _right(report: Report, name: str, precision: Interval) -> str:
    """Say how often it is right when it names a class, unless it never does."""
    test = report.winner.test
    if test is not None and not test.confusion[:, list(test.per_class).index(name)].any():
        return f"it calls not one held-out row {name}"
    bounds = f"{_of_100(precision.low)} to {_of_100(precision.high)}"
    return f"of 100 rows that it calls {name}, {_of_100(precision.estimate)} ({bounds}) are"


def _of_100(share: float) -> str:
    return f"{100 * share:.1f}" if 0 < share < 0.095 else f"{100 * share:.0f}"
