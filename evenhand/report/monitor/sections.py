"""The sections of the monitor's page: from what is known of a champion to plain values for the templates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from evenhand.monitoring.drift import fewest_in_a_row
from evenhand.monitoring.expected_scores import error_of
from evenhand.monitoring.limits import held_out_losses, periods_between, rows_between
from evenhand.monitoring.monitor import track_record
from evenhand.monitoring.periods import shown
from evenhand.monitoring.state import ColumnFinding, LabelFinding
from evenhand.report.figures import timeline as draw_timeline
from evenhand.report.figures import to_svg
from evenhand.report.figures.timeline import Timeline
from evenhand.report.monitor.data import MonitorView
from evenhand.report.table_model import Cell, Table, decimal, facts, numbers, percentage, words

NEWEST = 13  # periods that a table lists: a quarter of weeks
ACTION_TEXT = {"repair": "mend the data", "warn": "warns", "train": "asks for a training"}
ACTION_CSS = {"repair": "fail", "warn": "undecided", "train": "fail"}
OVER_ALL = "error, all rows"


def alarms(view: MonitorView) -> dict[str, Any]:
    """Return every alarm of this version, the newest first."""
    new = set(view.new)
    rows: list[list[str | Cell]] = [
        [
            shown(one.period),
            Cell(ACTION_TEXT[one.action], "new" if one in new else "", ACTION_CSS[one.action]),
            one.kind,
            one.text,
        ]
        for one in sorted(view.state.alarms, key=lambda alarm: alarm.period, reverse=True)
    ]
    return {"table": Table("", words("period", "what it does", "kind", "what was found"), rows, "stacked wide")}


def timeline(view: MonitorView) -> dict[str, Any] | None:
    """Return the drawn timeline."""
    state, reference = view.state, view.monitor.reference
    if not state.inputs and not state.labels:
        return None
    before = [one.name for one in reference.held_out]
    names = [*before, *sorted({*(one.period for one in state.inputs), *(one.period for one in state.labels)})]
    at = {name: number for number, name in enumerate(names)}
    error, expected, low, high = (np.full(len(names), np.nan) for _ in range(4))
    for period in reference.held_out:
        error[at[period.name]] = error_of(period.confusion)
    for found in state.labels:
        error[at[found.period]] = found.error
    for one in state.inputs:
        if "error" in one.expected:
            estimate = one.expected["error"]
            expected[at[one.period]] = estimate.estimate
            low[at[one.period]] = math.nan if estimate.low is None else estimate.low
            high[at[one.period]] = math.nan if estimate.high is None else estimate.high
    levels, marks = _levels(view, names, at)
    drawn = Timeline(
        [shown(name) for name in names],
        len(before),
        error,
        expected,
        low,
        high,
        view.monitor.detectors[""].limit,
        levels,
        marks,
    )
    label = "Error by period, and the level of each detector as a share of its alarm's limit"
    return {"drawn": to_svg(draw_timeline(drawn), "timeline", label)}


def _levels(
    view: MonitorView, names: Sequence[str], at: dict[str, int]
) -> tuple[dict[str, np.ndarray], dict[str, list[int]]]:
    levels = {}
    for name, detector in view.monitor.detectors.items():
        share = np.full(len(names), np.nan)
        for found in view.state.labels:
            share[at[found.period]] = found.levels.get(name, math.nan) / detector.threshold
        levels[_subject(name)] = share
    drift = np.full(len(names), np.nan)
    for one in view.state.inputs:
        drift[at[one.period]] = one.level / view.monitor.drift_threshold
    levels["drift"] = drift
    marks: dict[str, list[int]] = {}
    for alarm in view.state.alarms:
        if alarm.kind in ("performance", "drift"):
            line = "drift" if alarm.kind == "drift" else _subject(alarm.subject)
            marks.setdefault(line, []).append(at[alarm.period])
    return levels, marks


def _subject(name: str) -> str:
    return f"misses, {name}" if name else OVER_ALL


def classes(view: MonitorView) -> dict[str, Any] | None:
    """Return share and recall of each class, in the reference and in the labelled periods."""
    if not view.state.labels:
        return None
    reference, labels = view.monitor.reference, view.state.labels
    confusion = np.sum([one.confusion for one in reference.held_out], axis=0)
    size = confusion.sum(1)
    rows: list[list[str | Cell]] = []
    for code, name in enumerate(reference.classes):
        before = size[code] / size.sum()
        recall = confusion[code, code] / size[code] if size[code] else math.nan
        detector = view.monitor.detectors.get(name)
        least = "too few rows" if detector is None else decimal(1 - detector.limit)
        rows.append(
            [
                name,
                decimal(before),
                decimal(_mean_share(labels, name)),
                decimal(_mean_share(labels[-NEWEST:], name)),
                decimal(recall),
                decimal(_mean_recall(labels, name)),
                decimal(_mean_recall(labels[-NEWEST:], name)),
                least,
            ]
        )
    newest = f"newest {min(NEWEST, len(labels))}"
    heads = [f"{what}, {when}" for what in ("share", "recall") for when in ("held out", "all new", newest)]
    columns = words("class") + numbers(*heads, "least recall")
    return {"table": Table("", columns, rows), "periods": len(labels), "waiting": view.waiting}


def _mean_share(labels: Sequence[LabelFinding], name: str) -> float:
    known = [(one.shares[name].share, one.labelled) for one in labels if name in one.shares]
    return _weighted(known)


def _mean_recall(labels: Sequence[LabelFinding], name: str) -> float:
    """Average the recalls of periods, each by its rows of the class."""
    known = [
        (recall, one.labelled * one.shares[name].share)
        for one in labels
        if (recall := one.recall.get(name)) is not None and name in one.shares
    ]
    return _weighted(known)


def _weighted(pairs: Sequence[tuple[float, float]]) -> float:
    """Average values, each with its weight; nan without any weight."""
    total = sum(weight for _, weight in pairs)
    return sum(value * weight for value, weight in pairs) / total if total else math.nan


def columns(view: MonitorView) -> dict[str, Any] | None:
    """Return the tests of the newest periods, with the columns that changed most."""
    newest = view.state.inputs[-NEWEST:]
    if not newest:
        return None
    rows: list[list[str | Cell]] = []
    for one in reversed(newest):
        top = [_column(c) for c in one.columns if c.deviations > 0][:3]
        broken = "; ".join(f"{name}: {fault}" for name, fault in one.broken.items())
        what = Cell(broken, css="fail") if broken else one.note or ", ".join(top)
        tests = [_p(one.p_inputs), _p(one.p_predictions)]
        rows.append([shown(one.period), f"{one.rows:,}", *tests, what])
    heads = numbers("rows", "p, inputs", "p, predictions")
    table = Table("Newest periods", words("period") + heads + words("largest changes"), rows, "wide")
    return {"table": table, "least": view.monitor.policy.min_effect}


def _column(found: ColumnFinding) -> str:
    return f"{found.column} ({found.what} {found.effect:.2f})"


def _p(value: float | None) -> str:
    return "not tested" if value is None else f"{value:.3f}"


def expected(view: MonitorView) -> dict[str, Any] | None:
    """Return the scores that the probabilities let expect, beside the true ones where labels came."""
    known = [one for one in view.state.inputs if one.expected][-NEWEST:]
    if not known:
        return None
    truth = {one.period: one for one in view.state.labels}
    rows: list[list[str | Cell]] = []
    for one in reversed(known):
        cells: list[str | Cell] = [shown(one.period)]
        for name in ("error", "macro_f1"):
            found = one.expected[name]
            ends = "" if found.low is None else f"{decimal(found.low)} to {decimal(found.high or 0.0)}"
            true = getattr(truth[one.period], name) if one.period in truth else None
            cells += [Cell(decimal(found.estimate), ends), "no labels yet" if true is None else decimal(true)]
        rows.append(cells)
    inside, of = track_record(view.state)
    heads = numbers("expected error", "true error", "expected macro F1", "true macro F1")
    return {"table": Table("Newest periods", words("period") + heads, rows), "inside": inside, "of": of}


def limits(view: MonitorView) -> dict[str, Any]:
    """Return what every alarm's limit is and where it comes from."""
    monitor, reference = view.monitor, view.monitor.reference
    losses = held_out_losses(reference)
    rows: list[list[str | Cell]] = [
        [
            _subject(name),
            decimal(losses[name].mean),
            decimal(losses[name].upper),
            decimal(losses[name].shock) if losses[name].known else "not known",
            decimal(one.limit),
            f"{one.threshold:,.0f}",
        ]
        for name, one in monitor.detectors.items()
    ]
    heads = numbers("held out", "upper bound", "spread between periods", "limit m0", "alarm at a level of")
    between, n = periods_between(reference, monitor.policy), len(reference.earlier) + len(reference.held_out)
    needed = fewest_in_a_row([n, len(reference.held_out)], monitor.drift_threshold)
    declared = [
        ("declared", f"a false alarm {monitor.policy.false_alarm}, of warnings and of requests for a training each"),
        ("in periods and rows", f"{between:,.0f} periods, {rows_between(reference, monitor.policy):,.0f} rows"),
        ("reference", f"{len(reference.held_out)} held-out periods, {n} with those of the training rows (inputs only)"),
        ("smallest p of one period", f"1/{n + 1} for inputs, 1/{len(reference.held_out) + 1} for predictions"),
        ("drift is found", f"after {needed} periods in a row at the earliest"),
        ("not compared", "; ".join(f"{name} ({why})" for name, why in reference.left_out.items()) or "nothing"),
    ]
    return {
        "table": Table("Losses that are watched", words("loss") + heads, rows),
        "facts": facts("", declared),
        "short": _too_short(n, between) if n + 1 < between else "",
    }


