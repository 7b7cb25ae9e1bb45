"""Intervals of the chosen model's scores on the held-out rows: overall, by class and by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from evenhand.evidence.bootstrap import (
    Interval,
    Predictions,
    intervals,
    paired_difference,
    resampled_confusions,
    single,
    single_by_class,
)
from evenhand.evidence.slices import SLICE_METRICS, Slices, slices
from evenhand.metrics.cost_curves import CostCurve, cost_curve
from evenhand.problem import GatePolicy
from evenhand.report.training.data import ClassCosts, ClassLine, GroupLine, GroupTable, Measured

CONFIDENCE = 0.95
CLASS_METRICS = ("recall", "precision", "F1", "average precision")
RESAMPLES = 500  # enough for 95 % bounds


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The held-out rows with what the chosen model and its reference predict for them.

    Attributes
    ----------
    y : ndarray of int, shape (n,)
        True class codes.
    classes : sequence of str
    winner, reference : Predictions
        Of the same rows.
    groups : mapping of str to ndarray of str, shape (n,)
        Column -> group of every row.
    """

    y: np.ndarray
    classes: Sequence[str]
    winner: Predictions
    reference: Predictions | None = None
    groups: Mapping[str, np.ndarray] = field(default_factory=dict)


def measure(rows: HeldOut, metric: str, policy: GatePolicy, resamples: int = RESAMPLES) -> Measured:
    """Compute 95 % bootstrap intervals of the chosen model's scores.

    Parameters
    ----------
    rows : HeldOut
    metric : str
        The problem's primary one.
    policy : GatePolicy
        ``min_positives`` and ``min_slice_rows`` are the fewest rows of a class and of a group.
    resamples : int

    Returns
    -------
    Measured
        A class with fewer rows than ``min_positives`` has no figures.
    """
    k = len(rows.classes)
    difference = None
    if rows.reference is not None:
        difference = paired_difference(
            rows.y, rows.reference, rows.winner, metric, k, CONFIDENCE, resamples, centred=True
        )
    return Measured(
        primary=single(rows.y, rows.winner, metric, k, CONFIDENCE, resamples, centred=True),
        difference=difference,
        classes=_classes(rows, policy.min_positives, resamples),
        groups=tuple(_groups(rows, column, policy, resamples) for column in rows.groups),
        costs=_costs(rows, policy.min_positives),
    )


def _costs(rows: HeldOut, min_positives: int) -> tuple[ClassCosts, ...]:
    y, names = rows.y, rows.classes
    counts = np.bincount(y, minlength=len(names))
    enough = [code for code in range(len(names)) if min_positives <= counts[code] < len(y)]

    def curve(code: int, model: Predictions) -> CostCurve:
        return cost_curve(y == code, model.proba[:, code], model.predicted == code)

    return tuple(
        ClassCosts(names[code], curve(code, rows.winner), curve(code, rows.reference) if rows.reference else None)
        for code in sorted(enough, key=lambda code: (counts[code], names[code]))
    )


def _classes(rows: HeldOut, min_positives: int, resamples: int) -> tuple[ClassLine, ...]:
    y, model, names = rows.y, rows.winner, rows.classes
    k, counts = len(names), np.bincount(y, minlength=len(names))
    draws = resampled_confusions(y, [model.predicted], k, resamples, np.random.default_rng(0))[0]
    hits, truth, predicted = np.diagonal(draws, axis1=1, axis2=2), draws.sum(2), draws.sum(1)
    found = {
        "recall": intervals(_ratio(hits, truth), CONFIDENCE),
        "precision": intervals(_ratio(hits, predicted), CONFIDENCE),
        "F1": intervals(_ratio(2 * hits, truth + predicted), CONFIDENCE),
        "average precision": single_by_class(y, model, "average_precision", k, CONFIDENCE, resamples),
    }
    lines = []
    for code in sorted(range(k), key=lambda code: (counts[code], names[code])):
        measures = {name: values[code] for name, values in found.items()} if counts[code] >= min_positives else None
        lines.append(ClassLine(names[code], int(counts[code]), float(counts[code] / len(y)), measures))
    return tuple(lines)


def _ratio(part: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Divide; a class never predicted has precision 0, as in :mod:`evenhand.metrics.scores`."""
    return np.divide(part, total, out=np.zeros_like(part), where=total > 0)


def _groups(rows: HeldOut, column: str, policy: GatePolicy, resamples: int) -> GroupTable:
    least = policy.min_slice_rows, policy.min_positives
    found = slices(rows.y, rows.groups[column], [rows.winner], len(rows.classes), *least, resamples)
    lines = tuple(_group(found, at) for at in range(len(found.groups)) if found.classes)
    gaps = dict(zip(SLICE_METRICS, map(_of_gap, found.gap(0, CONFIDENCE)), strict=True)) if found.comparable else {}
    return GroupTable(column, lines, gaps, tuple(rows.classes[code] for code in found.classes), found.left_out)


def _of_gap(gap: Interval) -> Interval:
    """Stop at 0: best minus worst is never less."""
    return Interval(gap.estimate, max(0.0, gap.low), max(0.0, gap.high))


def _group(found: Slices, at: int) -> GroupLine:
    values: tuple[Interval, ...] = intervals(found.draws[0, :, at], CONFIDENCE)
    return GroupLine(found.groups[at], found.rows[at], dict(zip(SLICE_METRICS, values, strict=True)))
