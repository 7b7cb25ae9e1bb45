"""Precision-recall and ROC curves of each class against the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evenhand.metrics.predictions import Predictions
from evenhand.metrics.ranking import Ranking
from evenhand.report.figures.style import (
    ACCENT,
    GREY,
    INK,
    PALE,
    SIZE,
    line_style,
    new_figure,
    panels,
    short,
    tidy,
)
from evenhand.report.fit_curves import TOGETHER, Curve, check_names, thinned

# A panel is scaled to the precision from here on: the first few rows of a curve reach any height by chance.
FIRST_RECALL = 0.05


def precision_recall(curves: Sequence[Curve], classes: Sequence[str], note: str = "") -> Figure:
    """Draw precision against recall at every threshold, class by class.

    Parameters
    ----------
    curves : sequence of Curve
    classes : sequence of K str
    note : str
        What data this is, and that it is synthetic if it is.

    Returns
    -------
    Figure
        One plot for up to seven classes, one panel per class for more, in the order of the curves.
    """
    figure = new_figure("Precision-recall, each class against the rest", note)
    key = "share: a model that guesses stays at this precision"
    return _drawn(figure, curves, classes, ("recall", "precision"), key)


def precision_recall_compared(
    fits: Iterable[tuple[str, Predictions]], classes: Sequence[str], note: str = ""
) -> Figure:
    """Draw precision against recall of several fits, one panel per class, the rarest class first.

    Parameters
    ----------
    fits : iterable of (name, Predictions)
        Of the same rows; each is read when its curves are drawn, and not kept.
    classes : sequence of K str
    note : str
        What data this is, and that it is synthetic if it is.

    Raises
    ------
    ValueError
        If there is no fit, or the names do not match the columns of the probabilities.
    """
    figure: Figure | None = None
    axes: dict[int, Axes] = {}
    for position, (name, known) in enumerate(fits):
        if figure is None:
            check_names("classes", classes, known.n_classes)
            rows = np.bincount(known.y, minlength=len(classes))
            figure, axes = _by_class(rows, classes, note)
        colour, dash = line_style(position)
        for code, ax in axes.items():
            ranking = Ranking.of(known.y == code, known.proba[:, code])
            keep = thinned(len(ranking.true_positives))
            recall, height = (ranking.true_positives / ranking.true_positives[-1])[keep], ranking.precision[keep]
            ax.plot(recall, height, color=colour, linestyle=dash, linewidth=1.1, label=short(name, 34))
            beyond = float(height[recall >= FIRST_RECALL].max())
            ax.set_ylim(0, max(ax.get_ylim()[1], min(1.01, 1.15 * beyond)))
    if figure is None:
        raise ValueError("fits: found none, needed one or more")
    lines = next(iter(axes.values())).get_legend_handles_labels()
    key = "grey: a model that guesses; each class has its own scale"
    figure.legend(
        *lines,
        loc="outside lower left",
        fontsize=7.5,
        frameon=False,
        ncols=4,
        title=key,
        title_fontsize=7,
        alignment="left",
    )
    return figure


def _by_class(rows: np.ndarray, classes: Sequence[str], note: str) -> tuple[Figure, dict[int, Axes]]:
    """Make a panel for each class that has rows, with the precision of guessing."""
    codes = [int(code) for code in sorted(np.flatnonzero(rows), key=lambda code: (rows[code], classes[int(code)]))]
    columns = min(3, len(codes))
    size = (SIZE[0], 1.3 + 2.3 * -(-len(codes) // columns))
    figure = new_figure("Precision-recall of each class, strategy by strategy", note, size)
    axes = dict(zip(codes, panels(figure, len(codes), columns), strict=True))
    for code, ax in axes.items():
        share = rows[code] / rows.sum()
        ax.plot((0, 1), (share, share), color=GREY, linewidth=0.8)
        ax.set_title(f"{short(classes[code])}, share {share:.3f}", fontsize=8, color=INK)
        ax.set(xlim=(0, 1), ylim=(0, min(1.01, 1.5 * share)), xticks=(0, 0.5, 1))
        tidy(ax)
        ax.set_xlabel("recall", fontsize=8)
    figure.supylabel("precision", fontsize=8)
    return figure, axes


def roc(curves: Sequence[Curve], classes: Sequence[str], note: str = "") -> Figure:
    """Draw true against false positive rate at every threshold; arguments as :func:`precision_recall`."""
    figure = new_figure("ROC, each class against the rest", note)
    return _drawn(figure, curves, classes, ("false positive rate", "true positive rate"), "grey: a model that guesses")


def _drawn(figure: Figure, curves: Sequence[Curve], classes: Sequence[str], axis: tuple[str, str], key: str) -> Figure:
    absent = [name for name in classes if name not in {curve.name for curve in curves}]
    key += "".join(f"; no rows of {short(name)}" for name in absent[:3]) + ("; ..." if len(absent) > 3 else "")
    if len(curves) <= TOGETHER:
        _together(figure, curves, list(classes), axis, key)
    else:
        _apart(figure, curves, axis, key)
    return figure


def _together(figure: Figure, curves: Sequence[Curve], classes: list[str], axis: tuple[str, str], key: str) -> None:
    axes = figure.subplots()
    for chance in {curve.chance for curve in curves}:
        axes.plot((0, 1), chance, color=PALE, linewidth=0.9)
    for curve in curves:
        colour, dash = line_style(classes.index(curve.name))  # one colour a class in every figure
        label = f"{curve.label}  {short(curve.name, 34)}"
        axes.plot(curve.x, curve.y, color=colour, linestyle=dash, linewidth=1.4, label=label)
    axes.set(xlim=(0, 1), ylim=(0, 1.01))
    axes.set_xlabel(axis[0], fontsize=8)
    axes.set_ylabel(axis[1], fontsize=8)
    tidy(axes)
    figure.legend(
        loc="outside lower left", fontsize=7.5, frameon=False, ncols=2, title=key, title_fontsize=7, alignment="left"
    )


def _apart(figure: Figure, curves: Sequence[Curve], axis: tuple[str, str], key: str) -> None:
    axes = panels(figure, len(curves), shared=True)
    for ax, curve in zip(axes, curves, strict=True):
        ax.plot((0, 1), curve.chance, color=GREY, linewidth=0.8)
        ax.plot(curve.x, curve.y, color=ACCENT, linewidth=1.3)
        ax.set_title(f"{short(curve.name)}\n{curve.label}", fontsize=7, color=INK)
        ax.set(xlim=(0, 1), ylim=(0, 1.01), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        tidy(ax)
    figure.supxlabel(f"{axis[0]}   ({key})", fontsize=8)
    figure.supylabel(axis[1], fontsize=8)
