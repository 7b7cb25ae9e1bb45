"""Expected error and macro F1 of rows without labels, from calibrated probabilities (CBPE).

The expected confusion matrix of a period is E[cm_jk] = sum of p_ij over the rows i predicted as k. How far such
estimates were from the truth is known of the held-out periods; a new estimate is corrected by their mean error, and its
interval is where the truth of one more such period would be. It is blind to a change of which class goes with which
inputs: only labels show that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from evenhand.metrics.confusion_metrics import CONFUSION_METRICS
from evenhand.monitoring.summaries import PeriodSummary

FEWEST_PERIODS = 8
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Expected:
    """An estimate with its interval; nan where the reference is too short for one."""

    estimate: float
    low: float
    high: float


def error_of(confusion: np.ndarray) -> float:
    """Return the share of wrong rows of a confusion matrix."""
    return float(1 - np.trace(confusion) / confusion.sum())


def macro_f1_of(confusion: np.ndarray) -> float:
    """Return macro F1 of a confusion matrix, truth in rows."""
    return float(CONFUSION_METRICS["macro_f1"](confusion)[..., 0])


def expected_scores(held_out: Sequence[PeriodSummary], period: PeriodSummary) -> dict[str, Expected]:
    """Estimate error and macro F1 of a period without labels.

    Parameters
    ----------
    held_out : sequence of PeriodSummary
        With expected and true confusions.
    period : PeriodSummary
        With expected confusions.

    Returns
    -------
    dict of str to Expected
        ``error`` and ``macro_f1``.
    """
    found = {}
    for name, of in (("error", error_of), ("macro_f1", macro_f1_of)):
        value = of(period.expected)
        gaps = np.array([of(one.confusion) - of(one.expected) for one in held_out if one.confusion.sum() > 0])
        if len(gaps) < FEWEST_PERIODS:
            found[name] = Expected(value, np.nan, np.nan)
            continue
        reach = stats.t.ppf((1 + CONFIDENCE) / 2, len(gaps) - 1) * gaps.std(ddof=1) * np.sqrt(1 + 1 / len(gaps))
        middle = value + gaps.mean()
        found[name] = Expected(
            float(np.clip(middle, 0, 1)), float(np.clip(middle - reach, 0, 1)), float(np.clip(middle + reach, 0, 1))
        )
    return found
