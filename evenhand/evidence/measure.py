"""One candidate beside its reference: each metric, its difference, and how sure both are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, logit, ndtri

from evenhand.evidence.bootstrap import Interval
from evenhand.evidence.evaluation_rows import (
    FEWEST_BLOCKS,
    NOTHING,
    RESAMPLES,
    EvaluationRows,
    Spread,
    drawn_confusions,
    fold_confusions,
    metric_of_confusions,
    spread_of_draws,
    spread_of_influence,
)
from evenhand.evidence.fold_variance import FEWEST_FOLDS, FoldSpread, fold_spread
from evenhand.evidence.influence import PROBABILITY_METRICS, Influence
from evenhand.problem import LOWER_IS_BETTER

BESIDE_FOLDS = 500
AREAS = ("average_precision", "roc_auc")


@dataclass(frozen=True)
class EvidencePolicy:
    """How evidence is made: confidence of every interval, rows that a class needs, draws and their seed."""

    confidence: float = 0.95
    min_positives: int = 50
    resamples: int = RESAMPLES
    seed: int = 0

    @property
    def alpha(self) -> float:
        """Error rate of a family."""
        return 1 - self.confidence


@dataclass(frozen=True, eq=False)
class MeasuredCandidate:
    """What one candidate said: a class code for every row, and the metrics of its probabilities by name."""

    codes: np.ndarray
    judged: Mapping[str, Influence]


@dataclass(frozen=True)
class Compared:
    """How much better a candidate is than its reference; positive is better."""

    rows: Spread
    folds: FoldSpread | None

    fold_gains: tuple[float, ...] = ()
    """The difference in each fold."""


@dataclass(frozen=True)
class Measurement:
    """A metric of one candidate; ``compared`` is None where there is no reference."""

    rows: Spread
    folds: FoldSpread | None
    fold_values: tuple[float, ...]
    compared: Compared | None

    @property
    def standard_error(self) -> float:
        """The one that allows for other fits where there is one."""
        return self.folds.standard_error if self.folds else self.rows.standard_error


def measure(
    rows: EvaluationRows,
    mine: MeasuredCandidate,
    other: MeasuredCandidate | None,
    known: np.ndarray,
    metrics: Sequence[str],
    rules: EvidencePolicy,
) -> dict[str, Measurement]:
    """Measure a candidate, and its difference to its reference on the same draws.

    Parameters
    ----------
    rows : EvaluationRows
    mine, other : MeasuredCandidate
        Of the candidate and of its reference, if it has one.
    known : ndarray of bool, shape (K,)
        Classes with enough rows. With fewer than two nothing is measured.
    metrics : sequence of str
    rules : EvidencePolicy

    Returns
    -------
    dict of str to Measurement
    """
    if known.sum() < 2:
        return {metric: Measurement(NOTHING, None, (), None if other is None else Compared(NOTHING, None)) for metric in
                metrics}  # fmt: skip
    pair = [mine.codes] if other is None else [mine.codes, other.codes]
    labelled = any(metric not in PROBABILITY_METRICS for metric in metrics)
    # Where folds decide, the draws are shown beside them and need no far tail.
    resamples = min(rules.resamples, BESIDE_FOLDS) if len(rows.ratios) >= FEWEST_FOLDS else rules.resamples
    draws = drawn_confusions(rows, pair, resamples, rules.seed) if labelled else np.empty(0)
    folds = [fold_confusions(rows, codes) for codes in pair] if labelled else []
    found = {}
    for metric in metrics:
        if metric in PROBABILITY_METRICS:
            found[metric] = _of_probabilities(rows, mine, other, metric, rules)
        else:
            of = metric_of_confusions(metric, known)
            found[metric] = _of_labels(rows, of(draws), [of(of_fold) for of_fold in folds], rules)
    return {metric: _told(rows, one) for metric, one in found.items()}


def _of_labels(
    rows: EvaluationRows, draws: np.ndarray, folds: Sequence[np.ndarray], rules: EvidencePolicy
) -> Measurement:
    compared = None
    if len(draws) > 1:  # every metric of labels is better when higher
        gains = folds[0] - folds[1]
        apart = fold_spread(gains, rows.ratios, rules.confidence)
        compared = Compared(spread_of_draws(draws[0] - draws[1], rules.confidence), apart, tuple(gains.tolist()))
    spread, values = spread_of_draws(draws[0], rules.confidence), tuple(folds[0].tolist())
    return Measurement(spread, fold_spread(values, rows.ratios, rules.confidence), values, compared)


def _of_probabilities(
    rows: EvaluationRows, mine: MeasuredCandidate, other: MeasuredCandidate | None, metric: str, rules: EvidencePolicy
) -> Measurement:
    a, compared = mine.judged[metric], None
    if other is not None:
        b, sign = other.judged[metric], -1.0 if metric in LOWER_IS_BETTER else 1.0
        gain, by_row = sign * (a.estimate - b.estimate), sign * (a.by_row - b.by_row)
        gains = sign * np.subtract(a.fold_values, b.fold_values)
        compared = Compared(
            spread_of_influence(rows, gain, by_row, rules.confidence),
            fold_spread(gains, rows.ratios, rules.confidence),
            tuple(gains.tolist()),
        )
    spread = spread_of_influence(rows, a.estimate, a.by_row, rules.confidence)
    if metric in AREAS:
        spread = replace(spread, interval=_within_bounds(spread, rules.confidence))
    return Measurement(spread, fold_spread(a.fold_values, rows.ratios, rules.confidence), a.fold_values, compared)


def _within_bounds(spread: Spread, confidence: float) -> Interval:
    """Make the interval on the log odds, which for an area keeps its level (Boyd, Eng & Page 2013)."""
    value = spread.interval.estimate
    if not 0 < value < 1:
        return spread.interval
    half = -ndtri((1 - confidence) / 2) * spread.standard_error / (value * (1 - value))
    return Interval(value, float(expit(logit(value) - half)), float(expit(logit(value) + half)))


def _told(rows: EvaluationRows, one: Measurement) -> Measurement:
    """Leave out what too few blocks would make look sure."""
    if rows.n_blocks is None or rows.n_blocks >= FEWEST_BLOCKS:
        return one
    blank = replace(NOTHING, interval=Interval(one.rows.interval.estimate, np.nan, np.nan))
    compared = None
    if one.compared:
        of = one.compared.rows.interval.estimate
        compared = replace(one.compared, rows=replace(NOTHING, interval=Interval(of, np.nan, np.nan)))
    return replace(one, rows=blank, compared=compared)
