"""Bootstrap intervals of a metric, or of the difference between two models on the same rows.

Every interval is the percentile interval of Efron & Tibshirani (1993, chapter 13). A bound with too few draws beyond it
is extrapolated from the furthest one that has enough, as for a normal distribution. Rows are drawn class by class, so
that each class keeps its number of rows, and both models are scored on the same draw. The order of the rows makes no
difference: draws are of the cells of the joint table, or of rows that are sorted first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtri

from evenhand.metrics.checks import MetricsError, checked_predictions
from evenhand.metrics.confusion_metrics import CONFUSION_METRICS
from evenhand.metrics.predictions import Predictions
from evenhand.metrics.weighted_metrics import WEIGHTED_METRICS, RowMetric
from evenhand.problem import LOWER_IS_BETTER

ClassMetric = Literal["recall", "average_precision"]
WEIGHTS_AT_ONCE = 1_000_000
DRAWS_BEYOND = 10  # needed beyond a bound that is read off the draws


@dataclass(frozen=True)
class BootstrapSettings:
    """How intervals are made: their confidence, the number of draws and the seed of the draws."""

    confidence: float = 0.95
    resamples: int = 2000
    seed: int = 0


USUAL = BootstrapSettings()


@dataclass(frozen=True)
class Interval:
    """An estimate and its bounds; nan where the class has no rows."""

    estimate: float
    low: float
    high: float


def paired_difference(
    a: Predictions, b: Predictions, metric: str, bootstrap: BootstrapSettings = USUAL, centred: bool = False
) -> Interval:
    """Estimate how much better ``b`` is than ``a`` on the same rows.

    Parameters
    ----------
    a, b : Predictions
        Of the same rows in the same order.
    metric : str
        One of ``evenhand.problem.METRICS``, as :func:`evenhand.metrics.scores.score` defines it.
    bootstrap : BootstrapSettings
    centred : bool
        Shift the interval so that the mean of its draws is the estimate: for metrics that grow when rows are drawn
        twice, such as the calibration error.

    Returns
    -------
    Interval
        Of ``metric(b) - metric(a)``, with the sign changed where lower is better: positive means that ``b`` is better.

    Raises
    ------
    MetricsError
        On an unknown metric, other rows, shapes that don't match, codes outside 0..K-1, or rows of probabilities that
        don't add up to 1.

    Examples
    --------
    >>> y, flat = np.array([0, 0, 1, 1]), np.full((4, 2), 0.5)
    >>> a, b = Predictions(y, flat, np.array([0, 0, 0, 0])), Predictions(y, flat, np.array([0, 0, 1, 1]))
    >>> paired_difference(a, b, "accuracy").estimate
    0.5
    """
    values = _replicates((a, b), metric, bootstrap)
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    return intervals(sign * (values[1] - values[0]), bootstrap.confidence, centred)[0]


def paired_class_differences(
    a: Predictions, b: Predictions, metric: ClassMetric, bootstrap: BootstrapSettings = USUAL
) -> tuple[Interval, ...]:
    """Estimate class by class how much better ``b`` is than ``a``; see :func:`paired_difference`."""
    values = _replicates((a, b), f"{metric} by class", bootstrap)
    return intervals(values[1] - values[0], bootstrap.confidence)


def metric_interval(
    model: Predictions, metric: str, bootstrap: BootstrapSettings = USUAL, centred: bool = False
) -> Interval:
    """Return one model's metric with its interval, not sign-changed; see :func:`paired_difference`."""
    return intervals(_replicates((model,), metric, bootstrap)[0], bootstrap.confidence, centred)[0]


def class_intervals(
    model: Predictions, metric: ClassMetric, bootstrap: BootstrapSettings = USUAL
) -> tuple[Interval, ...]:
    """Return one model's recall or average precision of each class; see :func:`paired_difference`."""
    return intervals(_replicates((model,), f"{metric} by class", bootstrap)[0], bootstrap.confidence)


# --- replicates: shape (models, 1 + resamples, values), the rows as they are first ---------------------------------


