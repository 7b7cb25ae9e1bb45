"""The points that figures of a fit show: a few hundred per class, however many rows there are; no matplotlib here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from evenhand.metrics.predictions import Predictions
from evenhand.metrics.ranking import Ranking

CALIBRATION_BINS = 10
TOGETHER = 7  # classes that share one plot; more get a panel each
POINTS, POINTS_OF_PANEL = 500, 150  # of a curve; of one in a panel, which is as many pixels wide
SPREAD = 25  # bars of the predicted probabilities


@dataclass(frozen=True, eq=False)
class Curve:
    """One class against the rest at every threshold.

    Attributes
    ----------
    name : str
        Of the class.
    label : str
        In its legend entry or panel, with the name.
    x, y : ndarray
        Points, at most 500.
    area : float
    chance : tuple of two float
        Height of the line of a model that guesses, at x = 0 and x = 1.
    """

    name: str
    label: str
    x: np.ndarray
    y: np.ndarray
    area: float
    chance: tuple[float, float]


@dataclass(frozen=True, eq=False)
class CalibrationLine:
    """Predicted probability and observed share of a class in bins with equal expected rows."""

    label: str
    predicted: np.ndarray
    observed: np.ndarray


@dataclass(frozen=True, eq=False)
class ClassCalibration:
    """One class: its lines, raw and perhaps calibrated, and rows in bars of equal width up to ``top``."""

    name: str
    lines: list[CalibrationLine]
    spread: np.ndarray
    top: float


@dataclass(frozen=True, eq=False)
class FitCurves:
    """What figures of a fit show, but for the confusion matrices, which differ with the decision rule.

    Attributes
    ----------
    classes : tuple of str
    precision_recall, roc, calibration : list
        Out of fold; empty where the fit was skipped.
    precision_recall_held_out : list
        Empty where it was not predicted.
    features : list of str
        Of the importances.
    importances : ndarray
    note, calibrated_by : str
        What data this is, and how probabilities were calibrated; empty for not at all.
    """

    classes: tuple[str, ...]
    note: str
    calibrated_by: str = ""
    precision_recall: list[Curve] = field(default_factory=list)
    roc: list[Curve] = field(default_factory=list)
    calibration: list[ClassCalibration] = field(default_factory=list)
    precision_recall_held_out: list[Curve] = field(default_factory=list)
    features: list[str] = field(default_factory=list)
    importances: np.ndarray = field(default_factory=lambda: np.empty(0))


def precision_recall_curves(y: np.ndarray, proba: np.ndarray, classes: Sequence[str]) -> list[Curve]:
    """Return the curves of the classes that have rows, the highest average precision first.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
    proba : ndarray, shape (n, K)
    classes : sequence of K str

    Raises
    ------
    ValueError
        If the names do not match the columns of ``proba``.
    """

    def curve(name: str, positive: np.ndarray, values: np.ndarray) -> Curve:
        ranking = Ranking.of(positive, values)
        tp, area, prior = ranking.true_positives, ranking.average_precision, float(positive.mean())
        keep = thinned(len(tp), _points(classes))
        x, height = (tp / tp[-1])[keep], ranking.precision[keep]
        label = f"AP {area:.2f}, share {prior:.3f}"
        return Curve(name, label, np.append(0.0, x), np.append(height[0], height), area, (prior, prior))

    return _curves(y, proba, classes, curve)


def roc_curves(y: np.ndarray, proba: np.ndarray, classes: Sequence[str]) -> list[Curve]:
    """Return true against false positive rate; arguments, order and errors as :func:`precision_recall_curves`."""

    def curve(name: str, positive: np.ndarray, values: np.ndarray) -> Curve:
        ranking = Ranking.of(positive, values)
        tp, fp, area = ranking.true_positives, ranking.false_positives, ranking.roc_auc
        keep = thinned(len(tp), _points(classes))
        negatives = max(int(fp[-1]), 1)
        x, height = np.append(0.0, (fp / negatives)[keep]), np.append(0.0, (tp / tp[-1])[keep])
        return Curve(name, f"AUC {area:.2f}", x, height, area, (0.0, 1.0))

    return _curves(y, proba, classes, curve)


def calibration_curves(
    y: np.ndarray, proba: np.ndarray, classes: Sequence[str], corrected: np.ndarray | None = None
) -> list[ClassCalibration]:
    """Return observed share against predicted probability of every class, in class order.

    Points are ten bins with equal expected rows of the class, so that a rare class has points where it is predicted,
    not ten at 0. ``corrected``, of shape (n, K), are calibrated probabilities.
    """
    check_names("classes", classes, proba.shape[1])
    return [
        _class_calibration(name, y == code, proba[:, code], None if corrected is None else corrected[:, code])
        for code, name in enumerate(classes)
    ]


def fit_curves(classes: Sequence[str], note: str, known: Predictions, corrected: np.ndarray | None) -> FitCurves:
    """Return what figures show of out-of-fold predictions."""
    y, proba = known.y, known.proba
    return FitCurves(
        tuple(classes),
        note,
        precision_recall=precision_recall_curves(y, proba, classes),
        roc=roc_curves(y, proba, classes),
        calibration=calibration_curves(y, proba, classes, corrected),
    )


def thinned(n: int, limit: int = POINTS) -> np.ndarray:
    """Choose at most ``limit`` of ``n`` positions, both ends included, denser at the start where curves bend."""
    if n <= limit:
        return np.arange(n)
    half = limit // 2
    near = np.geomspace(1, n, half) - 1
    return np.unique(np.concatenate([near, np.linspace(0, n - 1, limit - half)]).astype(int))


def check_names(what: str, names: Sequence[str], n: int) -> None:
    """Raise ``ValueError`` unless there are ``n`` names, at least one."""
    if len(names) != n or n == 0:
        raise ValueError(f"{what}: found {len(names)} names for {n} of them; one each is needed, and at least one")


def _points(classes: Sequence[str]) -> int:
    return POINTS if len(classes) <= TOGETHER else POINTS_OF_PANEL


def _curves(
    y: np.ndarray, proba: np.ndarray, classes: Sequence[str], curve: Callable[[str, np.ndarray, np.ndarray], Curve]
) -> list[Curve]:
    check_names("classes", classes, proba.shape[1])
    found = [curve(name, y == code, proba[:, code]) for code, name in enumerate(classes) if (y == code).any()]
    return sorted(found, key=lambda one: (math.isnan(one.area), -one.area, one.name))


def _class_calibration(
    name: str, positive: np.ndarray, values: np.ndarray, corrected: np.ndarray | None
) -> ClassCalibration:
    given = [("raw", values)] + ([] if corrected is None else [("calibrated", corrected)])
    lines = [CalibrationLine(label, *_means(positive, some)) for label, some in given]
    highest = max(max(*line.predicted, *line.observed) for line in lines)
    top = float(min(1.0, max(0.01, highest) * 1.08))
    return ClassCalibration(name, lines, np.histogram(given[-1][1], bins=SPREAD, range=(0, top))[0], top)


def _means(positive: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean probability and observed share of bins with equal expected rows."""
    order = np.argsort(values, kind="stable")
    expected = np.cumsum(values[order])
    cuts = np.searchsorted(expected, expected[-1] * np.arange(1, CALIBRATION_BINS) / CALIBRATION_BINS)
    bins = [rows for rows in np.split(order, cuts) if len(rows)]
    return np.array([values[rows].mean() for rows in bins]), np.array([positive[rows].mean() for rows in bins])
