"""Shares of the classes in a period against the reference, allowing for what periods differ by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

FEWEST_PERIODS = 8


@dataclass(frozen=True)
class ClassShare:
    """The share of a class in a period.

    Attributes
    ----------
    name : str
    share, before : float
        In the period, and in the reference.
    low, high : float
        Where the share of one more reference period would be, with the confidence of all classes together.
    p : float
        Holm-adjusted over the classes.
    """

    name: str
    share: float
    before: float
    low: float
    high: float
    p: float


def class_shares(names: tuple[str, ...], reference: np.ndarray, counts: np.ndarray, alpha: float) -> list[ClassShare]:
    """Compare the class shares of a period with those of the reference periods.

    Shares are compared on the scale of the arcsine of their root, on which binomial noise has variance 1/(4n)
    (Anscombe 1948); the variance between periods is added, and the quantile is Student's, since it was estimated.

    Parameters
    ----------
    names : tuple of str
    reference : ndarray of shape (n_periods, K)
        Rows of each class.
    counts : ndarray of shape (K,)
    alpha : float
        Of all classes together.

    Returns
    -------
    list of ClassShare
        Empty where the reference has fewer than eight periods.
    """
    reference = reference[reference.sum(1) > 0]
    n, m = counts.sum(), len(reference)
    if m < FEWEST_PERIODS or n == 0:
        return []
    sizes = reference.sum(1)
    angles, angle = _angle(reference, sizes[:, None]), _angle(counts, n)
    noise = float((1 / (4 * sizes)).mean())
    between = np.clip(angles.var(0, ddof=1) - noise, 0, None)
    spread = np.sqrt((between + 1 / (4 * n)) * (1 + 1 / m))
    middle = angles.mean(0)
    raw = 2 * stats.t.sf(np.abs(angle - middle) / spread, m - 1)
    reach = stats.t.isf(alpha / (2 * len(names)), m - 1) * spread
    adjusted = holm(raw)
    low, high = (np.sin(np.clip(middle + side * reach, 0, np.pi / 2)) ** 2 for side in (-1, 1))
    before = reference.sum(0) / sizes.sum()
    return [
        ClassShare(name, float(counts[at] / n), float(before[at]), float(low[at]), float(high[at]), float(adjusted[at]))
        for at, name in enumerate(names)
    ]


def holm(p: np.ndarray) -> np.ndarray:
    """Adjust p-values for their number (Holm 1979).

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03])).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def _angle(counts: np.ndarray, n: np.ndarray | float) -> np.ndarray:
    return np.asarray(np.arcsin(np.sqrt((counts + 3 / 8) / (n + 3 / 4))))
