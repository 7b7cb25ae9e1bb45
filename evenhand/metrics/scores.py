"""Scores of a classifier at natural prevalence: overall, class by class, and the confusion matrix."""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sklearn.metrics import matthews_corrcoef, precision_recall_fscore_support

from evenhand.metrics.checks import MetricsError, checked_predictions
from evenhand.metrics.losses import BINS, confidence_bins, log_losses, squared_errors
from evenhand.metrics.predictions import Predictions
from evenhand.metrics.ranking import Ranking
from evenhand.problem import METRICS


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


FIRST, MORE = ("average_precision", "macro_f1"), ("ece", "log_loss")
LONGEST_SLUG = 180
NO_ROWS = ClassScores(math.nan, math.nan, math.nan, 0, math.nan, math.nan)


@dataclass(frozen=True, eq=False)
class Scores:
    """The result of :func:`score`; compare two of them by :func:`to_record`."""

    metrics: dict[str, float]
    """Exactly ``evenhand.problem.METRICS``, then ``majority_accuracy``: that of always predicting the largest class."""
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
    MetricsError
        On shapes that don't match, codes outside 0..K-1, or rows that don't add up to 1.

    Notes
    -----
    Macro metrics are means over the classes that have rows in ``y``; a class without rows is nan, with support 0.
    ``average_precision`` and ``roc_auc`` are macro means of one class against the rest. ``g_mean`` is the geometric
    mean of the recalls (Kubat & Matwin 1997), ``mcc`` the multiclass correlation (Gorodkin 2004), ``brier``
    the squared error summed over the classes (Brier 1950: 0 to 2), ``ece`` the expected calibration error of the most
    probable class in 15 equal bins (Guo et al. 2017). ``log_loss`` (nats) raises probabilities to 1e-7 first.
    ``log_loss``, ``brier``, ``ece``, ``average_precision`` and ``roc_auc`` are of ``proba``; ``predicted`` does not
    change them.

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
    k = len(classes)
    if k < 2 or len(set(classes)) != k:
        raise MetricsError(f"classes: two or more different names are needed, found {list(classes)}")
    found = checked_predictions(Predictions(y, proba, predicted), k, normalised=True)
    y, proba = found.y, found.proba
    confusion = np.bincount(y * k + found.codes, minlength=k * k).reshape(k, k)
    per_class = _per_class(y, proba, classes, confusion)
    values = _label_metrics(confusion) | _ranking_metrics(per_class) | _probability_metrics(y, proba)
    metrics = {name: values[name] for name in (*METRICS, "majority_accuracy")}
    return Scores(metrics, per_class, confusion)


def to_record(scores: Scores) -> dict[str, Any]:
    """Plain JSON form of ``scores``: ``metrics``, ``per_class``, ``classes`` and ``confusion``; nan becomes None."""
    return {
        "metrics": _without_nan(scores.metrics),
        "per_class": {name: _without_nan(asdict(found)) for name, found in scores.per_class.items()},
        "classes": list(scores.per_class),
        "confusion": scores.confusion.tolist(),
    }


def headline(scores: Scores, prefix: str, metric: str) -> dict[str, float]:
    """Return the few metrics that candidates are compared by, with names that MLflow allows.

    Parameters
    ----------
    scores : Scores
    prefix : str
        Evaluation set of the scores: ``oof`` or ``test``.
    metric : str
        The primary metric of the problem.

    Returns
    -------
    dict of str to float
        Average precision, macro-F1 and the primary metric as ``oof_macro_f1``, others as ``oof_more_ece``: MLflow's
        pages sort by name and open on the first. A slash would make a section, which charts show before the rest.
        Undefined values are left out.
    """
    first = dict.fromkeys((*FIRST, metric))
    values = {f"{prefix}_{name}": scores.metrics[name] for name in first}
    values |= {f"{prefix}_more_{name}": scores.metrics[name] for name in MORE if name not in first}
    return {name: value for name, value in values.items() if math.isfinite(value)}


def recalls(scores: Scores, prefix: str) -> dict[str, float]:
    """Return the recall of each class that has rows, as ``oof_recall_Auto_Theft``."""
    slugs = metric_slugs(list(scores.per_class))
    values = {f"{prefix}_recall_{slug}": one.recall for slug, one in zip(slugs, scores.per_class.values(), strict=True)}
    return {name: value for name, value in values.items() if math.isfinite(value)}


def metric_slugs(classes: Sequence[str]) -> list[str]:
    """Turn class names into parts of a metric name: letters of any alphabet, digits and ``_ - .`` only, each once.

    A part depends on the name of its class alone, so that it stays the same in a training with other classes. A name
    that loses letters, or more than spaces while another class has the same part, gets a part of its hash.

    Examples
    --------
    >>> metric_slugs(["Auto Theft", "Theft (Over)", "Theft Over", "Кража", "窃盗"])
    ['Auto_Theft', 'Theft_Over_471f8003', 'Theft_Over', 'Кража', '窃盗']
    """
    slugs = [_slug(name) for name in classes]
    shared = {slug for slug, n in Counter(slug.casefold() for slug in slugs).items() if n > 1}
    kept = Counter(slug.casefold() for slug, name in zip(slugs, classes, strict=True) if slug == name.replace(" ", "_"))
    return [
        f"{slug}_{_digest(name)}"
        if slug.casefold() in shared and (slug != name.replace(" ", "_") or kept[slug.casefold()] > 1)
        else slug
        for slug, name in zip(slugs, classes, strict=True)
    ]


def _slug(name: str) -> str:
    composed = unicodedata.normalize("NFC", name)
    plain = re.sub(r"[^\w.\-]+", "_", composed).strip("_")
    slug = plain[:LONGEST_SLUG] or "class"  # MLflow allows 250 characters in all
    lost = set(composed) - set(plain)
    whole = (
        bool(plain) and len(plain) <= LONGEST_SLUG and all(letter.isascii() and letter.isprintable() for letter in lost)
    )
    return slug if whole else f"{slug}_{_digest(name)}"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]


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
        ranking = Ranking.of(y == code, proba[:, code])
        areas = ranking.average_precision, ranking.roc_auc
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
    losses, errors = log_losses(y, proba), squared_errors(y, proba)
    return {"log_loss": float(losses.mean()), "brier": float(errors.mean()), "ece": _calibration_error(y, proba)}


def _calibration_error(y: np.ndarray, proba: np.ndarray) -> float:
    bins, confidence, right = confidence_bins(y, proba)
    gap = np.bincount(bins, confidence, BINS) - np.bincount(bins, right, BINS)
    return float(np.abs(gap).sum() / len(y))


def _without_nan(values: dict[str, Any]) -> dict[str, Any]:
    return {name: None if math.isnan(value) else value for name, value in values.items()}
