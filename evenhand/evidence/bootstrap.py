"""Bootstrap intervals of a metric, or of the difference between two models on the same rows.

Every interval is the percentile interval of Efron & Tibshirani (1993, chapter 13). A bound with too few draws beyond it
is extrapolated from the furthest one that has enough, as for a normal distribution. Rows are drawn class by class, so
that each class keeps its number of rows, or in whole blocks where rows depend on each other (Davison & Hinkley 1997,
section 3.8); both models are scored on the same draw. The order of the rows makes no difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtri

from evenhand.evidence.draws import block_codes, block_counts, block_weights, row_confusions, row_weights
from evenhand.metrics.checks import MetricsError, checked_predictions
from evenhand.metrics.confusion_metrics import CONFUSION_METRICS
from evenhand.metrics.predictions import Predictions
from evenhand.metrics.weighted_metrics import WEIGHTED_METRICS, RowMetric
from evenhand.problem import LOWER_IS_BETTER

ClassMetric = Literal["recall", "average_precision"]
DRAWS_BEYOND = 10  # needed beyond a bound that is read off the draws


@dataclass(frozen=True, eq=False)
class BootstrapSettings:
    """How intervals are made: their confidence, the number of draws, their seed, and what is drawn."""

    confidence: float = 0.95
    resamples: int = 2000
    seed: int = 0
    blocks: np.ndarray | None = None
    """Block of every row, shape (n,), negative where unknown: drawn as a whole. None: single rows, class by class."""


USUAL = BootstrapSettings()


@dataclass(frozen=True)
class Interval:
    """An estimate and its bounds; nan where the class has no rows."""

    estimate: float
    low: float
    high: float

    @property
    def held(self) -> Interval:
        """The interval, widened to its estimate where the draws have a bias that moves it beside it.

        Examples
        --------
        >>> Interval(0.40, 0.41, 0.45).held.low
        0.4
        """
        return self.around(self.estimate)

    def around(self, estimate: float) -> Interval:
        """Return the interval of another estimate of the same value, widened to hold it."""
        if not np.isfinite([estimate, self.low, self.high]).all():
            return Interval(estimate, self.low, self.high)
        return Interval(estimate, min(self.low, estimate), max(self.high, estimate))


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
    if metric in CONFUSION_METRICS:
        counts = confusion_draws(checked, bootstrap)
        return np.stack([CONFUSION_METRICS[metric](confusion) for confusion in counts])
    return _row_replicates(checked, WEIGHTED_METRICS[metric], bootstrap)


def confusion_draws(models: Sequence[Predictions], bootstrap: BootstrapSettings) -> np.ndarray:
    """Draw rows or blocks, the same for all models of the same rows; shape (models, 1 + resamples, K, K)."""
    return decided_confusions(models[0].y, [model.codes for model in models], models[0].n_classes, bootstrap)


def decided_confusions(
    y: np.ndarray, predicted: Sequence[np.ndarray], k: int, bootstrap: BootstrapSettings
) -> np.ndarray:
    """Draw rows or blocks of true and chosen classes; shape (choices, 1 + resamples, K, K)."""
    rng = np.random.default_rng(bootstrap.seed)
    if bootstrap.blocks is None:
        return row_confusions(y, predicted, k, bootstrap.resamples, rng)
    cells = [y * k + codes for codes in predicted]
    counts = block_counts(cells, k * k, block_codes(bootstrap.blocks), bootstrap.resamples, rng)
    return counts.reshape(len(predicted), -1, k, k)


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


def _row_replicates(models: Sequence[Predictions], prepare: RowMetric, bootstrap: BootstrapSettings) -> np.ndarray:
    blocks, rng = bootstrap.blocks, np.random.default_rng(bootstrap.seed)
    columns = [column for model in models for column in model.proba.T]
    order = np.lexsort((*([] if blocks is None else [blocks]), *columns, models[0].y))
    y = models[0].y[order]
    metrics = [prepare(y, model.proba[order], model.n_classes) for model in models]
    if blocks is None:
        weights = row_weights(y, bootstrap.resamples, rng)
    else:
        weights = block_weights(block_codes(blocks)[order], bootstrap.resamples, rng)
    return np.concatenate([[metric(chunk) for metric in metrics] for chunk in weights], axis=1)


def intervals(draws: np.ndarray, confidence: float, centred: bool = False) -> tuple[Interval, ...]:
    """Make an interval of each column of draws, shape (1 + resamples, values); the first row is the estimate.

    A draw without a value, such as one of blocks that hold no row of a class, is left out; nan where half of them are.
    """
    if np.isnan(draws).any():
        return tuple(_interval_of_defined(column, confidence, centred) for column in draws.T)
    estimate, drawn = draws[0], draws[1:]
    if centred:
        drawn = drawn - drawn.mean(axis=0) + estimate
    tail = (1 - confidence) / 2
    readable = max(tail, min(DRAWS_BEYOND / len(drawn), 0.25))
    low, middle, high = np.quantile(drawn, [readable, 0.5, 1 - readable], axis=0)
    if readable > tail:
        stretch = ndtri(tail) / ndtri(readable)
        low, high = middle - (middle - low) * stretch, middle + (high - middle) * stretch
    return tuple(Interval(float(e), float(lo), float(hi)).held for e, lo, hi in zip(estimate, low, high, strict=True))


def _interval_of_defined(draws: np.ndarray, confidence: float, centred: bool) -> Interval:
    defined = draws[1:][~np.isnan(draws[1:])]
    if np.isnan(draws[0]) or len(defined) < len(draws) / 2:
        return Interval(float(draws[0]), np.nan, np.nan)
    return intervals(np.append(draws[0], defined)[:, None], confidence, centred)[0]
