"""Precision-recall and ROC curves of each class against the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

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
    TOGETHER,
    check_names,
    line_style,
    new_figure,
    panels,
    short,
    thinned,
    tidy,
)

# A panel is scaled to the precision from here on: the first few rows of a curve reach any height by chance.
FIRST_RECALL = 0.05


@dataclass(frozen=True)
class _Curve:
    name: str
    label: str  # in its legend entry or panel, with the name
    x: np.ndarray
    y: np.ndarray
    area: float
    chance: tuple[tuple[float, float], tuple[float, float]]  # x and y of the line of a guessing model


def precision_recall(y: np.ndarray, proba: np.ndarray, classes: Sequence[str], note: str = "") -> Figure:
    """Draw precision against recall at every threshold, class by class.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
    proba : ndarray, shape (n, K)
    classes : sequence of K str
    note : str
        What data this is, and that it is synthetic if it is.

    Returns
    -------
    Figure
        One plot for up to seven classes, one panel per class for more, the highest average precision first.

    Raises
    ------
    ValueError
        If the names do not match the columns of ``proba``.
    """

    def curve(name: str, positive: np.ndarray, values: np.ndarray) -> _Curve:
        ranking = Ranking.of(positive, values)
        tp, area, prior = ranking.true_positives, ranking.average_precision, positive.mean()
        keep = thinned(len(tp))
        x, height = (tp / tp[-1])[keep], ranking.precision[keep]
        label = f"AP {area:.2f}, share {prior:.3f}"
        return _Curve(name, label, np.append(0.0, x), np.append(height[0], height), area, ((0, 1), (prior, prior)))

    curves = _curves(y, proba, classes, curve)
    figure = new_figure("Precision-recall, each class against the rest", note)
    return _drawn(
        figure, curves, classes, ("recall", "precision"), "share: a model that guesses stays at this precision"
    )


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


def roc(y: np.ndarray, proba: np.ndarray, classes: Sequence[str], note: str = "") -> Figure:
    """Draw true against false positive rate at every threshold; arguments and errors as :func:`precision_recall`."""

    def curve(name: str, positive: np.ndarray, values: np.ndarray) -> _Curve:
        ranking = Ranking.of(positive, values)
        tp, fp, area = ranking.true_positives, ranking.false_positives, ranking.roc_auc
        keep = thinned(len(tp))
        negatives = max(int(fp[-1]), 1)
        x, height = np.append(0.0, (fp / negatives)[keep]), np.append(0.0, (tp / tp[-1])[keep])
        return _Curve(name, f"AUC {area:.2f}", x, height, area, ((0, 1), (0, 1)))

    curves = _curves(y, proba, classes, curve)
    figure = new_figure("ROC, each class against the rest", note)
    return _drawn(figure, curves, classes, ("false positive rate", "true positive rate"), "grey: a model that guesses")


def _curves(
    y: np.ndarray, proba: np.ndarray, classes: Sequence[str], curve: Callable[[str, np.ndarray, np.ndarray], _Curve]
) -> list[_Curve]:
    """Return the curves of the classes that have rows, the largest area first."""
    check_names("classes", classes, proba.shape[1])
    found = [curve(name, y == code, proba[:, code]) for code, name in enumerate(classes) if (y == code).any()]
    return sorted(found, key=lambda one: (math.isnan(one.area), -one.area, one.name))


def _drawn(figure: Figure, curves: list[_Curve], classes: Sequence[str], axis: tuple[str, str], key: str) -> Figure:
    absent = [name for name in classes if name not in {curve.name for curve in curves}]
    key += "".join(f"; no rows of {short(name)}" for name in absent[:3]) + ("; ..." if len(absent) > 3 else "")
    if len(curves) <= TOGETHER:
        _together(figure, curves, list(classes), axis, key)
    else:
        _apart(figure, curves, axis, key)
    return figure


def _together(figure: Figure, curves: list[_Curve], classes: list[str], axis: tuple[str, str], key: str) -> None:
    axes = figure.subplots()
    for chance in {curve.chance for curve in curves}:
        axes.plot(*chance, color=PALE, linewidth=0.9)
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


def _apart(figure: Figure, curves: list[_Curve], axis: tuple[str, str], key: str) -> None:
    axes = panels(figure, len(curves), shared=True)
    for ax, curve in zip(axes, curves, strict=True):
        ax.plot(*curve.chance, color=GREY, linewidth=0.8)
        ax.plot(curve.x, curve.y, color=ACCENT, linewidth=1.3)
        ax.set_title(f"{short(curve.name)}\n{curve.label}", fontsize=7, color=INK)
        ax.set(xlim=(0, 1), ylim=(0, 1.01), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        tidy(ax)
    figure.supxlabel(f"{axis[0]}   ({key})", fontsize=8)
    figure.supylabel(axis[1], fontsize=8)
