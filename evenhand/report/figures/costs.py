"""Cost curves, a panel per class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evenhand.report.figures.style import ACCENT, GREY, INK, PALE, SIZE, new_figure, panels, short, tidy
from evenhand.report.training.data import ClassCosts

HIGHEST = 0.55  # of the cost axis: without a model the cost is at most 0.5
TIMES = (0.1, 1, 10, 100, 1000)  # cost ratios that get a tick
APART = 0.1  # of the axis, between two ticks
STEPS = np.linspace(0, 1, 201)


def cost_curves(classes: Sequence[ClassCosts]) -> Figure:
    """Draw the mean cost against how much more a miss costs than a false alarm.

    The grey area is the cost without a model. Solid: the model at the best threshold for each cost; dashed: its
    decision rule, with a dot at the cost where it loses least; grey line: the reference.
    """
    rows = -(-len(classes) // 3)
    figure = new_figure("", "", (SIZE[0], 2.9 * rows))
    for axes, costs in zip(panels(figure, len(classes), columns=3), classes, strict=True):
        _panel(axes, costs)
    figure.supxlabel("cost of a miss, in false alarms", fontsize=8)
    figure.supylabel("mean cost", fontsize=8)
    return figure


def _panel(axes: Axes, costs: ClassCosts) -> None:
    curve = costs.model
    axes.fill_between([0, 0.5, 1], [0, 0.5, 0], color=PALE, alpha=0.5, linewidth=0)
    if costs.baseline is not None:
        axes.plot(costs.baseline.x, costs.baseline.cost, color=GREY, linewidth=1.3)
    axes.plot(curve.x, curve.cost, color=ACCENT, linewidth=1.4)
    axes.plot(STEPS, curve.of_rule(STEPS), color=ACCENT, linewidth=1.3, linestyle="--")
    axes.plot(curve.suits, curve.of_rule(np.array(curve.suits)), "o", color=ACCENT, markersize=5)
    ticks: list[tuple[float, str]] = []
    for times in TIMES:
        x = curve.at(times)
        if 0.02 <= x <= 0.98 and x - (ticks[-1][0] if ticks else -1) >= APART:
            ticks.append((x, f"{times:g} x"))
    axes.set_xticks([x for x, _ in ticks], [text for _, text in ticks])
    axes.set(xlim=(0, 1), ylim=(0, HIGHEST), yticks=(0, 0.25, 0.5))
    axes.set_title(short(costs.name), fontsize=8.5, color=INK)
    tidy(axes)
