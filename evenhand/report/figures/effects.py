"""Effect curves: one panel for each column, one line for each class."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evenhand.explain.effects import Effect
from evenhand.report.figures.style import SIZE, line_style, new_figure, panels, short, tidy


def effect_curves(effects: Sequence[Effect]) -> Figure:
    """Draw how the mean probability of each class changes with the value of a column.

    Parameters
    ----------
    effects : sequence of Effect
        At least one.
    """
    columns = min(2, len(effects))
    figure = new_figure("", "", (SIZE[0], 0.5 + 2.6 * -(-len(effects) // columns)))
    for axes, effect in zip(panels(figure, len(effects), columns), effects, strict=True):
        _panel(axes, effect)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=4, fontsize=7, frameon=False)
    return figure


def _panel(axes: Axes, effect: Effect) -> None:
    at = effect.numbers or tuple(float(place) for place in range(len(effect.values)))
    for position, (name, curve) in enumerate(effect.probabilities.items()):
        colour, line = line_style(position)
        style = line if effect.numbers else "o"
        axes.plot(at, curve, style, color=colour, markersize=4, label=short(name, 22))
    axes.set_title(short(effect.column), fontsize=9, loc="left")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("mean probability", fontsize=7)
    tidy(axes)
    if effect.numbers is None:
        axes.set_xticks(at, [short(value, 14) for value in effect.values], rotation=35, ha="right", fontsize=6.5)
