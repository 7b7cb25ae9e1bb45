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
    check_names,
    new_figure,
    panels,
    short,
    tidy,
)
from evenhand.report.gate.details import Reliability

CALIBRATION_BINS = 10
MODELS = {"champion": GREY, "challenger": ACCENT}


def calibration(
    y: np.ndarray, proba: np.ndarray, classes: Sequence[str], note: str = "", corrected: np.ndarray | None = None
) -> Figure:
    """Draw the observed share against the predicted probability, one panel per class.

    Arguments and errors as :func:`precision_recall`; with ``corrected``, of shape (n, K), the calibrated probabilities
    are drawn, too. Points are ten bins with equal expected rows of the class, so that a rare class has points where it
    is predicted, not ten at 0. The bars show the distribution of the predictions. Every panel has its own scale.
    """
    check_names("classes", classes, proba.shape[1])
    figure = new_figure("Calibration: below the diagonal, probabilities are too high; above it, too low", note)
    axes = panels(figure, len(classes))
    for code, (ax, name) in enumerate(zip(axes, classes, strict=True)):
        _reliability(ax, y == code, proba[:, code], None if corrected is None else corrected[:, code])
        ax.set_title(short(name), fontsize=7.5, color=INK)
    if corrected is not None:
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", fontsize=7.5, frameon=False)
    figure.supxlabel("predicted probability", fontsize=8)
    figure.supylabel("observed share   (bars: spread of the predictions)", fontsize=8)
    return figure


def _reliability(axes: Axes, positive: np.ndarray, values: np.ndarray, corrected: np.ndarray | None) -> None:
    given = [("raw", values, SECOND if corrected is not None else ACCENT)]
    given += [] if corrected is None else [("calibrated", corrected, ACCENT)]
    points = [(name, colour, *_means(positive, some)) for name, some, colour in given]
    top = min(1.0, max(0.01, *(max(*predicted, *observed) for _, _, predicted, observed in points)) * 1.08)
    counts, edges = np.histogram(given[-1][1], bins=25, range=(0, top))
    axes.stairs(counts / max(counts.max(), 1) * top * 0.35, edges, fill=True, color=PALE)
    axes.plot([0, top], [0, top], color=GREY, linewidth=0.8)
    for name, colour, predicted, observed in points:
        axes.plot(predicted, observed, "o-", color=colour, markersize=3, linewidth=1, label=name)
    axes.set(xlim=(0, top), ylim=(0, top))
    axes.locator_params(nbins=3)
    tidy(axes)


def _means(positive: np.ndarray, values: np.ndarray) -> tuple[list[float], list[float]]:
    """Return mean probability and observed share of bins with equal expected rows."""
    order = np.argsort(values, kind="stable")
    expected = np.cumsum(values[order])
    cuts = np.searchsorted(expected, expected[-1] * np.arange(1, CALIBRATION_BINS) / CALIBRATION_BINS)
    bins = [rows for rows in np.split(order, cuts) if len(rows)]
    return [float(values[rows].mean()) for rows in bins], [float(positive[rows].mean()) for rows in bins]


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