def _too_short(n: int, needed: float) -> str:
    return (
        f"The reference has {n} periods, and {needed:,.0f} would be needed for one period alone to be as rare as the "
        f"declared rate: p is never below 1/{n + 1}. Drift is found when several periods in a row are unusual."
    )


def answer(view: MonitorView) -> tuple[str, str]:
    """Return the tone of the page and its first line."""
    kinds = {alarm.action for alarm in view.state.alarms}
    last = view.state.inputs[-1] if view.state.inputs else None
    if last is not None and last.broken:
        return "fail", f"Broken: {', '.join(last.broken)}"
    if view.asks:
        return "fail", "A training is asked for"
    if kinds - {"repair"}:
        return "undecided", "Warnings, and no training is asked for"
    return "pass", "As promised" if view.state.inputs or view.state.labels else "Nothing was tested yet"


def period_text(view: MonitorView) -> str:
    """Say what was watched."""
    tested, labelled = len(view.state.inputs), len(view.state.labels)
    parts = [f"{tested:,} periods tested, {labelled:,} with labels"]
    if view.state.inputs:
        parts.append(f"from {shown(view.state.inputs[0].period)} to {shown(view.state.inputs[-1].period)}")
    if view.waiting:
        parts.append(f"{view.waiting:,} wait for labels")
    if view.state.labels:
        mean = _weighted([(one.error, one.labelled) for one in view.state.labels])
        before = error_of(np.sum([one.confusion for one in view.monitor.reference.held_out], axis=0))
        parts.append(f"error {percentage(mean)}, {percentage(before)} in the held-out period")
    return "; ".join(parts)
