"""What a training found, in sentences for readers who are not statisticians; every figure is computed."""

from __future__ import annotations

import math
from collections.abc import Sequence

from evenhand.evidence.bootstrap import Interval
from evenhand.evidence.slices import SLICE_METRICS
from evenhand.metrics.cost_curves import CostCurve
from evenhand.problem import ARGMAX, BASE, LOWER_IS_BETTER
from evenhand.report.summary import TuningSummary
from evenhand.report.table_model import NOT_ENOUGH, decimal, percentage
from evenhand.report.tables import Row
from evenhand.report.training.data import ClassLine, GroupTable, Report, row_name

SYNTHETIC = "Synthetic data: the rows are made up, and so is everything on this page."
WHAT_IT_IS = {
    "macro_f1": "recall and precision combined for each class, then the mean over the classes; 1 is perfect",
    "macro_recall": "the share found of each class, averaged over the classes; 1 is perfect",
    "balanced_accuracy": "the share found of each class, averaged over the classes; 1 is perfect",
    "macro_precision": "the share of correct predictions of each class, averaged over the classes; 1 is perfect",
    "g_mean": "the geometric mean of the shares found of each class: 0 if one class is never found; 1 is perfect",
    "mcc": "agreement of truth and prediction beyond chance; 1 is perfect, 0 is guessing",
    "weighted_f1": "recall and precision combined for each class, larger classes counting more; 1 is perfect",
    "average_precision": "how well the rows of a class are ranked above all others, averaged over the classes; "
    "1 is perfect",
    "roc_auc": "the chance that a row of a class is ranked above another row; 1 is perfect, 0.5 is guessing",
    "log_loss": "the penalty for giving what happened a low probability; lower is better",
    "brier": "the squared error of the probabilities; lower is better",
    "ece": "the distance of the probabilities from the shares that come true; lower is better",
    "accuracy": "the share of rows that are right: misleading where classes are rare; 1 is perfect",
}


def metric_name(metric: str) -> str:
    """Name a metric for people.

    Examples
    --------
    >>> metric_name("macro_f1"), metric_name("ece")
    ('macro F1', 'calibration error')
    """
    known = {
        "ece": "calibration error",
        "mcc": "MCC",
        "roc_auc": "ROC AUC",
        "log_loss": "log-loss",
        "brier": "Brier score",
    }
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
    methods = [part for part, plain in ((row.strategy, "none"), (row.decision, ARGMAX.name)) if part != plain]
    columns = "" if row.features == BASE else f" on the {row.features} columns"
    return f"{row.model}{columns}" + (f" with {' and '.join(methods)}" if methods else "")


def answer(report: Report) -> tuple[str, str]:
    """Return two sentences: the result overall, and for the rarest class with enough rows."""
    return _overall(report), _rarest(report)


def next_step(report: Report) -> str:
    """Say what follows from the verdict."""
    verdict, version = report.verdict, f"version {report.summary.model.version}"
    if verdict.passes and verdict.review == "required":
        return f"Next: a reviewer approves or rejects {version} (make review); until then nothing changes."
    if verdict.passes:
        return f"Next: nothing; {version} passed the gate, and this problem needs no review (review: never)."
    if verdict.outcome == "error":
        return "Next: mend what the gate reports below and train again; nothing changes until then."
    if verdict.outcome == "insufficient evidence" and verdict.more_rows is not None:
        return f"Next: nothing changes; about {verdict.more_rows:,} more held-out rows would decide."
    return "Next: nothing changes; the reasons are below."


def scarce(report: Report) -> str:
    """Name the classes with too few held-out rows; empty if there are none."""
    few = [line for line in report.measured.classes if line.measures is None] if report.measured else []
    if not few:
        return ""
    named = ", ".join(f"{line.name} ({line.rows:,} rows)" for line in few)
    needed = report.problem.gate.min_positives
    return f"{NOT_ENOUGH.capitalize()} for {named}: {needed:,} held-out rows are needed."


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
        return "No class has enough held-out rows to be scored."
    recall, precision = line.measures["recall"], line.measures["precision"]
    before = ""
    if report.reference is not None and report.reference.test is not None:
        found = report.reference.test.per_class[line.name].recall
        before = f", where {described(report.reference)} alone finds {_of_100(found)}"
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


def suited(curve: CostCurve) -> str:
    """Say at which cost of a miss the decision rule loses least.

    Examples
    --------
    >>> import numpy as np
    >>> from evenhand.metrics.cost_curves import cost_curve
    >>> y, values = np.array([True, True, False, False, False]), np.array([0.9, 0.4, 0.6, 0.2, 0.1])
    >>> suited(cost_curve(y, values, values > 0.5))
    '1.2 false alarms'
    """
    if not curve.false_alarms and curve.misses == 1:
        return "it never predicts this class"
    return f"{_times(curve.times(curve.suits))} false alarms"


def worth(curve: CostCurve) -> str:
    """Say between which costs of a miss the predictions are cheaper than always no and always yes."""
    if curve.worth is None:
        return "never"
    low, high = (curve.times(x) for x in curve.worth)
    return f"{_times(low)} or more" if math.isinf(high) else f"{_times(low)} to {_times(high)}"


def _times(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def widest_gap(tables: Sequence[GroupTable]) -> str:
    """Name the two groups that the model serves most unequally, if any can be compared."""
    name = SLICE_METRICS[0]
    compared = [found for found in tables if name in found.gaps]
    if not compared:
        return "No group can be compared: too few rows in them."
    widest = max(compared, key=lambda found: found.gaps[name].estimate)
    worst, *_, best = sorted(widest.groups, key=lambda group: group.values[name].estimate)
    gap = widest.gaps[name]
    return (
        f"The widest gap is in {widest.column}: it finds {percentage(best.values[name].estimate)} of a class on "
        f"average in {best.name} and {percentage(worst.values[name].estimate)} in {worst.name}, a gap of "
        f"{100 * gap.estimate:.1f} percentage points ({100 * gap.low:.1f} to {100 * gap.high:.1f})."
    )


def rows_of_study(study: TuningSummary) -> str:
    """Name the rows of a study."""
    return "all training rows" if study.fold is None else f"training rows of fold {study.fold + 1}"


def chosen_settings(study: TuningSummary) -> str:
    """Write the chosen settings: ``num_leaves 63, learning_rate 0.071``."""
    if study.value is None:
        return "none: no trial was scored"
    pairs = (f"{n} {v:.3g}" if isinstance(v, float) else f"{n} {v}" for n, v in study.chosen.items())
    return ", ".join(pairs) or "as declared"


def caveats(studies: Sequence[TuningSummary]) -> list[str]:
    """Name what differs from what was asked, and the studies that a wall clock may end."""
    notes = [f"{one.candidate}, {rows_of_study(one)}: {note}." for one in studies for note in one.notes]
    clocked = dict.fromkeys(one.candidate for one in studies if not one.reproducible)
    return [
        *notes,
        *(f"{name}: a wall clock may end its studies, so another run may choose otherwise." for name in clocked),
    ]
