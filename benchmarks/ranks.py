"""Comparison of methods over many data sets: mean ranks, Friedman's test, Nemenyi's critical difference.

Source: Demsar (2006), Statistical Comparisons of Classifiers over Multiple Data Sets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import friedmanchisquare, rankdata, studentized_range

from evenhand.report.figures.style import ACCENT, GREY, INK, PALE, new_figure, plain, tidy, to_png

DIGITS = 9  # scores are rounded to these decimals: sums in another order differ in their last digits


@dataclass(frozen=True, eq=False)
class StrategyRanks:
    """Mean ranks over data sets; 1 is best.

    Attributes
    ----------
    methods : tuple of K str
    mean : ndarray of shape (K,)
    by_source : ndarray of shape (K,)
        Mean ranks with the same weight for every source, whatever the number of sets cut from it.
    skipped : ndarray of int, shape (K,)
        Sets that a method could not run on; it is ranked last there.
    n_sets : int
    p : float
        Of Friedman's test that all methods perform alike.
    critical : float
        Nemenyi's critical difference at 0.05: a smaller difference of mean ranks is not significant.
    """

    methods: tuple[str, ...]
    mean: np.ndarray
    by_source: np.ndarray
    skipped: np.ndarray
    n_sets: int
    p: float
    critical: float

    @property
    def order(self) -> np.ndarray:
        """Positions of the methods, best first."""
        return np.argsort(self.mean, kind="stable")

    def behind(self, method: str) -> float:
        """Return the difference of mean ranks between a method and the best one."""
        return float(self.mean[self.methods.index(method)] - self.mean.min())


def ranks(scores: np.ndarray) -> np.ndarray:
    """Rank the methods on each data set, the highest score first; equal scores share their ranks.

    Parameters
    ----------
    scores : ndarray of shape (n_sets, K)
        nan where a method could not run; it is ranked last.

    Returns
    -------
    ndarray of shape (n_sets, K)

    Examples
    --------
    >>> ranks(np.array([[0.9, 0.8, 0.8, np.nan]]))
    array([[1. , 2.5, 2.5, 4. ]])
    """
    return rankdata(-np.nan_to_num(np.round(scores, DIGITS), nan=-np.inf), axis=1)


def ranking(scores: np.ndarray, methods: Sequence[str], sources: Sequence[str]) -> StrategyRanks:
    """Compare methods over data sets.

    Parameters
    ----------
    scores : ndarray of shape (n_sets, K)
        Higher is better; nan where a method could not run.
    methods : sequence of K str
    sources : sequence of n_sets str
        What each set is cut from.
    """
    of_set = ranks(scores)
    groups = [of_set[np.asarray(sources) == source].mean(axis=0) for source in dict.fromkeys(sources)]
    return StrategyRanks(
        tuple(methods),
        of_set.mean(axis=0),
        np.mean(groups, axis=0),
        np.isnan(scores).sum(axis=0),
        len(scores),
        float(friedmanchisquare(*of_set.T).pvalue),
        critical_difference(len(methods), len(scores)),
    )


def critical_difference(k: int, n_sets: int, level: float = 0.05) -> float:
    """Return Nemenyi's critical difference of ``k`` mean ranks.

    Examples
    --------
    >>> round(critical_difference(4, 14), 3)  # as in Demsar 2006, figure 1
    1.254
    """
    return float(studentized_range.ppf(1 - level, k, np.inf) / math.sqrt(2) * math.sqrt(k * (k + 1) / (6 * n_sets)))


def draw(found: StrategyRanks, metric: str, recommended: Sequence[str]) -> bytes:
    """Draw every method's mean rank and half a critical difference to each side, as a PNG.

    Methods whose bars do not overlap differ significantly. Those that do not differ from the best are dark.
    """
    order, half = found.order, found.critical / 2
    best = found.mean.min()
    note = (
        f"{found.n_sets} data sets. Bars that do not overlap differ at the 0.05 level (Nemenyi; critical "
        f"difference {found.critical:.1f}). Friedman's p {found.p:.1e}. Dark: no significant difference from the best."
    )
    figure = new_figure(f"Mean rank by {metric}, 1 is best", note, (8.0, 1.4 + 0.21 * len(order)))
    axes = figure.subplots()
    axes.axvspan(best, best + found.critical, color=PALE, alpha=0.5, zorder=0)
    for position, i in enumerate(order):
        color = ACCENT if found.mean[i] <= best + found.critical else GREY
        axes.plot([found.mean[i] - half, found.mean[i] + half], [position, position], color=color, linewidth=1.6)
        axes.plot(found.mean[i], position, "o", color=color, markersize=4.5)
        axes.text(found.mean[i] + half + 0.2, position, f"{found.mean[i]:.1f}", va="center", fontsize=6.5, color=INK)
    axes.set_yticks(range(len(order)), [plain(found.methods[i]) for i in order])
    tidy(axes, "x")
    for label, i in zip(axes.get_yticklabels(), order, strict=True):
        label.set_fontweight("bold" if found.methods[i] in recommended else "normal")
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.set_xlabel("mean rank", fontsize=8)
    return to_png(figure)
