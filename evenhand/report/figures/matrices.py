"""Confusion matrix and feature importance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evenhand.report.figures.style import ACCENT, GREY, INK, SIZE, new_figure, short, tidy
from evenhand.report.fit_curves import check_names

MOST_FEATURES = 25


def confusion_matrix(confusion: np.ndarray, classes: Sequence[str], note: str = "") -> Figure:
    """Draw the counts, and next to them each true class as shares of its rows.

    Parameters
    ----------
    confusion : ndarray of int, shape (K, K)
        Truth in rows, prediction in columns.
    classes : sequence of K str
    note : str
        What data this is, and that it is synthetic if it is.

    Returns
    -------
    Figure
        8 x 5 inches, growing with the number of classes past six.

    Raises
    ------
    ValueError
        If the matrix is not square or the names do not match it.
    """
    if confusion.ndim != 2 or confusion.shape[0] != confusion.shape[1]:
        raise ValueError(f"confusion: found shape {confusion.shape}, needed (K, K)")
    check_names("classes", classes, len(confusion))
    extra = max(0, len(classes) - 6)
    figure = new_figure("Confusion matrix: truth in rows, prediction in columns", note, _grown(extra))
    counts, shares = figure.subplots(1, 2, sharey=True)
    support = confusion.sum(axis=1, keepdims=True)
    share = np.divide(confusion, support, out=np.zeros(confusion.shape), where=support > 0)
    font = 8.0 if len(classes) <= 6 else 6.5
    texts = [[_compact(int(value)) for value in line] for line in confusion]
    peak = max(int(confusion.max()), 1)
    _matrix(counts, np.sqrt(confusion / peak), texts, classes, font)
    counts.set_title("rows", fontsize=8.5)
    _matrix(shares, share, [[_percent(value) for value in line] for line in share], classes, font)
    shares.set_title("% of the true class (diagonal: recall)", fontsize=8.5)
    return figure


def feature_importance(names: Sequence[str], values: Sequence[float], note: str = "") -> Figure:
    """Draw the 25 most important features, the most important on top.

    Raises
    ------
    ValueError
        If there is not one name for every value, or a value is not finite.
    """
    found = np.asarray(values, dtype=float)
    check_names("names", names, len(found))
    if not np.isfinite(found).all():
        raise ValueError(f"values: found {found[~np.isfinite(found)][0]}, needed finite numbers")
    order = np.argsort(-found, kind="stable")[:MOST_FEATURES]
    what = f"the first {len(order)} of {len(found)}" if len(found) > len(order) else f"all {len(found)}"
    figure = new_figure(f"Feature importance, {what}", note, (SIZE[0], max(2.5, min(SIZE[1], 1.2 + 0.2 * len(order)))))
    axes = figure.subplots()
    bars = axes.barh(range(len(order)), found[order], color=ACCENT, height=0.7)
    axes.bar_label(bars, [f"{found[at]:.3g}" for at in order], padding=3, fontsize=7, color=INK)
    axes.set_yticks(range(len(order)), [short(names[at], 40) for at in order], fontsize=7.5)
    axes.invert_yaxis()
    axes.margins(x=0.1, y=0.01)
    tidy(axes, "x")
    return figure


def _grown(extra: int) -> tuple[float, float]:
    return min(SIZE[0] + 0.55 * extra, 16.0), min(SIZE[1] + 0.25 * extra, 9.0)


def _matrix(axes: Axes, shade: np.ndarray, texts: list[list[str]], classes: Sequence[str], font: float) -> None:
    axes.imshow(shade, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    ticks = range(len(classes))
    axes.set_xticks(ticks, [short(name) for name in classes], rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, [short(name) for name in classes])
    axes.tick_params(labelsize=7.5, length=0)
    axes.spines[:].set_visible(False)
    for (row, column), value in np.ndenumerate(shade):
        colour = "white" if value > 0.55 else INK if value > 0 else GREY
        weight = "bold" if row == column else "normal"
        axes.text(column, row, texts[row][column], ha="center", va="center", fontsize=font, color=colour, weight=weight)


def _percent(share: float) -> str:
    return "<1" if 0 < share < 0.005 else f"{100 * share:.0f}"


def _compact(count: int) -> str:
    """At most five characters: 9,999 then 12.3k, 456k, 1.2M."""
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if count >= size * (1 if unit == "M" else 10):
            value = count / size
            return f"{value:.0f}{unit}" if value >= 100 else f"{value:.1f}{unit}"
    return f"{count:,}"
