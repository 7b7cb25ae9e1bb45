"""How sure a metric is on the rows it was judged on: draws of rows, or of whole blocks of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtr, ndtri

from evenhand.evidence.bootstrap import BEYOND, Interval, intervals, resampled_confusions
from evenhand.metrics.bootstrap_metrics import FROM_CONFUSION

RESAMPLES = 2000
FEWEST_BLOCKS = 20  # with fewer the draws know too little of how blocks differ (Cameron, Gelbach & Miller 2008)
BLOCK_CELLS = 20_000_000  # draws x blocks held at once
MEAN_OVER_CLASSES = {
    "macro_f1": "f1 by class",
    "macro_precision": "precision by class",
    "macro_recall": "recall by class",
    "balanced_accuracy": "recall by class",
    "g_mean": "recall by class",
}


@dataclass(frozen=True, eq=False)
class EvaluationRows:
    """Rows that no judged model was trained on.

    Attributes
    ----------
    y : ndarray of int, shape (n,)
        Class codes.
    classes : tuple of K str
    folds : ndarray of int, shape (n,), optional
        Fold in which each row was judged.
    ratios : tuple of float
        Judged rows by training rows, of each fold.
    blocks : ndarray of int, shape (n,), optional
        Day or place that each row belongs to; negative where unknown: such a row is a block of its own.
    """

    y: np.ndarray
    classes: tuple[str, ...]
    folds: np.ndarray | None = None
    ratios: tuple[float, ...] = ()
    blocks: np.ndarray | None = None

    @cached_property
    def support(self) -> np.ndarray:
        """Rows of each class, shape (K,)."""
        return np.bincount(self.y, minlength=len(self.classes))

    @cached_property
    def fold_codes(self) -> np.ndarray | None:
        """Fold of each row as 0, 1, 2 ..."""
        return None if self.folds is None else np.unique(self.folds, return_inverse=True)[1]

    @cached_property
    def block_codes(self) -> np.ndarray | None:
        """Block of each row as 0, 1, 2 ..."""
        if self.blocks is None:
            return None
        unknown = self.blocks < 0
        own = np.where(unknown, self.blocks.max() + np.cumsum(unknown), self.blocks)
        return np.unique(own, return_inverse=True)[1]

    @property
    def n_blocks(self) -> int | None:
        """How many blocks there are."""
        return None if self.block_codes is None else int(self.block_codes.max()) + 1


def metric_of_confusions(metric: str, known: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return the metric of confusions (..., K, K), shape (...); means over classes are over the ``known`` ones."""
    if metric not in MEAN_OVER_CLASSES:
        return lambda confusions: FROM_CONFUSION[metric](confusions)[..., 0]
    by_class = FROM_CONFUSION[MEAN_OVER_CLASSES[metric]]

    def mean(confusions: np.ndarray) -> np.ndarray:
        values = by_class(confusions)[..., known]
        if metric != "g_mean":
            return _mean(values)
        with np.errstate(divide="ignore"):  # a recall of 0 makes the mean 0
            return np.exp(_mean(np.log(values)))

    return mean


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis, of what is defined; nan where nothing is."""
    defined = ~np.isnan(values)
    count = defined.sum(-1)
    total = np.where(defined, values, 0).sum(-1)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def drawn_confusions(
    rows: EvaluationRows, predicted: Sequence[np.ndarray], resamples: int = RESAMPLES, seed: int = 0
) -> np.ndarray:
    """Draw rows class by class, or whole blocks where there are any, the same for all models.

    Returns
    -------
    ndarray, shape (models, 1 + resamples, K, K)
        The rows as they are first.
    """
    k, rng = len(rows.classes), np.random.default_rng(seed)
    if rows.block_codes is None:
        return resampled_confusions(rows.y, predicted, k, resamples, rng)
    n, of_row = int(rows.block_codes.max()) + 1, rows.block_codes * k * k + rows.y * k
    tables = [np.bincount(of_row + codes, minlength=n * k * k).reshape(n, k * k).astype(float) for codes in predicted]
    step, found = max(1, BLOCK_CELLS // n), [np.stack([table.sum(axis=0, keepdims=True) for table in tables])]
    for start in range(0, resamples, step):
        times = rng.multinomial(n, np.full(n, 1 / n), size=min(step, resamples - start)).astype(float)
        found.append(np.stack([times @ table for table in tables]))
    return np.concatenate(found, axis=1).reshape(len(predicted), 1 + resamples, k, k)


def fold_confusions(rows: EvaluationRows, predicted: np.ndarray) -> np.ndarray:
    """Confusion of each fold, shape (folds, K, K)."""
    if rows.fold_codes is None:
        return np.empty((0, len(rows.classes), len(rows.classes)))
    k, n = len(rows.classes), int(rows.fold_codes.max()) + 1
    cells = (rows.fold_codes * k + rows.y) * k + predicted
    return np.bincount(cells, minlength=n * k * k).reshape(n, k, k)


@dataclass(frozen=True)
class Spread:
    """An estimate with its interval, standard error and two-sided p value (that it is 0), from drawing rows."""

    interval: Interval
    standard_error: float
    p: float


def spread_of_draws(draws: np.ndarray, confidence: float) -> Spread:
    """Read a spread off draws, shape (1 + resamples,), the estimate first; p agrees with the percentile interval."""
    drawn = draws[1:][np.isfinite(draws[1:])]
    if not np.isfinite(draws[0]) or len(drawn) < len(draws) / 2:
        return NOTHING
    interval = intervals(np.append(draws[0], drawn)[:, None], confidence)[0]
    return Spread(interval, float(drawn.std(ddof=1)), _p_of_draws(drawn))


def _p_of_draws(drawn: np.ndarray) -> float:
    tail = min((drawn <= 0).mean(), (drawn >= 0).mean())
    told = min(BEYOND / len(drawn), 0.25)
    if tail >= told:
        return float(min(1.0, 2 * tail))
    low, middle, high = np.quantile(drawn, [told, 0.5, 1 - told])
    edge = low if middle > 0 else high
    # Further out than the draws can tell: as the normal distribution would, like the bounds of an interval.
    return float(2 * ndtr(ndtri(told) * middle / (middle - edge))) if middle != edge else 0.0


def spread_of_influence(rows: EvaluationRows, estimate: float, influence: np.ndarray, confidence: float) -> Spread:
    """Make a spread of the influence of each row: the bootstrap of endless draws, to first order (Efron 1982)."""
    variance = variance_of(rows, influence)
    if not np.isfinite(estimate) or not np.isfinite(variance):
        return NOTHING
    se = float(np.sqrt(variance))
    half = -ndtri((1 - confidence) / 2) * se
    p = 1.0 if estimate == 0 else float(2 * ndtr(-abs(estimate) / se)) if se else 0.0
    return Spread(Interval(estimate, estimate - half, estimate + half), se, p)


def variance_of(rows: EvaluationRows, influence: np.ndarray) -> float:
    """Variance of a sum of influences when rows are drawn class by class, or blocks as a whole."""
    strata = rows.y if rows.block_codes is None else np.zeros(rows.n_blocks or 0, dtype=np.int64)
    values = influence if rows.block_codes is None else np.bincount(rows.block_codes, influence)
    size = np.bincount(strata)
    mean = np.bincount(strata, values) / np.maximum(size, 1)
    spread = np.bincount(strata, (values - mean[strata]) ** 2)
    return float((spread * size / np.maximum(size - 1, 1)).sum())


NOTHING = Spread(Interval(np.nan, np.nan, np.nan), np.nan, np.nan)
