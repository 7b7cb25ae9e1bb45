"""Every strategy of the evidence family: what it gains, and each class on the held-out period."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from evenhand.evidence.bootstrap import Interval
from evenhand.evidence.types import EVALUATION_SETS, Difference, EvaluationSet, Evidence
from evenhand.metrics.scores import Scores
from evenhand.problem import ARGMAX, BASE
from evenhand.report.candidate_row import Row, is_baseline, row_name
from evenhand.report.table_model import NOT_ENOUGH, Cell, Table, decimal, interval_cell, numbers, percentage, words
from evenhand.report.training.data import STRATEGY_CURVES, Report
from evenhand.report.training.inline_figures import drawn
from evenhand.report.training.intervals import decided_intervals
from evenhand.report.training.sentences import metric_name

HEADINGS = ("found (recall)", "right (precision)", "both combined (F1)", "ranking (average precision)")


def strategies(report: Report) -> dict[str, Any] | None:
    """Return the strategies that ran on all folds and on the held-out period, overall and class by class."""
    family = report.problem.evidence_model
    rows = scored_strategies(report.rows, family)
    if len(rows) < 2:
        return None
    tables = class_tables(rows, report.problem.gate.min_positives)
    about = f"Precision against recall of each class, every strategy on {family}, held-out period"
    return {
        "family": family,
        "metric": metric_name(report.problem.metric),
        "overall": _overall(report, rows),
        "rarest": tables[0],
        "others": tables[1:],
        "drawn": drawn(report, STRATEGY_CURVES, about),
    }


def scored_strategies(rows: Sequence[Row], family: str) -> list[Row]:
    """Return the candidates of a model on `base` that have all folds and held-out scores, the baseline first."""
    found = [row for row in rows if row.model == family and row.features == BASE and row.variant_of is None]
    complete = [row for row in found if row.oof is not None and row.test is not None and row.stopped is None]
    return sorted(complete, key=lambda row: not is_baseline(row))


def strategy_name(row: Row) -> str:
    """Name the strategy, and the decision rule where there is one."""
    return row.strategy if row.decision == ARGMAX.name else f"{row.strategy} / {row.decision}"


def class_tables(rows: Sequence[Row], min_positives: int) -> list[Table]:
    """Make one table per class of the held-out scores of candidates, the rarest class with enough rows first.

    Recall, precision and F1 have 95 % intervals from drawing rows. A class with too few rows has no figures.
    """
    tests = [row.test for row in rows if row.test is not None]
    intervals = [_decided(scores) for scores in tests]
    support = {name: found.support for name, found in tests[0].per_class.items()}
    names = sorted(support, key=lambda name: (support[name] < min_positives, support[name], name))
    columns, tables, codes = words("strategy") + numbers(*HEADINGS), [], list(support)
    for name in names:
        enough = support[name] >= min_positives
        lines: list[list[str | Cell]] = []
        for row, scores, found in zip(rows, tests, intervals, strict=True):
            cells = [interval_cell(found[measure][codes.index(name)], measure != "F1") for measure in found]
            area = Cell(decimal(scores.per_class[name].average_precision))
            lines.append([strategy_name(row), *((*cells, area) if enough else [Cell(NOT_ENOUGH)] * len(HEADINGS))])
        share = percentage(support[name] / sum(support.values()))
        tables.append(Table(f"{name}: {support[name]:,} held-out rows, {share} of all", columns, lines))
    return tables


def _decided(scores: Scores) -> dict[str, tuple[Interval, ...]]:
    """Make the intervals of the decisions that a confusion matrix counts."""
    k = len(scores.confusion)
    truth, codes = np.divmod(np.repeat(np.arange(k * k), scores.confusion.ravel().astype(np.int64)), k)
    return decided_intervals(truth, codes, k)


def _overall(report: Report, rows: Sequence[Row]) -> Table:
    metric, name = report.problem.metric, metric_name(report.problem.metric)
    columns = words("strategy")
    for where in ("out of fold", "held out"):
        columns += numbers(f"{name}, {where}", "difference") + words("conclusion")
    lines: list[list[str | Cell]] = []
    for row in rows:
        line: list[str | Cell] = [strategy_name(row)]
        for on in EVALUATION_SETS:
            scores: Scores = getattr(row, on)
            difference = _difference(report.evidence, row, on, metric)
            line += [decimal(scores.metrics[metric]), *_compared(difference)]
        lines.append(line)
    return Table(f"Every strategy against {rows[0].model} without one, complete", columns, lines, "wide")


def _difference(found: Evidence | None, row: Row, on: EvaluationSet, metric: str) -> Difference | None:
    known = {one.name: one for one in found.candidates} if found else {}
    return known[row_name(row)].difference(on, metric) if row_name(row) in known else None


def _compared(difference: Difference | None) -> tuple[str | Cell, str]:
    if difference is None:
        return "", ""
    near = difference.interval
    cell = Cell(decimal(difference.estimate, "+"), f"{decimal(near.low, '+')} to {decimal(near.high, '+')}")
    return cell, difference.text
