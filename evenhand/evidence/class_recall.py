"""Recall of each class, its difference to the baseline, and the smallest change that its rows can show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri

from evenhand.evidence.bootstrap import Interval
from evenhand.evidence.evaluation_rows import EvaluationRows
from evenhand.evidence.multiplicity import detectable
from evenhand.evidence.types import ClassEvidence, ClassSupport

FEWEST_UNUSUAL = 10  # with it, tolerances err at most 1.2 times as often as they should (benchmarks/recall_error.py)
FEWEST_CHANGED = 6  # rows that change in one direction for a sign test to reach 0.05: 2 * 0.5^6 < 0.05 < 2 * 0.5^5


def class_evidence(
    rows: EvaluationRows, predicted: np.ndarray, baseline: np.ndarray | None, min_positives: int, confidence: float
) -> tuple[ClassEvidence, ...]:
    """Return the recall of every class with its interval, and its difference to the baseline.

    Recall: Wilson's interval (1927). Difference: that of Bonett & Price (2012) for paired proportions. Both keep
    their nominal coverage with few correct predictions, where a bootstrap does not. With blocks, the effective number
    of rows is their number divided by the design effect.

    Parameters
    ----------
    rows : EvaluationRows
    predicted, baseline : ndarray of int, shape (n,)
        Class codes.
    min_positives : int
        A class with fewer rows gets no value.
    confidence : float
    """
    z, found = float(ndtri((1 + confidence) / 2)), []
    for code, name in enumerate(rows.classes):
        positives = int(rows.support[code])
        if positives < max(min_positives, 1):
            found.append(ClassEvidence(name, positives, None, None))
            continue
        of_class = rows.y == code
        hit = (predicted == code).astype(float)
        recall = wilson(hit[of_class].mean(), positives / design_effect(rows, hit, of_class), z)
        change = None
        if baseline is not None:
            gain = hit - (baseline == code)
            won, lost = (gain[of_class] > 0).mean(), (gain[of_class] < 0).mean()
            change = bonett_price(won, lost, positives / design_effect(rows, gain, of_class), z)
        found.append(ClassEvidence(name, positives, recall, change))
    return tuple(found)


def wilson(share: float, n: float, z: float) -> Interval:
    """Return the score interval of a proportion (Wilson 1927).

    Examples
    --------
    >>> found = wilson(0.1, 50, 1.96)
    >>> round(found.low, 3), round(found.high, 3)
    (0.043, 0.214)
    """
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(float(share), float(max(0.0, centre - half)), float(min(1.0, centre + half))).held


def bonett_price(won: float, lost: float, n: float, z: float) -> Interval:
    """Return the interval of a difference of paired proportions (Bonett & Price 2012).

    One pseudo-observation is added to each discordant cell.

    Examples
    --------
    >>> found = bonett_price(0.10, 0.02, 50, 1.96)
    >>> round(found.estimate, 3), round(found.low, 3), round(found.high, 3)
    (0.08, -0.028, 0.181)
    """
    up, down = (won * n + 1) / (n + 2), (lost * n + 1) / (n + 2)
    half = z * np.sqrt((up + down - (up - down) ** 2) / (n + 2))
    return Interval(float(won - lost), float(max(-1.0, up - down - half)), float(min(1.0, up - down + half))).held


def class_support(
    rows: EvaluationRows,
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
    singles: Sequence[np.ndarray],
    min_positives: int,
    confidence: float,
) -> tuple[ClassSupport, ...]:
    """Return the smallest change in recall that can be detected in each class.

    It depends on the share of the class's rows on which exactly one of two models is right: the median over ``pairs``
    or, without any, 2 r (1 - r) for two independent models with the recall r of ``singles``.

    Parameters
    ----------
    rows : EvaluationRows
    pairs : sequence of (ndarray of int, ndarray of int), each of shape (n,)
        Classes predicted by a candidate and by its baseline.
    singles : sequence of ndarray of int, shape (n,)
        Classes predicted by each candidate.
    min_positives : int
    confidence : float
    """
    found = []
    for code, name in enumerate(rows.classes):
        of_class, n = rows.y == code, int(rows.support[code])
        if not n:
            found.append(ClassSupport(name, 0, False, np.nan))
            continue
        differ = [float(((a[of_class] == code) != (b[of_class] == code)).mean()) for a, b in pairs]
        if not differ:
            recalls = [float((codes[of_class] == code).mean()) for codes in singles]
            differ = [2 * recall * (1 - recall) for recall in recalls] or [0.5]
        seen = detectable(float(np.sqrt(np.median(differ) / n)), 1 - confidence)
        found.append(ClassSupport(name, n, n >= min_positives, min(1.0, max(seen, FEWEST_CHANGED / n))))
    return tuple(found)


def design_effect(rows: EvaluationRows, values: np.ndarray, of_class: np.ndarray) -> float:
    """Return by how much blocks raise the variance of a mean over the rows of a class; 1 without blocks.

    It is the variance under block resampling over that under row resampling, at least 1. Where fewer than ten blocks
    hold a row whose value is not the usual one, that ratio is mostly chance: then rows of a block count as copies.

    Parameters
    ----------
    rows : EvaluationRows
    values : ndarray, shape (n,)
    of_class : ndarray of bool, shape (n,)
    """
    if rows.block_codes is None or not of_class.any():
        return 1.0
    value, block, blocks = values[of_class], rows.block_codes[of_class], rows.n_blocks or 1
    n, size = len(value), np.bincount(block, minlength=blocks)
    kinds, count = np.unique(value, return_counts=True)
    mean = kinds @ count / n
    # By blocks and by kinds of values, so that the order of the rows makes no difference.
    influence = (np.bincount(block, value, minlength=blocks) - mean * size) / n
    by_block = ((influence - influence.mean()) ** 2).sum() * blocks / max(1, blocks - 1)
    by_row = (kinds - mean) ** 2 @ count / n**2
    effect = max(1.0, float(by_block / by_row)) if by_row > 0 else 1.0
    unusual = len(np.unique(block[value != kinds[count.argmax()]]))
    return effect if unusual >= FEWEST_UNUSUAL else max(effect, float((size**2).sum() / n))
