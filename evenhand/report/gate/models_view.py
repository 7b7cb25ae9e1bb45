"""What the gate report shows of both models on the held-out rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from evenhand.evidence.slices import SLICE_METRICS, Slices
from evenhand.metrics.scores import Scores
from evenhand.problem import LOWER_IS_BETTER
from evenhand.report.figures import reliability, to_svg
from evenhand.report.gate.details import Details, ModelDetails
from evenhand.report.table_model import Cell, Column, Table, decimal, numbers, percentage, words

WIDE = 8  # classes above which a confusion table is set in small type
POINTS = 40  # percentage points that give the strongest tint
CLASS_METRICS = ("recall", "precision", "average_precision")

View = Callable[[], dict[str, Any] | None]


def sections(details: Details) -> dict[str, tuple[str, View]]:
    """Return the sections that compare the models: name, link, and what its template shows."""
    views: dict[str, tuple[str, Callable[[Details], dict[str, Any] | None]]] = {
        "metrics": ("metrics", _metrics),
        "classes": ("classes", _classes),
        "confusion": ("confusion", _confusion),
        "calibration": ("calibration", _calibration),
        "groups": ("groups", _groups),
        "unknown": ("unknown cells", _unknown),
    }
    return {name: (link, partial(view, details)) for name, (link, view) in views.items()}


def confusion(scores: Scores, before: Scores | None = None) -> Table:
    """Return of each true class the percent of its rows given every class, and how that changed."""
    names = list(scores.per_class)
    now = _percent(scores)
    change = None if before is None else now - _percent(before)
    rows: list[list[str | Cell]] = []
    for true, name in enumerate(names):
        cells = [
            _confusion_cell(now[true, at], None if change is None else change[true, at], true == at)
            for at in range(len(names))
        ]
        rows.append([name, *cells])
    css = "confusion small" if len(names) > WIDE else "confusion"
    caption = "Percent of the rows of the true class (row) predicted as the class above"
    return Table(caption, words("true class") + numbers(*names), rows, css)


def _models(details: Details) -> dict[str, ModelDetails]:
    models = {"champion": details.champion, "challenger": details.challenger}
    return {name: model for name, model in models.items() if model is not None}


def _by_model(details: Details, metrics: tuple[str, ...]) -> tuple[Column, ...]:
    return numbers(*(f"{metric.replace('_', ' ')}, {model}" for metric in metrics for model in _models(details)))


def _metrics(details: Details) -> dict[str, Any]:
    models = list(_models(details).values())
    rows: list[list[str | Cell]] = []
    for name in details.challenger.scores.metrics:
        values = [model.scores.metrics[name] for model in models]
        difference = [decimal(values[1] - values[0], "+", 4)] if len(values) > 1 else []
        label = Cell(name, "lower is better" if name in LOWER_IS_BETTER else "")
        rows.append([label, *(decimal(value, digits=4) for value in values), *difference])
    columns = words("metric") + numbers(*_models(details), *(["difference"] if len(models) > 1 else []))
    return {"table": Table("On the held-out rows", columns, rows, "compact")}


def _classes(details: Details) -> dict[str, Any]:
    rows = []
    for name in details.classes:
        scores = [model.scores.per_class[name] for model in _models(details).values()]
        values = [decimal(getattr(one, metric), digits=4) for metric in CLASS_METRICS for one in scores]
        rows.append([name, f"{scores[-1].support:,}", *values])
    columns = words("class") + numbers("rows") + _by_model(details, CLASS_METRICS)
    return {"table": Table("On the held-out rows", columns, rows)}


def _confusion(details: Details) -> dict[str, Any]:
    before = details.champion.scores if details.champion else None
    return {"table": confusion(details.challenger.scores, before), "changed": before is not None}


def _calibration(details: Details) -> dict[str, Any]:
    models = _models(details)
    plot = reliability({name: model.reliability for name, model in models.items()})
    rows = [
        [name, percentage(confidence), percentage(accuracy), f"{count:,}"]
        for name, model in models.items()
        for confidence, accuracy, count in zip(
            model.reliability.confidence, model.reliability.accuracy, model.reliability.rows, strict=True
        )
    ]
    marks = {"champion": "grey", "challenger": "dot"}
    return {
        "drawn": to_svg(plot, "reliability", "How often each model is right against how confident it is"),
        "key": [
            (marks[name], f"{name}: calibration error {ece:.4f}, log-loss {loss:.4f}")
            for name, model in models.items()
            for ece, loss in [(model.scores.metrics["ece"], model.scores.metrics["log_loss"])]
        ],
        "table": Table("", words("model") + numbers("mean confidence", "share that is right", "rows"), rows, "compact"),
    }


def _groups(details: Details) -> dict[str, Any] | None:
    if not details.slices:
        return None
    return {"groups": [_group(details, column, found) for column, found in details.slices.items()]}


def _group(details: Details, column: str, found: Slices) -> dict[str, Any]:
    who = range(len(_models(details)))
    rows = [
        [group, f"{size:,}"]
        + [decimal(found.values[model, at, metric], digits=4) for metric in range(len(SLICE_METRICS)) for model in who]
        for at, (group, size) in enumerate(zip(found.groups, found.rows, strict=True))
    ]
    columns = words(column) + numbers("rows") + _by_model(details, SLICE_METRICS)
    return {
        "column": column,
        "table": Table("On the held-out rows", columns, rows),
        "compared": ", ".join(details.classes[code] for code in found.classes) or "none has enough rows in every group",
        "left_out": ", ".join(f"{group} ({size:,})" for group, size in found.left_out.items()),
    }


def _unknown(details: Details) -> dict[str, Any] | None:
    if not details.unknown:
        return None
    models = list(_models(details))
    rows: list[list[str | Cell]] = [
        [column, *(percentage(shares[model]) if model in shares else "not read" for model in models)]
        for column, shares in details.unknown.items()
    ]
    return {"table": Table("Share of the held-out rows", words("column") + numbers(*models), rows, "compact")}


def _percent(scores: Scores) -> np.ndarray:
    counts = np.asarray(scores.confusion, dtype=float)
    total = counts.sum(axis=1, keepdims=True)
    return 100 * np.divide(counts, total, out=np.full_like(counts, np.nan), where=total > 0)


def _confusion_cell(share: float, change: float | None, diagonal: bool) -> Cell:
    if math.isnan(share):
        return Cell("–")
    css = "plain" if diagonal else ""
    if change is None:
        return Cell(f"{share:.0f}", css=css)
    if abs(change) < 0.5:
        return Cell(f"{share:.0f}", "0", css)
    colour = "better" if (change > 0) == diagonal else "worse"
    tint = f"rgb(var(--{colour})/{min(abs(change) / POINTS, 1) * 0.8:.2f})"
    return Cell(f"{share:.0f}", f"{change:+.0f}", css, tint)
