"""Rows that candidates are evaluated on, and the uncertainty of a metric from drawing these rows or blocks of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtr, ndtri

from evenhand.evidence.bootstrap import DRAWS_BEYOND, Interval, intervals
from evenhand.evidence.draws import block_codes, block_counts, row_confusions

RESAMPLES = 2000


@dataclass(frozen=True, eq=False)
class EvaluationRows:
    """Truth, folds and blocks of rows that no evaluated model was fitted on, shared by all candidates.

    It is not :class:`evenhand.metrics.predictions.Predictions`: probabilities are read once per fit and not kept, so
    that those of many fits are never in memory together.

    Attributes
    ----------
    y : ndarray of int, shape (n,)
        Class codes.
    classes : tuple of K str
    folds : ndarray of int, shape (n,), optional
        Fold in which each row was predicted.
    ratios : tuple of float
        Evaluated rows divided by training rows, of each fold.
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
        return None if self.blocks is None else block_codes(self.blocks)

    @property
    def n_blocks(self) -> int | None:
        """Number of blocks."""
        return None if self.block_codes is None else int(self.block_codes.max()) + 1


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
        return row_confusions(rows.y, predicted, k, resamples, rng)
    cells = [rows.y * k + codes for codes in predicted]
    return block_counts(cells, k * k, rows.block_codes, resamples, rng).reshape(len(predicted), 1 + resamples, k, k)


def fold_confusions(rows: EvaluationRows, predicted: np.ndarray) -> np.ndarray:
    """Return the confusion of each fold, shape (folds, K, K)."""
    if rows.fold_codes is None:
        return np.empty((0, len(rows.classes), len(rows.classes)))
    k, n = len(rows.classes), int(rows.fold_codes.max()) + 1
    cells = (rows.fold_codes * k + rows.y) * k + predicted
    return np.bincount(cells, minlength=n * k * k).reshape(n, k, k)


@dataclass(frozen=True)
class RowSpread:
    """An estimate with its interval, standard error and two-sided p value (that it is 0), from drawing rows."""

    interval: Interval
    standard_error: float
    p: float


UNDEFINED = RowSpread(Interval(np.nan, np.nan, np.nan), np.nan, np.nan)


def spread_of_draws(draws: np.ndarray, confidence: float) -> RowSpread:
    """Read a spread off draws, shape (1 + resamples,), the estimate first; p agrees with the percentile interval."""
    drawn = draws[1:][np.isfinite(draws[1:])]
    if not np.isfinite(draws[0]) or len(drawn) < len(draws) / 2:
        return UNDEFINED
    interval = intervals(np.append(draws[0], drawn)[:, None], confidence)[0]
    return RowSpread(interval, float(drawn.std(ddof=1)), _p_of_draws(drawn))


def _p_of_draws(drawn: np.ndarray) -> float:
    tail = min((drawn <= 0).mean(), (drawn >= 0).mean())
    readable = min(DRAWS_BEYOND / len(drawn), 0.25)
    if tail >= readable:
        return float(min(1.0, 2 * tail))
    low, middle, high = np.quantile(drawn, [readable, 0.5, 1 - readable])
    edge = low if middle > 0 else high
    # Too few draws are beyond 0 to count them: extrapolated as the bounds of an interval are.
    return float(2 * ndtr(ndtri(readable) * middle / (middle - edge))) if middle != edge else 0.0


def spread_of_influence(rows: EvaluationRows, estimate: float, influence: np.ndarray, confidence: float) -> RowSpread:
    """Make a spread of the influence of each row: to first order, a bootstrap with any number of draws (Efron 1982)."""
    variance = variance_of(rows, influence)
    if not np.isfinite(estimate) or not np.isfinite(variance):
        return UNDEFINED
    se = float(np.sqrt(variance))
    half = -ndtri((1 - confidence) / 2) * se
    p = 1.0 if estimate == 0 else float(2 * ndtr(-abs(estimate) / se)) if se else 0.0
    return RowSpread(Interval(estimate, estimate - half, estimate + half), se, p)


def variance_of(rows: EvaluationRows, influence: np.ndarray) -> float:
    """Return the variance of a sum of influences when rows are drawn class by class, or blocks as a unit."""
    strata = rows.y if rows.block_codes is None else np.zeros(rows.n_blocks or 0, dtype=np.int64)
    values = influence if rows.block_codes is None else np.bincount(rows.block_codes, influence)
    size = np.bincount(strata)
    mean = np.bincount(strata, values) / np.maximum(size, 1)
    spread = np.bincount(strata, (values - mean[strata]) ** 2)
    return float((spread * size / np.maximum(size - 1, 1)).sum())
