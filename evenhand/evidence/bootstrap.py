"""How sure a metric, or the difference between two models on the same rows, is: stratified bootstrap intervals.

Every interval is the percentile interval of Efron & Tibshirani (1993, chapter 13); a bound further out than the draws
can tell is reached by stretching the furthest one that they can tell, as the normal distribution would. Rows are drawn
class by class, so that each class keeps its number of rows, and both models are scored on the same draw. The order of
the rows does not matter: draws are made over cells of the joint table, or over rows put in an order of their own first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtri

from evenhand.errors import EvenhandError
from evenhand.metrics.bootstrap_metrics import FROM_CONFUSION, FROM_ROWS, RowMetric
from evenhand.metrics.scores import SUM_TOLERANCE
from evenhand.problem import LOWER_IS_BETTER

ClassMetric = Literal["recall", "average_precision"]
CHUNK = 1_000_000  # weights held at once
BEYOND = 10  # draws that must lie beyond a bound for it to be read off them


class EvidenceError(EvenhandError):
    """Predictions that can't be compared: wrong shape, not finite, or codes of no class."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """What one model says about n rows and K classes."""

    proba: np.ndarray
    """Probability of every class, shape (n, K)."""
    predicted: np.ndarray
    """Class chosen for every row, as a code 0..K-1, shape (n,)."""


@dataclass(frozen=True)
class Interval:
    """An estimate and its bounds; nan where the class has no rows."""

    estimate: float
    low: float
    high: float


def paired_difference(
    y: np.ndarray,
    a: Predictions,
    b: Predictions,
    metric: str,
    n_classes: int,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
    centred: bool = False,
) -> Interval:
    """How much better ``b`` is than ``a`` on the same rows.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
        True class codes.
    a, b : Predictions
        Of the same rows in the same order.
    metric : str
        One of ``evenhand.problem.METRICS``, as :func:`evenhand.metrics.scores.score` defines it.
    n_classes : int
    confidence : float
    resamples : int
    seed : int
    centred : bool
        Move the interval so that its draws have the estimate as their mean: for metrics that grow when rows are drawn
        twice, such as the calibration error.

    Returns
    -------
    Interval
        Of ``metric(b) - metric(a)``, turned round where lower is better: positive always means that ``b`` is better.

    Raises
    ------
    EvidenceError
        On an unknown metric, shapes that don't match, codes of no class, or numbers that are not finite.

    Examples
    --------
    >>> y = np.array([0, 0, 1, 1])
    >>> a = Predictions(np.full((4, 2), 0.5), np.array([0, 0, 0, 0]))
    >>> b = Predictions(np.full((4, 2), 0.5), np.array([0, 0, 1, 1]))
    >>> paired_difference(y, a, b, "accuracy", n_classes=2).estimate
    0.5
    """
    values = _replicates(y, (a, b), metric, n_classes, resamples, seed)
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    return intervals(sign * (values[1] - values[0]), confidence, centred)[0]


