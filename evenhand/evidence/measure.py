"""One candidate and its baseline on the same rows: each metric, its difference, and the uncertainty of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, logit, ndtri

from evenhand.evidence.bootstrap import BootstrapSettings, Interval
from evenhand.evidence.draws import FEWEST_BLOCKS
from evenhand.evidence.evaluation_rows import (
    UNDEFINED,
    EvaluationRows,
    RowSpread,
    drawn_confusions,
    fold_confusions,
    spread_of_draws,
    spread_of_influence,
)
from evenhand.evidence.fold_variance import FEWEST_FOLDS, FoldSpread, fold_spread
from evenhand.evidence.influence import PROBABILITY_METRICS, Influence
from evenhand.metrics.confusion_metrics import metric_over
from evenhand.problem import LOWER_IS_BETTER

RESAMPLES_WITH_FOLDS = 500
AREAS = ("average_precision", "roc_auc")


@dataclass(frozen=True)
class EvidencePolicy(BootstrapSettings):
    """How evidence is made: confidence of every interval, draws, their seed, and rows that a class needs."""

    min_positives: int = 50

    @property
    def alpha(self) -> float:
        """Error rate of a family."""
        return 1 - self.confidence


@dataclass(frozen=True, eq=False)
class MeasuredCandidate:
    """What is kept of one candidate's predictions: its classes, and the metrics of its probabilities by name."""

    codes: np.ndarray
    """Class code of every row, shape (n,)."""
    metrics: Mapping[str, Influence]


@dataclass(frozen=True)
class MeasuredDifference:
    """How much better a candidate is than its baseline; positive is better."""

    rows: RowSpread
    folds: FoldSpread | None
    fold_gains: tuple[float, ...] = ()
    """The difference in each fold."""


@dataclass(frozen=True)
class Measurement:
    """A metric of one candidate; ``difference`` is None where there is no baseline."""

    rows: RowSpread
    folds: FoldSpread | None
    fold_values: tuple[float, ...]
    difference: MeasuredDifference | None

    @property
    def standard_error(self) -> float:
        """The one that covers the variation from refitting where there is one."""
        return self.folds.standard_error if self.folds else self.rows.standard_error


def measure(
    rows: EvaluationRows,
    candidate: MeasuredCandidate,
    baseline: MeasuredCandidate | None,
    known: np.ndarray,
    metrics: Sequence[str],
    policy: EvidencePolicy,
) -> dict[str, Measurement]:
    """Measure a candidate, and its difference to its baseline on the same draws.

    Parameters
    ----------
    rows : EvaluationRows
    candidate : MeasuredCandidate
    baseline : MeasuredCandidate, optional
    known : ndarray of bool, shape (K,)
        Classes with enough rows. With fewer than two, nothing is measured.
    metrics : sequence of str
    policy : EvidencePolicy

    Returns
    -------
    dict of str to Measurement
    """
    if known.sum() < 2:
        difference = None if baseline is None else MeasuredDifference(UNDEFINED, None)
        return {metric: Measurement(UNDEFINED, None, (), difference) for metric in metrics}
    pair = [candidate.codes] if baseline is None else [candidate.codes, baseline.codes]
    labelled = any(metric not in PROBABILITY_METRICS for metric in metrics)
    # Where folds decide, the interval of the draws is reported only and needs no far tail.
    resamples = min(policy.resamples, RESAMPLES_WITH_FOLDS) if len(rows.ratios) >= FEWEST_FOLDS else policy.resamples
    draws = drawn_confusions(rows, pair, resamples, policy.seed) if labelled else np.empty(0)
    folds = [fold_confusions(rows, codes) for codes in pair] if labelled else []
    found = {}
    for metric in metrics:
        if metric in PROBABILITY_METRICS:
            ours, theirs = candidate.metrics[metric], None if baseline is None else baseline.metrics[metric]
            found[metric] = _of_probabilities(rows, ours, theirs, metric, policy.confidence)
        else:
            of = metric_over(metric, known)
            found[metric] = _of_classes(rows, of(draws), [of(one) for one in folds], policy.confidence)
    return {metric: _without_few_blocks(rows, one) for metric, one in found.items()}


def _of_classes(rows: EvaluationRows, draws: np.ndarray, folds: Sequence[np.ndarray], confidence: float) -> Measurement:
    difference = None
    if len(draws) > 1:  # every metric of classes is better when higher
        gains = folds[0] - folds[1]
        over_folds = fold_spread(gains, rows.ratios, confidence)
        difference = MeasuredDifference(
            spread_of_draws(draws[0] - draws[1], confidence), over_folds, tuple(gains.tolist())
        )
    spread, values = spread_of_draws(draws[0], confidence), tuple(folds[0].tolist())
    return Measurement(spread, fold_spread(values, rows.ratios, confidence), values, difference)


def _of_probabilities(
    rows: EvaluationRows, a: Influence, b: Influence | None, metric: str, confidence: float
) -> Measurement:
    difference = None
    if b is not None:
        sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
        gain, by_row = sign * (a.estimate - b.estimate), sign * (a.by_row - b.by_row)
        gains = sign * np.subtract(a.fold_values, b.fold_values)
        difference = MeasuredDifference(
            spread_of_influence(rows, gain, by_row, confidence),
            fold_spread(gains, rows.ratios, confidence),
            tuple(gains.tolist()),
        )
    spread = spread_of_influence(rows, a.estimate, a.by_row, confidence)
    if metric in AREAS:
        spread = replace(spread, interval=_log_odds_interval(spread, confidence))
    return Measurement(spread, fold_spread(a.fold_values, rows.ratios, confidence), a.fold_values, difference)


def _log_odds_interval(spread: RowSpread, confidence: float) -> Interval:
    """Make the interval on the log odds, where that of an area keeps its level (Boyd, Eng & Page 2013)."""
    value = spread.interval.estimate
    if not 0 < value < 1:
        return spread.interval
    half = -ndtri((1 - confidence) / 2) * spread.standard_error / (value * (1 - value))
    return Interval(value, float(expit(logit(value) - half)), float(expit(logit(value) + half)))


def _without_few_blocks(rows: EvaluationRows, one: Measurement) -> Measurement:
    """Leave out intervals from so few blocks that they would be too narrow."""
    if rows.n_blocks is None or rows.n_blocks >= FEWEST_BLOCKS:
        return one
    difference = one.difference and replace(one.difference, rows=_estimate_only(one.difference.rows))
    return replace(one, rows=_estimate_only(one.rows), difference=difference)


def _estimate_only(spread: RowSpread) -> RowSpread:
    return replace(UNDEFINED, interval=Interval(spread.interval.estimate, np.nan, np.nan))
