"""The champion keeps its promise: its score on new rows is what its held-out rows, at its own verdict, let expect.

A champion that suddenly scores otherwise says more about the rows than about itself: labels in another order, another
source, rows that it was trained on. The expected score is that of the promised recalls and confusions at the new shares
of the classes, so that a season with more of one crime breaks no promise.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from evenhand.evidence.bootstrap import BootstrapSettings, Interval, confusion_draws, intervals
from evenhand.gate.alignment import AlignedCase
from evenhand.gate.verdict import Case, Condition, Promise, Status
from evenhand.metrics.confusion_metrics import CONFUSION_METRICS, metric_over
from evenhand.metrics.predictions import Predictions
from evenhand.problem import GatePolicy

OF_PROBABILITIES = "macro_f1"  # takes the place of a metric that a confusion does not determine
PROMISE_SEED = 1  # other draws than those of the new rows
NAME = "the champion keeps its promise"


def promised_metric(metric: str) -> str:
    """Return the metric that is promised: the problem's, or macro F1 where that is one of probabilities."""
    return metric if metric in CONFUSION_METRICS else OF_PROBABILITIES


def promise_of(aligned: AlignedCase, metric: str, policy: GatePolicy) -> Promise:
    """Record what a challenger promises by this verdict, should it become champion."""
    bootstrap = aligned.settings(policy.confidence, policy.resamples)
    confusion = _confusion(aligned.challenger)
    effect = 1.0
    if bootstrap.blocks is not None:
        of = CONFUSION_METRICS[promised_metric(metric)]
        rows = BootstrapSettings(policy.confidence, policy.resamples)
        by_block, by_row = (
            float(np.nanvar(of(confusion_draws([aligned.challenger], one)[0, 1:]))) for one in (bootstrap, rows)
        )
        effect = max(1.0, by_block / by_row) if by_row > 0 else 1.0
    counts = tuple(tuple(int(count) for count in row) for row in confusion)
    return Promise(classes=aligned.classes, confusion=counts, effect=round(effect, 4))


def promise_conditions(case: Case, aligned: AlignedCase, policy: GatePolicy, confidence: float) -> Iterator[Condition]:
    """Check that the champion's score is within the tolerance of the expected one, both with their uncertainty.

    Undecided where the whole interval of the difference is outside, on either side; a reviewer may acknowledge it.
    """
    if aligned.champion is None or case.promise is None or policy.promise_tolerance is None:
        return
    if isinstance(case.promise, str):
        yield Condition(name=NAME, status="undecided", detail=case.promise, kind="promise")
        return
    metric, allowed = promised_metric(case.metric), policy.promise_tolerance
    bootstrap = aligned.settings(confidence, policy.resamples)
    expected, gap = expected_score(case.promise, aligned, metric, bootstrap)
    if not np.isfinite([expected, gap.estimate, gap.low, gap.high]).all():
        detail = "no class has rows in both its own held-out rows and these"
        yield Condition(name=NAME, status="undecided", detail=detail, kind="promise")
        return
    broken = gap.low > allowed or gap.high < -allowed
    status: Status = "undecided" if broken else "pass"
    detail = (
        f"its {metric} is {expected + gap.estimate:.4f}, {expected:.4f} was to be expected; difference "
        f"{gap.estimate:+.4f} ({gap.low:+.4f} to {gap.high:+.4f} at {100 * confidence:.4g}%), "
        f"allowed is -{allowed:.3g} to +{allowed:.3g}"
    )
    if broken:
        detail += "; are labels, source and reading of these rows those of the champion's own?"
    yield Condition(
        name=NAME, status=status, detail=detail, kind="promise", estimate=gap.estimate, low=gap.low, high=gap.high
    )


def expected_score(
    promise: Promise, aligned: AlignedCase, metric: str, bootstrap: BootstrapSettings
) -> tuple[float, Interval]:
    """Return the score that a promise lets expect at the shares of these rows, and by how much the champion exceeds it.

    Parameters
    ----------
    promise : Promise
        Of the champion.
    aligned : AlignedCase
        With a champion.
    metric : str
        Of :func:`promised_metric`. Classes without rows in the promise or here are left out of both.
    bootstrap : BootstrapSettings

    Returns
    -------
    float
    Interval
        Of the difference, from independent draws of both: of the promised rows, fewer by their design effect, and of
        these.
    """
    then, names = np.zeros((len(aligned.classes),) * 2), aligned.classes
    for i, truth in enumerate(promise.classes):
        for j, predicted in enumerate(promise.classes):
            if truth in names and predicted in names:
                then[names.index(truth), names.index(predicted)] = promise.confusion[i][j]
    assert aligned.champion is not None  # noqa: S101 - for the type checker
    now = confusion_draws([aligned.champion], bootstrap)[0]
    common = (then.sum(axis=1) > 0) & (now[0].sum(axis=1) > 0)
    now = np.where(common[:, None], now, 0.0)
    of = metric_over(metric, common)
    promised = now.sum(axis=2, keepdims=True) * _promised_shares(then, common, promise.effect, bootstrap.resamples)
    expected, found = of(promised), of(now)
    return float(expected[0]), intervals((found - expected)[:, None], bootstrap.confidence)[0]


def _promised_shares(then: np.ndarray, common: np.ndarray, effect: float, resamples: int) -> np.ndarray:
    """Draw how each true class is predicted, shape (1 + resamples, K, K); the promised shares first."""
    rng, shares = np.random.default_rng(PROMISE_SEED), np.zeros((1 + resamples, *then.shape))
    for code in np.flatnonzero(common):
        share = then[code] / then[code].sum()
        rows = max(1, round(then[code].sum() / effect))
        shares[0, code] = share
        shares[1:, code] = rng.multinomial(rows, share, size=resamples) / rows
    return shares


def _confusion(model: Predictions) -> np.ndarray:
    k = model.n_classes
    return np.bincount(model.y * k + model.codes, minlength=k * k).reshape(k, k)
