"""Probabilities against what came true: class by class, and by how confident a model is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evenhand.report.figures.style import (
    ACCENT,
    GREY,
    INK,
    PALE,
    SECOND,
    new_figure,
    panels,
    short,
    tidy,
)
from evenhand.report.fit_curves import ClassCalibration
from evenhand.report.gate.details import Reliability

MODELS = {"champion": GREY, "challenger": ACCENT}


def calibration(found: Sequence[ClassCalibration], note: str = "") -> Figure:
    """Draw the observed share against the predicted probability, one panel per class.

    Where a class has calibrated probabilities, both are drawn. The bars show the distribution of the predictions. Every
    panel has its own scale.
    """
    figure = new_figure("Calibration: below the diagonal, probabilities are too high; above it, too low", note)
    axes = panels(figure, len(found))
    for ax, one in zip(axes, found, strict=True):
        _calibrated(ax, one)
        ax.set_title(short(one.name), fontsize=7.5, color=INK)
    if len(found[0].lines) > 1:
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", fontsize=7.5, frameon=False)
    figure.supxlabel("predicted probability", fontsize=8)
    figure.supylabel("observed share   (bars: spread of the predictions)", fontsize=8)
    return figure


def _calibrated(axes: Axes, found: ClassCalibration) -> None:
    counts, top = found.spread, found.top
    edges = np.linspace(0, top, len(counts) + 1)
    axes.stairs(counts / max(counts.max(), 1) * top * 0.35, edges, fill=True, color=PALE)
    axes.plot([0, top], [0, top], color=GREY, linewidth=0.8)
    colours = (ACCENT,) if len(found.lines) == 1 else (SECOND, ACCENT)
    for line, colour in zip(found.lines, colours, strict=True):
        axes.plot(line.predicted, line.observed, "o-", color=colour, markersize=3, linewidth=1, label=line.label)
    axes.set(xlim=(0, top), ylim=(0, top))
    axes.locator_params(nbins=3)
    tidy(axes)


def reliability(models: Mapping[str, Reliability]) -> Figure:
    """Draw how often the champion and the challenger are right against how confident they are.

    Parameters
    ----------
    models : mapping of str to Reliability
        By ``champion`` and ``challenger``; the larger a dot, the more rows it stands for.
    """
    figure = new_figure("", "", (4.2, 4.2))
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
    for name, found in models.items():
        largest = max(int(found.rows.max()), 1)
        sizes = [(4 + 10 * math.sqrt(rows / largest)) ** 2 for rows in found.rows]
        axes.plot(found.confidence, found.accuracy, color=MODELS[name], linewidth=1.3)
        axes.scatter(found.confidence, found.accuracy, sizes, color=MODELS[name], alpha=0.75, label=name)
    axes.set(xlim=(0, 1), ylim=(0, 1), xticks=np.linspace(0, 1, 5), yticks=np.linspace(0, 1, 5))
    axes.set_xlabel("confidence: probability of the predicted class", fontsize=8)
    axes.set_ylabel("accuracy: share that is right", fontsize=8)
    tidy(axes)
    return figure