def _replicates(models: Sequence[Predictions], metric: str, bootstrap: BootstrapSettings) -> np.ndarray:
    if metric not in CONFUSION_METRICS and metric not in WEIGHTED_METRICS:
        known = sorted(name for name in {**CONFUSION_METRICS, **WEIGHTED_METRICS} if "by class" not in name)
        raise MetricsError(f"no metric {metric!r}: known are {', '.join(known)}")
    checked = on_same_rows(models)
    y, k, rng = checked[0].y, checked[0].n_classes, np.random.default_rng(bootstrap.seed)
    if metric in CONFUSION_METRICS:
        counts = resampled_confusions(y, [model.codes for model in checked], k, bootstrap.resamples, rng)
        return np.stack([CONFUSION_METRICS[metric](confusion) for confusion in counts])
    return _row_replicates(checked, WEIGHTED_METRICS[metric], bootstrap.resamples, rng)


def on_same_rows(models: Sequence[Predictions]) -> list[Predictions]:
    """Return predictions that were checked, and checked to have the same truth.

    Raises
    ------
    MetricsError
    """
    k = np.shape(models[0].proba)[-1]
    checked = [checked_predictions(model, k, normalised=True) for model in models]
    if any(not np.array_equal(one.y, checked[0].y) for one in checked[1:]):
        raise MetricsError("the models are on other rows: their true classes differ")
    return checked


def resampled_confusions(
    y: np.ndarray, predicted: Sequence[np.ndarray], k: int, resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw confusions, with rows that agree in truth and predictions as one cell.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
    predicted : sequence of ndarray of int, shape (n,)
        Of each model.
    k, resamples : int
    rng : Generator

    Returns
    -------
    ndarray, shape (models, 1 + resamples, k, k)
        The rows as they are first.
    """
    counts = np.zeros((len(predicted), 1 + resamples, k, k))
    for truth in np.unique(y):
        cells, size = _cells([codes[y == truth] for codes in predicted], k)
        drawn = np.vstack([size, rng.multinomial(size.sum(), size / size.sum(), size=resamples)])
        for model, codes in enumerate(cells):
            counts[model, :, truth] = drawn @ np.eye(k)[codes]
    return counts


def _cells(predicted: Sequence[np.ndarray], k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the combinations of classes that occur, shape (models, cells), in order, and how often each does."""
    if k ** len(predicted) > WEIGHTS_AT_ONCE:
        return np.unique(np.stack(predicted), axis=1, return_counts=True)
    shape = (k,) * len(predicted)
    counts = np.bincount(np.ravel_multi_index(tuple(predicted), shape), minlength=k ** len(predicted))
    held = np.flatnonzero(counts)
    return np.stack(np.unravel_index(held, shape)), counts[held]


def _row_replicates(
    models: Sequence[Predictions], prepare: RowMetric, resamples: int, rng: np.random.Generator
) -> np.ndarray:
    order = np.lexsort((*(column for model in models for column in model.proba.T), models[0].y))
    y = models[0].y[order]
    metrics = [prepare(y, model.proba[order], model.n_classes) for model in models]
    chunks = [[metric(weights) for metric in metrics] for weights in _row_weights(y, resamples, rng)]
    return np.concatenate(chunks, axis=1)


def _row_weights(y: np.ndarray, resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield how often each row is drawn, in chunks of shape (n, draws); ``y`` is sorted."""
    yield np.ones((len(y), 1), dtype=np.int32)
    sizes = np.bincount(y)
    step = max(1, WEIGHTS_AT_ONCE // len(y))
    for start in range(0, resamples, step):
        draws = min(step, resamples - start)
        yield np.vstack([_drawn(size, draws, rng) for size in sizes if size])


def _drawn(size: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    picks = rng.integers(0, size, size=(size, draws)) * draws + np.arange(draws)
    return np.bincount(picks.ravel(), minlength=size * draws).reshape(size, draws).astype(np.int32)


def intervals(draws: np.ndarray, confidence: float, centred: bool = False) -> tuple[Interval, ...]:
    """Make an interval of each column of draws, shape (1 + resamples, values); the first row is the estimate."""
    estimate, drawn = draws[0], draws[1:]
    if centred:
        drawn = drawn - drawn.mean(axis=0) + estimate
    tail = (1 - confidence) / 2
    readable = max(tail, min(DRAWS_BEYOND / len(drawn), 0.25))
    low, middle, high = np.quantile(drawn, [readable, 0.5, 1 - readable], axis=0)
    if readable > tail:
        stretch = ndtri(tail) / ndtri(readable)
        low, high = middle - (middle - low) * stretch, middle + (high - middle) * stretch
    return tuple(Interval(float(e), float(lo), float(hi)) for e, lo, hi in zip(estimate, low, high, strict=True))
