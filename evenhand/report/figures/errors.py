"""Where and when predictions are wrong: a map of cells, and a table of weekdays and hours in colours."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from evenhand.explain.errors import ErrorGrid, Errors
from evenhand.report.figures.style import ACCENT, GREY, INK, SIZE, new_figure

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
STEPS = 12  # colours
RAMP = LinearSegmentedColormap.from_list("share", ["#e8eef7", ACCENT, "#00243d"], N=STEPS)


def error_places(errors: Errors) -> Figure | None:
    """Draw the share of wrong rows by cell; None without a map."""
    grid = errors.places
    if grid is None or grid.extent is None:
        return None
    west, east, south, north = grid.extent
    tall = (north - south) / ((east - west) * np.cos(np.radians((south + north) / 2)))
    figure = new_figure("", "", (SIZE[0], min(8.0, max(2.5, 0.85 * SIZE[0] * tall)) + 0.6))
    axes = figure.subplots()
    _cells(figure, axes, grid)
    axes.set_xlabel("longitude", fontsize=8, color=INK)
    axes.set_ylabel("latitude", fontsize=8, color=INK)
    return figure


def error_times(errors: Errors) -> Figure | None:
    """Draw the share of wrong rows by weekday and hour; None without a time."""
    if errors.times is None:
        return None
    figure = new_figure("", "", (SIZE[0], 2.6))
    axes = figure.subplots()
    _cells(figure, axes, errors.times)
    axes.set_yticks(np.arange(7) + 0.5, DAYS, fontsize=7)
    axes.set_xticks(np.arange(0, 24, 3) + 0.5, [str(hour) for hour in range(0, 24, 3)], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("hour", fontsize=8, color=INK)
    return figure


def _cells(figure: Figure, axes: Axes, grid: ErrorGrid) -> None:
    rows, columns = grid.shares.shape
    west, east, south, north = grid.extent or (0.0, float(columns), 0.0, float(rows))
    x, y = np.linspace(west, east, columns + 1), np.linspace(south, north, rows + 1)
    drawn = axes.pcolormesh(x, y, np.ma.masked_invalid(grid.shares), cmap=RAMP, linewidth=0)
    axes.tick_params(labelsize=7, colors=INK, length=2)
    axes.spines[:].set_color(GREY)
    bar = figure.colorbar(drawn, ax=axes, shrink=0.8, format=lambda share, _: f"{100 * share:.0f} %")
    if bar.solids is not None:
        bar.solids.set_rasterized(False)  # an image in the SVG otherwise
    bar.ax.tick_params(labelsize=7, colors=INK)
    bar.set_label("wrong rows", fontsize=7, color=INK)
