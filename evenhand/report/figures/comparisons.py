"""Strategies compared: what they did to the class counts, and their scores."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from evenhand.problem import LOWER_IS_BETTER
from evenhand.report.candidate_row import Row, is_baseline
from evenhand.report.figures.style import ACCENT, GREY, INK, PALE, SECOND, SIZE, new_figure, panels, short, tidy

MOST = 30  # strategies that are readable in one figure


def class_counts(before: Mapping[str, int], after: Mapping[str, Mapping[str, int]], note: str = "") -> Figure:
    """Draw the training rows of every class before and after each strategy, on a logarithmic scale.

    Parameters
    ----------
    before : mapping of class name to rows
    after : mapping of strategy to (mapping of class name to rows)
    note : str
        What data this is, and that it is synthetic if it is.

    Raises
    ------
    ValueError
        If there is no class or no strategy.
    """
    if not before or not after:
        raise ValueError(f"found {len(before)} classes and {len(after)} strategies, needed one or more of each")
    classes = sorted(before, key=lambda name: (before[name], name))
    figure = new_figure("Training rows of each class before and after resampling (logarithmic)", note)
    axes = panels(figure, len(after), columns=min(3, len(after)), shared=True)
    for ax, (strategy, counts) in zip(axes, after.items(), strict=True):
        _before_after(ax, [before[name] for name in classes], [counts.get(name, 0) for name in classes])
        unchanged = all(counts.get(name, 0) == before[name] for name in classes)
        ax.set_title(short(strategy) + (": unchanged" if unchanged else ""), fontsize=8, color=INK)
        ax.set_yticks(range(len(classes)), [short(name) for name in classes])
        tidy(ax, "x")
        ax.tick_params(axis="y", labelsize=7 if len(classes) <= 8 else 6)
    keys = [_key("o", "before", GREY, "white"), _key("o", "after", ACCENT, ACCENT)]
    figure.legend(handles=keys, loc="outside lower right", ncols=2, fontsize=8, frameon=False)
    return figure


def strategy_comparison(rows: Sequence[Row], metric: str, note: str = "") -> Figure:
    """Draw ``metric`` of every strategy, out of fold and held out, one panel per model, with a line for its baseline.

    Of more than 30 strategies the best are drawn, without the models that were tried with one strategy only.

    Raises
    ------
    ValueError
        If no candidate has scores.
    """
    scored = [row for row in rows if row.oof is not None or row.test is not None]
    if not scored:
        raise ValueError(f"rows: none of {len(rows)} candidates has scores to compare")
    varying = [name for name in ("features", "decision") if len({getattr(row, name) for row in rows}) > 1]
    rows, some = _best(rows, metric, varying)
    models = list(dict.fromkeys(row.model for row in rows if row.oof is not None or row.test is not None))
    labels = _labels(rows, metric, varying)
    columns = min(3, len(models))
    height = 1.5 + 0.24 * len(labels) * -(-len(models) // columns)
    better = "lower" if metric in LOWER_IS_BETTER else "higher"
    title = f"{metric} of {some} ({better} is better)"
    figure = new_figure(title, note, (SIZE[0], max(3.2, min(height, 12.0))))
    axes = panels(figure, len(models), columns=columns, shared=True)
    for ax, model in zip(axes, models, strict=True):
        _strategies(ax, [row for row in rows if row.model == model], labels, varying, metric)
        ax.set_title(short(model), fontsize=8.5, color=INK)
    axes[0].set_ylim(len(labels) - 0.5, -0.5)
    keys = [_key("o", "out of fold", ACCENT, ACCENT), _key("D", "held-out period", SECOND, "white")]
    if any(row.stopped for row in scored):
        keys.insert(1, _key("o", "the same, stopped early", ACCENT, "white"))
    lines = [Line2D([], [], color=GREY, linewidth=1, linestyle="--", label="without resampling")]
    figure.legend(handles=keys + lines, loc="outside lower right", ncols=len(keys) + 1, fontsize=8, frameon=False)
    return figure


def _before_after(axes: Axes, before: list[int], after: list[int]) -> None:
    places = range(len(before))
    low = [max(value, 1) for value in before]  # the scale has no zero
    high = [max(value, 1) for value in after]
    axes.hlines(places, low, high, color=PALE, linewidth=3)
    axes.plot(low, places, "o", color=GREY, markerfacecolor="white", markersize=5)
    axes.plot(high, places, "o", color=ACCENT, markersize=3.5)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.minorticks_off()


def _label(row: Row, varying: Sequence[str]) -> str:
    return " / ".join([row.strategy, *(str(getattr(row, name)) for name in varying)])


def _labels(rows: Sequence[Row], metric: str, varying: Sequence[str]) -> dict[str, int]:
    """Return the position of every strategy: the baseline on top, then the best on average out of fold."""
    found: dict[str, list[float]] = {}
    for row in rows:
        values = found.setdefault(_label(row, varying), [])
        scores = row.oof or row.test
        if scores is not None and not math.isnan(scores.metrics[metric]):
            values.append(scores.metrics[metric] * (1 if metric in LOWER_IS_BETTER else -1))
    baselines = {_label(row, varying) for row in rows if is_baseline(row)}

    def rank(label: str) -> tuple[bool, float, str]:
        values = found[label]
        return label not in baselines, sum(values) / len(values) if values else float("inf"), label

    return {label: at for at, label in enumerate(sorted(found, key=rank))}


def _best(rows: Sequence[Row], metric: str, varying: Sequence[str]) -> tuple[Sequence[Row], str]:
    """Choose what is drawn, and describe it."""
    if len(_labels(rows, metric, varying)) <= MOST:
        return rows, "every strategy"
    tried = Counter(row.model for row in rows)
    several = [row for row in rows if tried[row.model] > 1 and (row.oof or row.test) is not None] or rows
    best = list(_labels(several, metric, varying))[:MOST]
    return [row for row in several if _label(row, varying) in best], f"the best {len(best)} strategies"


def _strategies(
    axes: Axes, rows: Sequence[Row], labels: Mapping[str, int], varying: Sequence[str], metric: str
) -> None:
    for row in rows:
        place = labels[_label(row, varying)]
        if row.oof is not None:
            fill = "white" if row.stopped else ACCENT
            axes.plot(row.oof.metrics[metric], place, "o", color=ACCENT, markerfacecolor=fill, markersize=6)
        if row.test is not None:
            axes.plot(row.test.metrics[metric], place, "D", color=SECOND, markerfacecolor="white", markersize=5)
        if row.oof is None and row.test is None:
            axes.text(0.5, place, "skipped", transform=axes.get_yaxis_transform(), fontsize=7, color=GREY, ha="center")
    baseline = next((row for row in rows if is_baseline(row)), None)
    for scores, colour in ((baseline.oof, ACCENT), (baseline.test, SECOND)) if baseline else ():
        if scores is not None:
            axes.axvline(scores.metrics[metric], color=colour, linewidth=0.9, linestyle="--", alpha=0.6, zorder=1)
    axes.set_yticks(list(labels.values()), [short(label, 40) for label in labels])
    tidy(axes)


def _key(marker: str, label: str, colour: str, fill: str) -> Line2D:
    return Line2D([], [], marker=marker, linestyle="", color=colour, markerfacecolor=fill, markersize=5, label=label)