def paired_class_differences(
    y: np.ndarray,
    a: Predictions,
    b: Predictions,
    metric: ClassMetric,
    n_classes: int,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[Interval, ...]:
    """Class by class, how much better ``b`` is than ``a`` in recall or average precision; see paired_difference."""
    values = _replicates(y, (a, b), f"{metric} by class", n_classes, resamples, seed)
    return intervals(values[1] - values[0], confidence)


def single(
    y: np.ndarray,
    model: Predictions,
    metric: str,
    n_classes: int,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
    centred: bool = False,
) -> Interval:
    """One model's metric with its interval, in the metric's own direction; see paired_difference."""
    return intervals(_replicates(y, (model,), metric, n_classes, resamples, seed)[0], confidence, centred)[0]


def single_by_class(
    y: np.ndarray,
    model: Predictions,
    metric: ClassMetric,
    n_classes: int,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[Interval, ...]:
    """One model's recall or average precision, class by class; see paired_difference."""
    return intervals(_replicates(y, (model,), f"{metric} by class", n_classes, resamples, seed)[0], confidence)


# --- replicates: shape (models, 1 + resamples, values), the rows as they are first ---------------------------------


def _replicates(
    y: np.ndarray, models: Sequence[Predictions], metric: str, k: int, resamples: int, seed: int
) -> np.ndarray:
    if metric not in FROM_CONFUSION and metric not in FROM_ROWS:
        known = sorted(name for name in {**FROM_CONFUSION, **FROM_ROWS} if "by class" not in name)
        raise EvidenceError(f"no metric {metric!r}: known are {', '.join(known)}")
    y = class_codes("truth", y, len(y), k)
    checked = [checked_predictions(len(y), model, k) for model in models]
    rng = np.random.default_rng(seed)
    if metric in FROM_CONFUSION:
        counts = resampled_confusions(y, [model.predicted for model in checked], k, resamples, rng)
        return np.stack([FROM_CONFUSION[metric](confusion) for confusion in counts])
    return _from_rows(y, checked, FROM_ROWS[metric], k, resamples, rng)


def resampled_confusions(
    y: np.ndarray, predicted: Sequence[np.ndarray], k: int, resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw rows that agree in truth and predictions as one cell: counts (models, 1 + resamples, K, K)."""
    counts = np.zeros((len(predicted), 1 + resamples, k, k))
    for truth in np.unique(y):
        cells, size = _cells([codes[y == truth] for codes in predicted], k)
        drawn = np.vstack([size, rng.multinomial(size.sum(), size / size.sum(), size=resamples)])
        for model, codes in enumerate(cells):
            counts[model, :, truth] = drawn @ np.eye(k)[codes]
    return counts


def _cells(predicted: Sequence[np.ndarray], k: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the combinations of classes that occur, shape (models, cells), in order, and how often each does."""
    if k ** len(predicted) > CHUNK:
        return np.unique(np.stack(predicted), axis=1, return_counts=True)
    shape = (k,) * len(predicted)
    counts = np.bincount(np.ravel_multi_index(tuple(predicted), shape), minlength=k ** len(predicted))
    held = np.flatnonzero(counts)
    return np.stack(np.unravel_index(held, shape)), counts[held]


def _from_rows(
    y: np.ndarray, models: Sequence[Predictions], prepare: RowMetric, k: int, resamples: int, rng: np.random.Generator
) -> np.ndarray:
    order = np.lexsort((*(column for model in models for column in model.proba.T), y))
    y = y[order]
    metrics = [prepare(y, model.proba[order], k) for model in models]
    chunks = [[metric(weights) for metric in metrics] for weights in _row_weights(y, resamples, rng)]
    return np.concatenate(chunks, axis=1)


def _row_weights(y: np.ndarray, resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """How often each row is drawn, in chunks of shape (n, draws); ``y`` is sorted."""
    yield np.ones((len(y), 1), dtype=np.int32)
    sizes = np.bincount(y)
    step = max(1, CHUNK // len(y))
    for start in range(0, resamples, step):
        draws = min(step, resamples - start)
        yield np.vstack([_drawn(size, draws, rng) for size in sizes if size])


def _drawn(size: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    picks = rng.integers(0, size, size=(size, draws)) * draws + np.arange(draws)
    return np.bincount(picks.ravel(), minlength=size * draws).reshape(size, draws).astype(np.int32)


def intervals(draws: np.ndarray, confidence: float, centred: bool = False) -> tuple[Interval, ...]:
    """Make an interval of each column of draws; the first row is the estimate."""
    estimate, drawn = draws[0], draws[1:]
    if centred:
        drawn = drawn - drawn.mean(axis=0) + estimate
    tail = (1 - confidence) / 2
    told = max(tail, min(BEYOND / len(drawn), 0.25))
    low, middle, high = np.quantile(drawn, [told, 0.5, 1 - told], axis=0)
    if told > tail:
        stretch = ndtri(tail) / ndtri(told)
        low, high = middle - (middle - low) * stretch, middle + (high - middle) * stretch
    return tuple(Interval(float(e), float(lo), float(hi)) for e, lo, hi in zip(estimate, low, high, strict=True))


# --- checks --------------------------------------------------------------------------------------------------------


def checked_predictions(n: int, model: Predictions, k: int) -> Predictions:
    """Refuse what is no probabilities or codes of ``n`` rows and ``k`` classes."""
    proba = np.asarray(model.proba, dtype=float)
    if proba.shape != (n, k):
        raise EvidenceError(f"probabilities of shape {proba.shape} for {n} rows and {k} classes")
    bad = ~((np.isfinite(proba) & (proba >= 0)).all(axis=1) & (np.abs(proba.sum(axis=1) - 1) <= SUM_TOLERANCE))
    if bad.any():
        raise EvidenceError(f"{bad.sum()} of {n} rows hold no probabilities: negative, not finite, or not summing to 1")
    return Predictions(proba, class_codes("predictions", model.predicted, n, k))


def class_codes(what: str, codes: np.ndarray, n: int, k: int) -> np.ndarray:
    """Refuse what is no ``n`` codes of ``k`` classes."""
    codes = np.asarray(codes)
    if codes.shape != (n,) or not n or codes.dtype.kind not in "iu":
        raise EvidenceError(
            f"{what}: found {codes.dtype} of shape {codes.shape}, needed {n or 'one or more'} class codes"
        )
    if codes.min() < 0 or codes.max() >= k:
        raise EvidenceError(f"{what}: found codes from {codes.min()} to {codes.max()}, allowed are 0 to {k - 1}")
    return codes.astype(np.int64)
