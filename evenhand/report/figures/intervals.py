"""Intervals below each other: differences against a bound, and candidates with their two scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from evenhand.evidence.bootstrap import Interval
from evenhand.report.figures.style import ACCENT, GREY, INK, SIZE, STATUS, new_figure, plain, tidy

ROW = 0.27  # inches
LONGEST = 44  # characters of a candidate's name
MARKS = {"pass": "o", "fail": "X", "undecided": "o"}  # an undecided one is hollow: colour is not the only difference


@dataclass(frozen=True)
class Bar:
    """A difference with its interval, and whether it passes."""

    label: str
    interval: Interval
    status: str


@dataclass(frozen=True)
class Ranked:
    """A candidate with its score on the held-out period and out of fold."""

    name: str
    held_out: Interval | None
    out_of_fold: Interval | None
    chosen: bool = False


def against_bound(bars: Sequence[Bar], bound: float, bound_name: str) -> Figure:
    """Draw differences with lines at zero and at the bound that they must exceed.

    Parameters
    ----------
    bars : sequence of Bar
    bound : float
    bound_name : str
    """
    figure, axes = _rows([bar.label for bar in bars], 30)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.axvline(bound, color=INK, linewidth=1, linestyle="--")
    axes.annotate(plain(bound_name), (bound, 1), (0, 3), ("data", "axes fraction"), "offset points", fontsize=8)
    for at, bar in enumerate(bars):
        _whisker(axes, at, bar.interval, STATUS[bar.status], MARKS[bar.status], hollow=bar.status == "undecided")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+.3g}" if abs(value) > 1e-12 else "0"))
    return figure


def ranked_candidates(ranked: Sequence[Ranked]) -> Figure | None:
    """Draw candidates with both scores: a dot is the held-out period, a ring is out of fold.

    Returns
    -------
    Figure or None
        None where no candidate has a finite score.
    """
    scores = [(at, one) for at, one in enumerate(ranked) if any(map(_known, (one.held_out, one.out_of_fold)))]
    if not scores:
        return None
    figure, axes = _rows([shortened(one.name) for one in ranked], LONGEST)
    for at, one in scores:
        _whisker(axes, at + 0.17, one.out_of_fold, GREY, "o", hollow=True)
        _whisker(axes, at - 0.17, one.held_out, ACCENT, "o")
    for label, one in zip(axes.get_yticklabels(), ranked, strict=True):
        label.set_fontweight("bold" if one.chosen else "normal")
    return figure


def shortened(name: str) -> str:
    """Cut a name before its decision rule, which distinguishes the candidates of one fit.

    Examples
    --------
    >>> shortened("stack / lightgbm none enriched + gradient_boosting none / argmax")
    'stack / lightgbm none enriched + g… / argmax'
    """
    if len(name) <= LONGEST:
        return name
    rule = f" / {name.rpartition(' / ')[2]}"
    return f"{name[: LONGEST - 1 - len(rule)].rstrip()}…{rule}"


def _rows(labels: Sequence[str], longest: int) -> tuple[Figure, Axes]:
    figure = new_figure("", "", (SIZE[0], 0.75 + ROW * len(labels)))
    axes = figure.subplots()
    names = [label if len(label) <= longest else f"{label[: longest - 1]}…" for label in labels]
    axes.set_yticks(range(len(labels)), [plain(name) for name in names])
    axes.set_ylim(len(labels) - 0.5, -0.5)
    tidy(axes, "x")
    axes.tick_params(axis="y", labelsize=8, length=0)
    return figure, axes


def _whisker(axes: Axes, at: float, score: Interval | None, colour: str, mark: str, hollow: bool = False) -> None:
    if score is None or not _known(score):
        return
    if score.low < score.high:
        axes.plot([score.low, score.high], [at, at], color=colour, linewidth=1.8)
    face = "white" if hollow else colour
    axes.plot(score.estimate, at, mark, color=colour, markersize=6, markerfacecolor=face, markeredgecolor=colour)


def _known(score: Interval | None) -> bool:
    return score is not None and math.isfinite(score.estimate)
