"""What a training found, in sentences for readers who are not statisticians; every figure is computed."""

from __future__ import annotations

import math
from collections.abc import Sequence

from evenhand.evidence.slices import SLICE_METRICS
from evenhand.metrics.cost_curves import CostCurve
from evenhand.problem import ARGMAX, BASE
from evenhand.report.candidate_row import Row
from evenhand.report.summary import TuningSummary
from evenhand.report.table_model import NOT_ENOUGH, percentage
from evenhand.report.training.data import ClassLine, GroupTable, Report

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


# Names for people; what is not here, such as a label of the problem file, stands for itself.
PLAIN_NAMES = {
    "lightgbm": "LightGBM",
    "random_forest": "random forest",
    "gradient_boosting": "gradient boosting",
    "extra_trees": "extra trees",
    "stack": "a combination of models",
    "smote": "SMOTE",
    "smotenc": "SMOTENC",
    "borderline_smote": "borderline SMOTE",
    "adasyn": "ADASYN",
    "smote_tomek": "SMOTE and Tomek links",
    "smote_enn": "SMOTE and edited nearest neighbours",
    "tomek": "Tomek links removed",
    "enn": "edited nearest neighbours",
    "rose": "ROSE",
    "class_weight": "class weights",
    "sqrt_weight": "square-root class weights",
    "random_over": "random oversampling",
    "random_under": "random undersampling",
    "capped": "capped classes",
    "multipliers": "class multipliers fitted out of fold",
    "prior_power": "probabilities divided by a power of the class shares",
    "prior_correction": "probabilities corrected to the natural class shares",
}


def plain_name(name: str) -> str:
    """Return the name for people of a model, strategy or rule."""
    return PLAIN_NAMES.get(name, name)


def described(row: Row) -> str:
    """Describe a candidate in words.

    Examples
    --------
    >>> described(Row("lightgbm", "smote", "base", "argmax", None, None, 1.0, None))
    'LightGBM with SMOTE'
    >>> described(Row("lightgbm", "none", "enriched", "multipliers", None, None, 1.0, None))
    'LightGBM on the enriched columns with class multipliers fitted out of fold'
    """
    methods = [part for part, plain in ((row.strategy, "none"), (row.decision, ARGMAX.name)) if part != plain]
    columns = "" if row.features == BASE else f" on the {row.features} columns"
    return f"{plain_name(row.model)}{columns}" + (f" with {' and '.join(map(plain_name, methods))}" if methods else "")


def scarce(report: Report) -> str:
    """Name the classes with too few held-out rows; empty if there are none."""
    few = [line for line in report.measured.classes if line.measures is None] if report.measured else []
    if not few:
        return ""
    named = ", ".join(f"{line.name} ({line.rows:,} rows)" for line in few)
    needed = report.problem.gate.min_positives
    return f"{NOT_ENOUGH.capitalize()} for {named}: {needed:,} held-out rows are needed."


def judged_rarest(report: Report) -> ClassLine | None:
    """Return the rarest class with enough held-out rows."""
    lines = report.measured.classes if report.measured else ()
    return next((line for line in lines if line.measures is not None), None)


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
