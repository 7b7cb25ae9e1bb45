"""Scores of a classifier at natural prevalence: overall, class by class, and the confusion matrix."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sklearn.metrics import matthews_corrcoef, precision_recall_fscore_support

from evenhand.metrics.ranking import average_precision_and_roc_auc
from evenhand.problem import METRICS

FLOOR = 1e-7  # the least probability that log-loss counts: one sure and wrong row must not outweigh all others
ROWS_AT_ONCE = 65_536
BINS = 15  # of the calibration error, as in Guo et al. 2017
SUM_TOLERANCE = 1e-3  # room for single precision; anything further from 1 is no probability


@dataclass(frozen=True)
class ClassScores:
    """One class against the rest; every float is nan where the class has no rows.

    ``roc_auc`` is nan too where the class has every row. ``precision`` is 0 where the class was never predicted.
    """

    precision: float
    recall: float
    f1: float
    support: int
    average_precision: float
    roc_auc: float


NO_ROWS = ClassScores(math.nan, math.nan, math.nan, 0, math.nan, math.nan)


@dataclass(frozen=True, eq=False)
class Scores:
    """What :func:`score` found; compare two of them by :func:`to_record`."""

    metrics: dict[str, float]
    """Exactly ``evenhand.problem.METRICS``, then ``majority_accuracy``: the accuracy of always saying the majority."""
    per_class: dict[str, ClassScores]
    """By class name, in class order."""
    confusion: np.ndarray
    """Counts, shape (K, K), truth in rows, prediction in columns."""


def score(y: np.ndarray, proba: np.ndarray, classes: Sequence[str], predicted: np.ndarray | None = None) -> Scores:
    """Score probabilities, and the classes chosen from them, against the truth.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
        True class of every row, as a position in ``classes``.
    proba : ndarray, shape (n, K)
        Probability of every class; each row sums to 1.
    classes : sequence of K str
        Class names, each once.
    predicted : ndarray of int, shape (n,), optional
        Class chosen for every row by a decision rule; the most probable one without it.

    Returns
    -------
    Scores

    Raises
    ------
    ValueError
        On shapes that don't match, codes outside 0..K-1, or numbers that are no probabilities.

    Notes
    -----
    Macro metrics are means over the classes that have rows in ``y``; a class without rows is nan and says so by
    support 0. ``average_precision`` and ``roc_auc`` are macro means of one class against the rest. ``g_mean`` is the
    geometric mean of the recalls (Kubat & Matwin 1997), ``mcc`` the multiclass correlation (Gorodkin 2004), ``brier``
    the squared error summed over the classes (Brier 1950: 0 to 2), ``ece`` the expected calibration error of the most
    probable class in 15 equal bins (Guo et al. 2017). ``log_loss`` (nats) lifts probabilities to 1e-7 first.
    ``log_loss``, ``brier``, ``ece``, ``average_precision`` and ``roc_auc`` judge ``proba`` alone, whatever
    ``predicted`` says.

    Examples
    --------
    >>> y = np.array([0, 0, 0, 1])
    >>> proba = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.7, 0.3]])
    >>> scores = score(y, proba, ["Assault", "Robbery"])
    >>> scores.metrics["accuracy"], scores.metrics["majority_accuracy"], scores.metrics["balanced_accuracy"]
    (0.75, 0.75, 0.5)
    >>> scores.per_class["Robbery"].average_precision
    0.5
    """
    y, proba, predicted = _checked(y, proba, classes, predicted)
    k = len(classes)
    confusion = np.bincount(y * k + predicted, minlength=k * k).reshape(k, k)
    per_class = _per_class(y, proba, classes, confusion)
    found = _label_metrics(confusion) | _ranking_metrics(per_class) | _probability_metrics(y, proba)
    metrics = {name: found[name] for name in (*METRICS, "majority_accuracy")}
    return Scores(metrics, per_class, confusion)


def to_record(scores: Scores) -> dict[str, Any]:
    """Plain JSON form of ``scores``: ``metrics``, ``per_class``, ``classes`` and ``confusion``; nan becomes None."""
    return {
        "metrics": _without_nan(scores.metrics),
        "per_class": {name: _without_nan(asdict(found)) for name, found in scores.per_class.items()},
        "classes": list(scores.per_class),
        "confusion": scores.confusion.tolist(),
    }


def flat(scores: Scores, prefix: str) -> dict[str, float]:
    """One number a name, with names that MLflow takes; what is undefined is left out.

    Parameters
    ----------
    scores : Scores
    prefix : str
        What the scores are of, such as ``oof`` or ``test``; empty for none.

    Returns
    -------
    dict of str to float
        Such as ``oof_macro_f1`` and, class by class, ``oof_f1_Auto_Theft``.
    """
    start = f"{prefix}_" if prefix else ""
    values = {f"{start}{name}": value for name, value in scores.metrics.items()}
    for slug, found in zip(metric_slugs(list(scores.per_class)), scores.per_class.values(), strict=True):
        values |= {f"{start}{name}_{slug}": float(value) for name, value in asdict(found).items()}
    return {name: value for name, value in values.items() if math.isfinite(value)}


def metric_slugs(classes: Sequence[str]) -> list[str]:
    """Class names as parts of a metric name: letters, digits and ``_ - .`` only, no two alike.

    Examples
    --------
    >>> metric_slugs(["Auto Theft", "Theft (Over)", "Theft Over"])
    ['Auto_Theft', 'Theft_Over', 'Theft_Over_2']
    """
    slugs: list[str] = []
    for name in classes:
        # MLflow takes 250 characters in all
        slug = re.sub(r"[^A-Za-z0-9_.\-]+", "_", name).strip("_")[:180] or "class"
        n, unique = 1, slug
        while unique in slugs:
            n += 1
            unique = f"{slug}_{n}"
        slugs.append(unique)
    return slugs


# --- parts of the scores -----------------------------------------------------------------------------------------


def _per_class(
    y: np.ndarray, proba: np.ndarray, classes: Sequence[str], confusion: np.ndarray
) -> dict[str, ClassScores]:
    precision, recall, f1, _ = _by_cell(precision_recall_fscore_support, confusion, zero_division=0.0)
    found = {}
    for code, name in enumerate(classes):
        support = int(confusion[code].sum())
        if not support:
            found[name] = NO_ROWS
            continue
        areas = average_precision_and_roc_auc(y == code, proba[:, code])
        found[name] = ClassScores(float(precision[code]), float(recall[code]), float(f1[code]), support, *areas)
    return found


def _by_cell(metric: Any, confusion: np.ndarray, **options: Any) -> Any:
    """``metric`` of the K x K cells weighted by their counts: the same number as from n rows, without the rows."""
    k = len(confusion)
    truth, prediction = np.divmod(np.arange(k * k), k)
    return metric(truth, prediction, sample_weight=confusion.ravel().astype(float), **options)


def _label_metrics(confusion: np.ndarray) -> dict[str, float]:
    present = confusion.sum(axis=1) > 0
    support = confusion.sum(axis=1)[present]
    per_class = _by_cell(precision_recall_fscore_support, confusion, zero_division=0.0)
    precision, recall, f1 = (values[present] for values in per_class[:3])
    n = int(confusion.sum())
    return {
        "macro_f1": float(f1.mean()),
        "weighted_f1": float(f1 @ support / n),
        "balanced_accuracy": float(recall.mean()),
        "g_mean": float(np.exp(np.log(recall).mean())) if recall.all() else 0.0,
        "mcc": float(_by_cell(matthews_corrcoef, confusion)),
        "macro_precision": float(precision.mean()),
        "macro_recall": float(recall.mean()),
        "accuracy": int(np.trace(confusion)) / n,
        "majority_accuracy": int(support.max()) / n,
    }


def _ranking_metrics(per_class: dict[str, ClassScores]) -> dict[str, float]:
    found = {}
    for name in ("average_precision", "roc_auc"):
        values = [getattr(scores, name) for scores in per_class.values()]
        defined = [value for value in values if not math.isnan(value)]
        found[name] = float(np.mean(defined)) if defined else math.nan
    return found


def _probability_metrics(y: np.ndarray, proba: np.ndarray) -> dict[str, float]:
    loss, error = np.empty(len(y)), np.empty(len(y))
    for start in range(0, len(y), ROWS_AT_ONCE):  # a copy of all of them would take as much as they do
        some = slice(start, start + ROWS_AT_ONCE)
        rows, truth = np.arange(len(y[some])), y[some]
        lifted, off = np.maximum(proba[some], FLOOR), proba[some].copy()
        off[rows, truth] -= 1
        loss[some] = -np.log(lifted[rows, truth] / lifted.sum(axis=1))
        error[some] = np.einsum("ij,ij->i", off, off)
    return {"log_loss": float(loss.mean()), "brier": float(error.mean()), "ece": _ece(y, proba)}


def _ece(y: np.ndarray, proba: np.ndarray) -> float:
    confidence, right = proba.max(axis=1), proba.argmax(axis=1) == y
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gap = np.bincount(bins, confidence, BINS) - np.bincount(bins, right, BINS)
    return float(np.abs(gap).sum() / len(y))


def _without_nan(values: dict[str, Any]) -> dict[str, Any]:
    return {name: None if math.isnan(value) else value for name, value in values.items()}


# --- checks ------------------------------------------------------------------------------------------------------


def _checked(
    y: np.ndarray, proba: np.ndarray, classes: Sequence[str], predicted: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    k = len(classes)
    if k < 2 or len(set(classes)) != k:
        raise ValueError(f"classes: two or more different names are needed, found {list(classes)}")
    proba = np.asarray(proba, dtype=float)
    if proba.ndim != 2 or proba.shape[1] != k or not len(proba):
        raise ValueError(f"proba: found shape {proba.shape}, needed one or more rows and {k} columns")
    _check_probabilities(proba)
    y = _checked_codes("y", y, *proba.shape)
    predicted = proba.argmax(axis=1) if predicted is None else _checked_codes("predicted", predicted, *proba.shape)
    return y, proba, predicted


def _checked_codes(name: str, codes: np.ndarray, n: int, k: int) -> np.ndarray:
    codes = np.asarray(codes)
    if codes.shape != (n,):
        raise ValueError(f"{name}: found shape {codes.shape}, needed ({n},), one code a row of proba")
    if codes.dtype.kind not in "iu":
        raise ValueError(f"{name}: found {codes.dtype} values, needed whole-number class codes")
    low, high = int(codes.min()), int(codes.max())
    if low < 0 or high >= k:
        raise ValueError(f"{name}: found codes from {low} to {high}, allowed are 0 to {k - 1}")
    return codes.astype(np.int64)


def _check_probabilities(proba: np.ndarray) -> None:
    bad = ~(np.isfinite(proba) & (proba >= 0)).all(axis=1)
    if bad.any():
        row = int(bad.argmax())
        raise ValueError(
            f"proba: {bad.sum()} rows hold a value that is negative or not finite; row {row}: {proba[row]}"
        )
    total = proba.sum(axis=1)
    off = np.abs(total - 1) > SUM_TOLERANCE
    if off.any():
        row = int(off.argmax())
        raise ValueError(f"proba: {off.sum()} rows do not sum to 1; row {row} sums to {total[row]:.6g}: {proba[row]}")
