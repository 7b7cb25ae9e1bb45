"""Intervals of the chosen model's scores on the held-out rows: overall, by class and by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from evenhand.evidence.bootstrap import (
    BootstrapSettings,
    Interval,
    class_intervals,
    decided_confusions,
    intervals,
    metric_interval,
    paired_difference,
)
from evenhand.evidence.slices import SLICE_METRICS, SliceLimits, Slices, slices
from evenhand.metrics.cost_curves import CostCurve, cost_curve
from evenhand.metrics.predictions import Predictions
from evenhand.problem import GatePolicy
from evenhand.report.training.data import ClassCosts, ClassLine, GroupLine, GroupTable, Measured

CONFIDENCE = 0.95
CLASS_METRICS = ("recall", "precision", "F1", "average precision")
RESAMPLES = 500  # enough for 95 % bounds
USUAL = BootstrapSettings(CONFIDENCE, RESAMPLES)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Predictions of the chosen model and of its baseline for the held-out rows.

    Attributes
    ----------
    classes : sequence of str
    winner, baseline : Predictions
        Of the same rows.
    groups : mapping of str to ndarray of str, shape (n,)
        Column -> group of every row.
    blocks : ndarray of int, shape (n,), optional
        Block of every row, which intervals draw as a whole.
    """

    classes: Sequence[str]
    winner: Predictions
    baseline: Predictions | None = None
    groups: Mapping[str, np.ndarray] = field(default_factory=dict)
    blocks: np.ndarray | None = None


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
    bootstrap, difference = BootstrapSettings(CONFIDENCE, resamples, blocks=rows.blocks), None
    if rows.baseline is not None:
        difference = paired_difference(rows.baseline, rows.winner, metric, bootstrap, centred=True)
    return Measured(
        primary=metric_interval(rows.winner, metric, bootstrap, centred=True),
        difference=difference,
        classes=_classes(rows, policy.min_positives, bootstrap),
        groups=tuple(_groups(rows, column, policy, bootstrap) for column in rows.groups),
        costs=_costs(rows, policy.min_positives),
    )


def _costs(rows: HeldOut, min_positives: int) -> tuple[ClassCosts, ...]:
    y, names = rows.winner.y, rows.classes
    counts = np.bincount(y, minlength=len(names))
    enough = [code for code in range(len(names)) if min_positives <= counts[code] < len(y)]

    def curve(code: int, model: Predictions) -> CostCurve:
        return cost_curve(y == code, model.proba[:, code], model.codes == code)

    return tuple(
        ClassCosts(names[code], curve(code, rows.winner), curve(code, rows.baseline) if rows.baseline else None)
        for code in sorted(enough, key=lambda code: (counts[code], names[code]))
    )


def _classes(rows: HeldOut, min_positives: int, bootstrap: BootstrapSettings) -> tuple[ClassLine, ...]:
    y, model, names = rows.winner.y, rows.winner, rows.classes
    k, counts = len(names), np.bincount(y, minlength=len(names))
    found = {
        **decided_intervals(y, model.codes, k, bootstrap),
        "average precision": class_intervals(model, "average_precision", bootstrap),
    }
    lines = []
    for code in sorted(range(k), key=lambda code: (counts[code], names[code])):
        measures = {name: values[code] for name, values in found.items()} if counts[code] >= min_positives else None
        lines.append(ClassLine(names[code], int(counts[code]), float(counts[code] / len(y)), measures))
    return tuple(lines)


def decided_intervals(
    y: np.ndarray, codes: np.ndarray, k: int, bootstrap: BootstrapSettings = USUAL
) -> dict[str, tuple[Interval, ...]]:
    """Compute recall, precision and F1 of each class with their intervals, from drawing rows.

    Parameters
    ----------
    y, codes : ndarray of int, shape (n,)
        True classes and chosen ones.
    k : int
        Number of classes.
    bootstrap : BootstrapSettings

    Returns
    -------
    dict of str to tuple of K Interval
    """
    draws = decided_confusions(y, [codes], k, bootstrap)[0]
    hits, truth, predicted = np.diagonal(draws, axis1=1, axis2=2), draws.sum(2), draws.sum(1)
    return {
        "recall": intervals(_ratio(hits, truth), CONFIDENCE),
        "precision": intervals(_ratio(hits, predicted), CONFIDENCE),
        "F1": intervals(_ratio(2 * hits, truth + predicted), CONFIDENCE),
    }


def _ratio(part: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Divide; a class never predicted has precision 0, as in :mod:`evenhand.metrics.scores`."""
    return np.divide(part, total, out=np.zeros_like(part), where=total > 0)


def _groups(rows: HeldOut, column: str, policy: GatePolicy, bootstrap: BootstrapSettings) -> GroupTable:
    limits = SliceLimits(policy.min_slice_rows, policy.min_positives)
    found = slices([rows.winner], rows.groups[column], limits, bootstrap)
    lines = tuple(_group(found, at) for at in range(len(found.groups)) if found.classes)
    gaps = dict(zip(SLICE_METRICS, map(_of_gap, found.gap(0, CONFIDENCE)), strict=True)) if found.comparable else {}
    return GroupTable(column, lines, gaps, tuple(rows.classes[code] for code in found.classes), found.left_out)


def _of_gap(gap: Interval) -> Interval:
    """Clip at 0: a gap can't be negative."""
    return Interval(gap.estimate, max(0.0, gap.low), max(0.0, gap.high))


def _group(found: Slices, at: int) -> GroupLine:
    values: tuple[Interval, ...] = intervals(found.draws[0, :, at], CONFIDENCE)
    return GroupLine(found.groups[at], found.rows[at], dict(zip(SLICE_METRICS, values, strict=True)))
