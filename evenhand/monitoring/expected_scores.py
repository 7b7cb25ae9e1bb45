"""Expected error and macro F1 of rows without labels, from calibrated probabilities (CBPE).

The expected confusion matrix of a period is E[cm_jk] = sum of p_ij over the rows i predicted as k. How far such
estimates were from the truth is known of the held-out periods; a new estimate is corrected by their mean error, and its
interval is where the truth of one more such period would be. It is blind to a change of which class goes with which
inputs: only labels show that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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


SCORES: dict[str, Callable[[np.ndarray], float]] = {"error": error_of, "macro_f1": macro_f1_of}


def estimate_gaps(held_out: Sequence[PeriodSummary]) -> dict[str, np.ndarray]:
    """Return how far the truth was from the estimate in each held-out period, by score."""
    labelled = [one for one in held_out if one.confusion.sum() > 0]
    return {name: np.array([of(one.confusion) - of(one.expected) for one in labelled]) for name, of in SCORES.items()}


def expected_scores(gaps: Mapping[str, np.ndarray], period: PeriodSummary) -> dict[str, Expected]:
    """Estimate error and macro F1 of a period without labels.

    Parameters
    ----------
    gaps : mapping of str to ndarray of shape (n_periods,)
        Of :func:`estimate_gaps`.
    period : PeriodSummary
        With expected confusions.

    Returns
    -------
    dict of str to Expected
        ``error`` and ``macro_f1``.
    """
    found = {}
    for name, gap in gaps.items():
        value, n = SCORES[name](period.expected), len(gap)
        if n < FEWEST_PERIODS:
            found[name] = Expected(value, np.nan, np.nan)
            continue
        reach = stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * gap.std(ddof=1) * np.sqrt(1 + 1 / n)
        middle = value + gap.mean()
        ends = np.clip([middle, middle - reach, middle + reach], 0, 1)
        found[name] = Expected(*map(float, ends))
    return found
