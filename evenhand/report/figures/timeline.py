"""The timeline of a monitored champion: its error by period, and how near each detector is to an alarm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evenhand.report.figures.style import ACCENT, GREY, INK, SECOND, line_style, new_figure, plain, short, tidy

FAINTEST = 1e-6  # of the limit: levels below are drawn there
TICKS = 10


@dataclass(frozen=True)
class Timeline:
    """What is drawn of each period; nan where it is not known.

    Attributes
    ----------
    names : sequence of str
        Of the periods, held-out ones first.
    reference : int
        How many of them are held-out ones.
    error, expected, low, high : ndarray of shape (n,)
        True error; expected error with its interval.
    limit : float
        Of the error.
    levels : dict of str to ndarray of shape (n,)
        Of each detector, as a share of its threshold.
    alarms : dict of str to list of int
        Periods with an alarm, by detector.
    """

    names: Sequence[str]
    reference: int
    error: np.ndarray
    expected: np.ndarray
    low: np.ndarray
    high: np.ndarray
    limit: float
    levels: Mapping[str, np.ndarray]
    alarms: Mapping[str, list[int]] = field(default_factory=dict)


def timeline(drawn: Timeline) -> Figure:
    """Draw the error above, the levels of the detectors below, with the limits of both."""
    figure = new_figure("", "", (8.0, 5.2))
    above, below = figure.subplots(2, 1, sharex=True)
    _errors(above, drawn)
    _levels(below, drawn)
    at = np.unique(np.linspace(0, len(drawn.names) - 1, TICKS).round().astype(int))
    below.set_xticks(at, [plain(drawn.names[i]) for i in at], rotation=30, ha="right")
    for axes in (above, below):
        axes.axvline(drawn.reference - 0.5, color=GREY, linewidth=0.8, linestyle=":")
        tidy(axes, "y")
    return figure


def _errors(axes: Axes, drawn: Timeline) -> None:
    x = np.arange(len(drawn.names))
    axes.fill_between(x, drawn.low, drawn.high, color=GREY, alpha=0.3, linewidth=0)
    axes.plot(x, drawn.expected, color=GREY, linewidth=1)
    axes.plot(x, drawn.error, color=ACCENT, linewidth=1, marker="o", markersize=2.2)
    axes.axhline(drawn.limit, color=INK, linewidth=1, linestyle="--")
    axes.annotate(f"limit {drawn.limit:.3f}", (0, drawn.limit), (2, 3), textcoords="offset points", fontsize=7)
    axes.set_ylabel("error", fontsize=8)


def _levels(axes: Axes, drawn: Timeline) -> None:
    x = np.arange(len(drawn.names))
    for number, (name, share) in enumerate(drawn.levels.items()):
        colour, dash = line_style(number)
        axes.plot(x, np.maximum(share, FAINTEST), color=colour, linestyle=dash, linewidth=1.1, label=short(name))
        at = drawn.alarms.get(name, [])
        axes.plot(at, np.ones(len(at)), color=SECOND, marker="X", linestyle="", markersize=6)
    axes.set_yscale("log")
    axes.set_ylim(FAINTEST, 5)
    axes.axhline(1, color=INK, linewidth=1, linestyle="--")
    axes.annotate("alarm", (0, 1), (2, 3), textcoords="offset points", fontsize=7)
    axes.set_ylabel("share of the alarm's limit", fontsize=8)
    axes.legend(fontsize=7, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, frameon=False)
