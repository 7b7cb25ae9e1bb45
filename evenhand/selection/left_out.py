"""The scores of all candidates without some of their rows, many times: what a choice on other rows would have been.

The rows are divided into parts at random, each class evenly, or whole blocks where rows depend on each other. A part is
left out, and every candidate is scored on the other parts. Metrics of classes are computed from confusion counts;
metrics of probabilities to first order, from the influence of each row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from evenhand.evidence.evaluation_rows import EvaluationRows
from evenhand.evidence.influence import PROBABILITY_METRICS
from evenhand.evidence.measure import MeasuredCandidate
from evenhand.metrics.confusion_metrics import CONFUSION_METRICS
from evenhand.problem import LOWER_IS_BETTER

PARTS = 5
ROWS_IN_ALL = 400_000  # of a candidate, over all divisions: with more rows, each division shows more
MOST_DIVISIONS = 40
FEWEST_DIVISIONS = 2


@dataclass(frozen=True, eq=False)
class LeftOut:
    """One division of the rows into parts; scores are higher where better, whatever the metric.

    Attributes
    ----------
    whole : ndarray of shape (C,)
        Score of each candidate on all rows.
    without : ndarray of shape (C, parts)
        Score of each candidate without the rows of a part.
    _by_part : ndarray
        Of metrics of classes: confusions of shape (C, parts, K, K). Of metrics of probabilities: what the rows of a
        part add to the score, shape (C, parts).
    """

    whole: np.ndarray
    without: np.ndarray
    metric: str
    _by_part: np.ndarray

    def of_choices(self, chosen: np.ndarray) -> float:
        """Score the rows of each part as predicted by the candidate that was chosen without them.

        Parameters
        ----------
        chosen : ndarray of int, shape (parts,)
        """
        of_parts = self._by_part[chosen, np.arange(len(chosen))]
        if self.metric in CONFUSION_METRICS:
            return float(CONFUSION_METRICS[self.metric](of_parts.sum(axis=0))[..., 0])
        return float(of_parts.sum())


def divisions(
    rows: EvaluationRows, answers: Mapping[str, MeasuredCandidate], metric: str, seed: int = 0
) -> Iterator[LeftOut]:
    """Divide the rows into five parts, many times for few rows and a few times for many.

    Parameters
    ----------
    rows : EvaluationRows
    answers : mapping of candidate name to MeasuredCandidate
        Of the same rows.
    metric : str
    seed : int

    Yields
    ------
    LeftOut
    """
    n = min(MOST_DIVISIONS, max(FEWEST_DIVISIONS, ROWS_IN_ALL // len(rows.y)))
    for division in range(n):
        part_of_row = _parts(rows, np.random.default_rng([seed, division]))
        if metric in PROBABILITY_METRICS:
            yield _of_probabilities(answers, metric, part_of_row)
        else:
            yield _of_classes(rows, answers, metric, part_of_row)


def _parts(rows: EvaluationRows, rng: np.random.Generator) -> np.ndarray:
    """Return the part of each row; blocks stay whole, single rows are divided class by class."""
    if rows.block_codes is not None:
        part_of_block = rng.permutation(int(rows.block_codes.max()) + 1) % PARTS
        return np.asarray(part_of_block[rows.block_codes])
    shuffled = rng.permutation(len(rows.y))
    part = np.empty(len(rows.y), dtype=np.int64)
    # Going on where the last class ended keeps the parts equally long.
    part[shuffled[np.argsort(rows.y[shuffled], kind="stable")]] = np.arange(len(rows.y)) % PARTS
    return part


def _of_classes(
    rows: EvaluationRows, answers: Mapping[str, MeasuredCandidate], metric: str, part_of_row: np.ndarray
) -> LeftOut:
    k, of = len(rows.classes), CONFUSION_METRICS[metric]
    first = (part_of_row * k + rows.y) * k
    counts = [np.bincount(first + one.codes, minlength=PARTS * k * k).reshape(PARTS, k, k) for one in answers.values()]
    by_part = np.stack(counts)
    total = by_part.sum(axis=1, keepdims=True)
    return LeftOut(of(total)[:, 0, 0], of(total - by_part)[..., 0], metric, by_part)


def _of_probabilities(answers: Mapping[str, MeasuredCandidate], metric: str, part_of_row: np.ndarray) -> LeftOut:
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    whole = sign * np.array([one.metrics[metric].estimate for one in answers.values()])
    moved = sign * np.array([np.bincount(part_of_row, one.metrics[metric].by_row, PARTS) for one in answers.values()])
    share = np.bincount(part_of_row, minlength=PARTS) / len(part_of_row)
    # Leaving rows out moves a mean of the others by their influence, to first order.
    without = whole[:, None] - moved / (1 - share)
    return LeftOut(whole, without, metric, whole[:, None] * share + moved)
