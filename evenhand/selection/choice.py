"""Choose the best candidate out of fold, and correct its score for having been chosen.

The best of many scores is partly the luckiest. How much that is worth shows when the choice is repeated without some of
the rows, and what was chosen is scored on just these: rows that had no part in the choice. It is the cross-validated
relative of the bootstrap bias correction of Tsamardinos, Greasidou & Borboudakis (2018). Both agree with held-out rows
on average; with parts, each choice sees more rows, and no class is missing from the rows that are scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from evenhand.evidence.bootstrap import Interval
from evenhand.evidence.draws import FEWEST_BLOCKS
from evenhand.evidence.evaluation_rows import EvaluationRows
from evenhand.evidence.measure import MeasuredCandidate
from evenhand.problem import LOWER_IS_BETTER
from evenhand.selection.left_out import PARTS, LeftOut, divisions

CONFIDENCE = 0.95
LOWEST = {"mcc": -1.0}  # 0 for every other metric
HIGHEST = {"log_loss": np.inf, "brier": 2.0}  # 1 for every other metric


@dataclass(frozen=True)
class Choice:
    """The candidate that is chosen, and the score to expect of it.

    Attributes
    ----------
    name : str
    out_of_fold : float
        Its score out of fold, as it is.
    expected : Interval
        Its score on new rows of the same kind: that out of fold, corrected for the choice, with a 95 % prediction
        interval of the score on the held-out rows. No bounds with too few blocks for an interval.
    candidates : int
        Number of candidates that could be chosen.
    """

    name: str
    out_of_fold: float
    expected: Interval
    candidates: int


def choose(
    rows: EvaluationRows,
    answers: Mapping[str, MeasuredCandidate],
    simplest_first: Sequence[str],
    metric: str,
    held_out: int,
) -> Choice:
    """Choose the candidate with the best score out of fold, the simplest of equals, and say what to expect of it.

    Parameters
    ----------
    rows : EvaluationRows
        The rows out of fold. Blocks stay whole.
    answers : mapping of candidate name to MeasuredCandidate
        Candidates with predictions for all rows.
    simplest_first : sequence of str
        Their names.
    metric : str
        What candidates are chosen by.
    held_out : int
        Rows that the chosen one will be scored on; the interval counts their noise.

    Returns
    -------
    Choice
    """
    found = list(divisions(rows, {name: answers[name] for name in simplest_first}, metric))
    whole = found[0].whole
    chosen = _best(whole)
    corrected = float(np.mean([_corrected(one) for one in found]))
    value = float(whole[chosen])
    # That what was chosen without a part does better on it than the chosen one does is chance.
    expected = min(corrected, value)
    variance = float(np.mean([_jackknife(one.without[chosen]) for one in found]))
    error = np.sqrt(variance * (1 + len(rows.y) / max(1, held_out)) + (value - expected) ** 2)
    half = np.nan if rows.n_blocks is not None and rows.n_blocks < FEWEST_BLOCKS else error
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    interval = _interval(sign * expected, float(-ndtri((1 - CONFIDENCE) / 2) * half), metric)
    return Choice(simplest_first[chosen], sign * value, interval, len(answers))


def _best(values: np.ndarray) -> int:
    """Return the first of the best; rounded, so that the order of a sum breaks no tie."""
    return int(np.argmax(np.nan_to_num(np.round(values, 12), nan=-np.inf)))


def _corrected(one: LeftOut) -> float:
    return one.of_choices(np.array([_best(values) for values in one.without.T]))


def _jackknife(without: np.ndarray) -> float:
    """Return the variance of a score by leaving out parts (Shao & Tu 1995, section 2.3)."""
    return float(without.var() * (PARTS - 1))


def _interval(estimate: float, half: float, metric: str) -> Interval:
    low, high = max(estimate - half, LOWEST.get(metric, 0.0)), min(estimate + half, HIGHEST.get(metric, 1.0))
    return Interval(estimate, low, high)
