"""How sure the chosen model's scores on the held-out rows are: overall, class by class, and group by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from evenhand.evidence.bootstrap import (
    Interval,
    Resampling,
    class_intervals,
    intervals,
    metric_interval,
    paired_difference,
    resampled_confusions,
)
from evenhand.evidence.slices import SLICE_METRICS, SliceLimits, Slices, slices
from evenhand.metrics.cost_curves import CostCurve, cost_curve
from evenhand.metrics.predictions import Predictions
from evenhand.problem import GatePolicy
from evenhand.report.training.data import ClassCosts, ClassLine, GroupLine, GroupTable, Measured

CONFIDENCE = 0.95
CLASS_METRICS = ("recall", "precision", "F1", "average precision")
RESAMPLES = 500  # enough for the bounds of 95 % to be read off the draws


def measure(
    winner: Predictions,
    reference: Predictions | None,
    classes: Sequence[str],
    metric: str,
    policy: GatePolicy,
    groups: Mapping[str, np.ndarray] | None = None,
    resamples: int = RESAMPLES,
) -> Measured:
    """Put 95 % bootstrap intervals on what the page says of the chosen model.

    Parameters
    ----------
    winner, reference : Predictions
        Of the same held-out rows.
    classes : sequence of str
    metric : str
        The problem's primary one.
    policy : GatePolicy
        ``min_positives`` and ``min_slice_rows`` say what is too few.
    groups : mapping of str to ndarray of str, shape (n,)
        Column -> group of every row.
    resamples : int

    Returns
    -------
    Measured
        A class with fewer rows than ``min_positives`` has no figures.
    """
    resampling, difference = Resampling(CONFIDENCE, resamples), None
    if reference is not None:
        difference = paired_difference(reference, winner, metric, resampling, centred=True)
    tables = [_groups(column, of_row, winner, classes, policy, resamples) for column, of_row in (groups or {}).items()]
    return Measured(
        primary=metric_interval(winner, metric, resampling, centred=True),
        difference=difference,
        classes=_classes(winner, classes, policy.min_positives, resampling),
        groups=tuple(tables),
        costs=_costs(winner, reference, classes, policy.min_positives),
    )


def _costs(
    winner: Predictions, reference: Predictions | None, names: Sequence[str], min_positives: int
) -> tuple[ClassCosts, ...]:
    rows = np.bincount(winner.y, minlength=len(names))
    judged = [code for code in range(len(names)) if min_positives <= rows[code] < len(winner.y)]

    def curve(code: int, model: Predictions) -> CostCurve:
        return cost_curve(model.y == code, model.proba[:, code], model.codes == code)

    return tuple(
        ClassCosts(names[code], curve(code, winner), curve(code, reference) if reference else None)
        for code in sorted(judged, key=lambda code: (rows[code], names[code]))
    )


def _classes(
    model: Predictions, names: Sequence[str], min_positives: int, resampling: Resampling
) -> tuple[ClassLine, ...]:
    k, rows, rng = len(names), np.bincount(model.y, minlength=len(names)), np.random.default_rng(resampling.seed)
    draws = resampled_confusions(model.y, [model.codes], k, resampling.resamples, rng)[0]
    hits, truth, predicted = np.diagonal(draws, axis1=1, axis2=2), draws.sum(2), draws.sum(1)
    found = {
        "recall": intervals(_ratio(hits, truth), CONFIDENCE),
        "precision": intervals(_ratio(hits, predicted), CONFIDENCE),
        "F1": intervals(_ratio(2 * hits, truth + predicted), CONFIDENCE),
        "average precision": class_intervals(model, "average_precision", resampling),
    }
    lines = []
    for code in sorted(range(k), key=lambda code: (rows[code], names[code])):
        measures = {name: values[code] for name, values in found.items()} if rows[code] >= min_positives else None
        lines.append(ClassLine(names[code], int(rows[code]), float(rows[code] / len(model.y)), measures))
    return tuple(lines)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide; a class never predicted has precision 0, as in :mod:`evenhand.metrics.scores`."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _groups(
    column: str,
    of_row: np.ndarray,
    model: Predictions,
    names: Sequence[str],
    policy: GatePolicy,
    resamples: int,
) -> GroupTable:
    found = slices([model], of_row, SliceLimits(policy.min_slice_rows, policy.min_positives), resamples)
    lines = tuple(_group(found, place) for place in range(len(found.groups)) if found.classes)
    gaps = dict(zip(SLICE_METRICS, map(_of_gap, found.gap(0, CONFIDENCE)), strict=True)) if found.comparable else {}
    return GroupTable(column, lines, gaps, tuple(names[code] for code in found.classes), found.left_out)


def _of_gap(gap: Interval) -> Interval:
    """Stop at nought: best minus worst is never less."""
    return Interval(gap.estimate, max(0.0, gap.low), max(0.0, gap.high))


def _group(found: Slices, place: int) -> GroupLine:
    values: tuple[Interval, ...] = intervals(found.draws[0, :, place], CONFIDENCE)
    return GroupLine(found.groups[place], found.rows[place], dict(zip(SLICE_METRICS, values, strict=True)))
