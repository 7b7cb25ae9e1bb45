"""Sections of the gate report that compare both models on the held-out rows."""

from __future__ import annotations

import math
from html import escape

import numpy as np

from evenhand.evidence.slices import SLICE_METRICS
from evenhand.problem import LOWER_IS_BETTER
from evenhand.report.gate.details import Details, ModelDetails
from evenhand.report.gate.plots import reliability_plot
from evenhand.report.html import table

WIDE = 8  # classes from which on a confusion table is set in small type
POINTS = 40  # percentage points that give the strongest tint


def about_models(details: Details) -> str:
    """Put every metric of both beside each other."""
    rows = []
    for name, value in details.challenger.scores.metrics.items():
        lower = '<span class="note"> lower is better</span>' if name in LOWER_IS_BETTER else ""
        cells = [f"{escape(name)}{lower}"]
        if details.champion is not None:
            before = details.champion.scores.metrics[name]
            cells += [_number(before), _number(value), _number(value - before, "+")]
        else:
            cells.append(_number(value))
        rows.append(cells)
    head = ("", "#champion", "#challenger", "#difference") if details.champion else ("", "#challenger")
    return f"<section><h2>Every metric, on the held-out rows</h2>{table(head, rows, 'compact')}</section>"


def classes(details: Details) -> str:
    """Put both models' scores of each class beside each other."""
    rows = []
    for name in details.classes:
        cells = [escape(name), f"#{details.challenger.scores.per_class[name].support:,}"]
        for metric in ("recall", "precision", "average_precision"):
            if details.champion is not None:
                cells.append(_number(getattr(details.champion.scores.per_class[name], metric)))
            cells.append(_number(getattr(details.challenger.scores.per_class[name], metric)))
        rows.append(cells)
    metrics = ("recall", "precision", "average precision")
    who = ("champion", "challenger") if details.champion else ("challenger",)
    head = ("class", "#rows", *(f"#{metric}, {model}" for metric in metrics for model in who))
    return f"<section><h2>Each class</h2>{table(head, rows)}</section>"


def confusions(details: Details) -> str:
    """Show of each true class where its rows go, and how that changed."""
    now = _shares(details.challenger)
    change = None if details.champion is None else now - _shares(details.champion)
    rows = []
    for true, name in enumerate(details.classes):
        cells = [f"<b>{escape(name)}</b>"]
        for said in range(len(details.classes)):
            moved = None if change is None else change[true, said]
            cells.append(_confusion_cell(now[true, said], moved, true == said))
        rows.append(cells)
    head = ("true class", *(f"#{escape(name)}" for name in details.classes))
    css = "confusion small" if len(details.classes) > WIDE else "confusion"
    heading = "Where the rows of each class go" + (", and how that changed" if change is not None else "")
    changed = (
        " Beside it the change against the champion in percentage points; tinted blue where the change is for the "
        "better, orange where it is for the worse."
        if change is not None
        else ""
    )
    note = f'<p class="note">Percent of the rows of the true class (row) given the class above.{changed}</p>'
    return f"<section><h2>{heading}</h2>{note}{table(head, rows, css)}</section>"


def calibration(details: Details) -> str:
    """Draw both models' calibration."""
    models = [("champion", details.champion), ("challenger", details.challenger)]
    curves = [(name, model.reliability) for name, model in models if model is not None]
    keys = "".join(
        f'<li class="{name}"><i></i>{name}: calibration error {model.scores.metrics["ece"]:.4f}, '
        f"log-loss {model.scores.metrics['log_loss']:.4f}</li>"
        for name, model in models
        if model is not None
    )
    plot = reliability_plot(curves, "How often each model is right against how sure it is")
    return (
        f'<section><h2>Calibration</h2><div class="beside">{plot}<div><ul class="key">{keys}</ul>'
        '<p class="note">On the diagonal a model is right as often as it says. Below it, it is too sure of itself. '
        "The larger the dot, the more rows.</p></div></div></section>"
    )


def groups(details: Details) -> str:
    """Compare the groups of every declared column."""
    if not details.slices:
        return ""
    parts = []
    for column, found in details.slices.items():
        who = ("champion", "challenger") if details.champion else ("challenger",)
        head = ("group", "#rows", *(f"#{metric}, {model}" for metric in SLICE_METRICS for model in who))
        rows = [
            [escape(group), f"#{size:,}"]
            + [_number(found.values[model, place, metric]) for metric in (0, 1) for model in range(len(who))]
            for place, (group, size) in enumerate(zip(found.groups, found.rows, strict=True))
        ]
        compared = ", ".join(details.classes[code] for code in found.classes) or "none has enough rows in every group"
        left = ", ".join(f"{group} ({size:,})" for group, size in found.left_out.items())
        note = f"Means over the classes with enough rows in every group: {compared}." + (
            f" Left out, too few rows: {left}." if left else ""
        )
        parts.append(f'<h3>{escape(column)}</h3>{table(head, rows, "groups")}<p class="note">{escape(note)}</p>')
    return f"<section><h2>Groups</h2>{''.join(parts)}</section>"


def _shares(model: ModelDetails) -> np.ndarray:
    counts = np.asarray(model.scores.confusion, dtype=float)
    total = counts.sum(axis=1, keepdims=True)
    return 100 * np.divide(counts, total, out=np.full_like(counts, np.nan), where=total > 0)


def _confusion_cell(share: float, moved: float | None, diagonal: bool) -> str:
    if math.isnan(share):
        return "#–"
    text = f"{share:.0f}"
    if moved is None:
        return f"#{_diagonal(text, diagonal)}"
    good = (moved > 0) == diagonal
    tint = min(abs(moved) / POINTS, 1) * 0.8
    shade = f"background:rgb(var(--{'better' if good else 'worse'})/{tint:.2f})" if abs(moved) >= 0.5 else ""
    sign = f"{moved:+.0f}" if abs(moved) >= 0.5 else "0"
    return f'#<span class="cell" style="{shade}">{_diagonal(text, diagonal)} <small>{sign}</small></span>'


def _diagonal(text: str, diagonal: bool) -> str:
    return f"<b>{text}</b>" if diagonal else text


def _number(value: float, sign: str = "") -> str:
    return f"#{value:{sign}.4f}" if math.isfinite(value) else "#not defined"
