"""The comparison tables of a training: baseline against resampled, and all candidates, best first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from evenhand.metrics.scores import Scores
from evenhand.problem import LOWER_IS_BETTER, METRICS
from evenhand.report.candidate_row import PLAIN, Row, is_baseline
from evenhand.report.table_model import DIFFERENCE, NAMES

ACCURACY = "accuracy (misleading)"
Rows = Literal["oof", "test"]


def baseline_against_resampled(rows: Sequence[Row], metric: str, on: Rows = "oof") -> pd.DataFrame:
    """Compare each model without resampling with the same model under every strategy.

    Parameters
    ----------
    rows : sequence of Row
    metric : str
        One of ``evenhand.problem.METRICS``.
    on : {"oof", "test"}
        Scores out of fold, or on the held-out period.

    Returns
    -------
    DataFrame
        One row per candidate, model by model: the model with the best candidate first, in it the baseline (strategy
        ``none``, features ``base``, decision ``argmax``), then the rest, best first. Columns ``... vs none`` are the
        difference from the baseline of the same model; for a loss, negative is better. ``min_recall`` is the lowest
        recall of any class. A candidate that was stopped early has its number of ``folds``, and its difference is from
        the baseline on the same rows. ``features`` and ``decision`` are columns if they vary. Candidates without
        scores come last, with the reason in ``skipped`` (empty for all others).

    Raises
    ------
    ValueError
        If ``metric`` does not exist.
    """
    _check_metric(metric)
    scored, unscored = _parted(rows, on)
    baselines = {row.group: scores for row, scores in scored if is_baseline(row)}
    best: dict[str, tuple[bool, float]] = {}
    for row, scores in scored:
        best[row.group] = min(best.get(row.group, (True, math.inf)), _rank(scores, metric))
    scored.sort(
        key=lambda pair: (
            best[pair[0].group],
            pair[0].group,
            pair[0].variant_of is not None,
            pair[0].model,
            not is_baseline(pair[0]),
            *_order(pair[0], pair[1], metric),
        )
    )
    shown = _shown(rows)
    folds = _folds(rows, on)
    lines = [
        _names(row, shown)
        | {name: row.folds for name in folds}
        | _compared(scores, row.beside if row.stopped else baselines.get(row.group), metric)
        for row, scores in scored
    ]
    return _framed(lines, unscored, shown, on)


def shortened(table: pd.DataFrame, metric: str, most: int = 40) -> tuple[pd.DataFrame, int]:
    """Keep the best rows and every model's baseline of a long table, in their order.

    Parameters
    ----------
    table : DataFrame
        Of :func:`baseline_against_resampled`.
    metric : str
    most : int
        A table with at most as many rows is returned unchanged.

    Returns
    -------
    DataFrame, int
        What is kept, and how many scored rows are not; candidates without scores are all kept.
    """
    if len(table) <= most or metric not in table:
        return table, 0
    order = table[metric] if metric in LOWER_IS_BETTER else -table[metric]
    plain = np.logical_and.reduce(
        [table[name] == value for name, value in zip(NAMES[1:], PLAIN, strict=True) if name in table]
    )
    kept = plain | (order.rank(method="first") <= most // 2) | table[metric].isna()
    return table[kept], int((~kept).sum())


def leaderboard(rows: Sequence[Row], metric: str, on: Rows = "oof") -> pd.DataFrame:
    """Rank all candidates, best first.

    Parameters
    ----------
    rows : sequence of Row
    metric : str
        One of ``evenhand.problem.METRICS``; the rows are ordered by it.
    on : {"oof", "test"}
        The evaluation set of the order and of all columns but ``... held out``, which is always the held-out period.

    Returns
    -------
    DataFrame
        One row per candidate. Accuracy comes last, marked as misleading, after the accuracy of always predicting the
        majority class. Candidates that were stopped early follow without a rank. Candidates without scores have no
        rank and come last, with the reason in ``skipped``.

    Raises
    ------
    ValueError
        If ``metric`` does not exist.
    """
    _check_metric(metric)
    scored, unscored = _parted(rows, on)
    scored.sort(key=lambda pair: (pair[0].stopped is not None, *_order(pair[0], pair[1], metric)))
    shown, folds = _shown(rows), _folds(rows, on)
    lines = [
        {"rank": pd.NA if row.stopped else rank}
        | _names(row, shown)
        | {name: row.folds for name in folds}
        | _summary(row, scores, metric, on)
        for rank, (row, scores) in enumerate(scored, start=1)
    ]
    frame = _framed(lines, unscored, shown, on)
    return frame.astype({"rank": "Int64"}) if "rank" in frame else frame


# --- lines of a table --------------------------------------------------------------------------------------------


def _check_metric(metric: str) -> None:
    if metric not in METRICS:
        raise ValueError(f"metric: found {metric!r}, allowed are {', '.join(METRICS)}")


def _parted(rows: Sequence[Row], on: Rows) -> tuple[list[tuple[Row, Scores]], list[Row]]:
    scored, unscored = [], []
    for row in rows:
        scores: Scores | None = getattr(row, on)
        if scores is None or row.skipped is not None:
            unscored.append(row)
        else:
            scored.append((row, scores))
    return scored, sorted(unscored, key=lambda row: tuple(_names(row).values()))


def _rank(scores: Scores, metric: str) -> tuple[bool, float]:
    """Sort best first, undefined last."""
    value = scores.metrics[metric]
    if math.isnan(value):
        return True, 0.0
    return False, value if metric in LOWER_IS_BETTER else -value


def _order(row: Row, scores: Scores, metric: str) -> tuple[Any, ...]:
    """Order by value, then by name: equal scores have one order, whatever the order of the candidates."""
    return _rank(scores, metric), tuple(_names(row).values())


def _names(row: Row, shown: Sequence[str] = NAMES) -> dict[str, Any]:
    return {name: getattr(row, name) for name in shown}


def _shown(rows: Sequence[Row]) -> list[str]:
    varying = [name for name in ("features", "decision") if len({getattr(row, name) for row in rows}) > 1]
    return ["model", "strategy", *varying]


def _folds(rows: Sequence[Row], on: Rows) -> list[str]:
    """Show folds if a candidate was stopped early: its scores are of fewer rows than the others'."""
    return ["folds"] if on == "oof" and any(row.stopped for row in rows) else []


def _compared(scores: Scores, baseline: Scores | None, metric: str) -> dict[str, float]:
    line = {}
    for name in dict.fromkeys((metric, "average_precision")):
        line[name] = scores.metrics[name]
        line[name + DIFFERENCE] = scores.metrics[name] - baseline.metrics[name] if baseline else math.nan
    for name in ("balanced_accuracy", "g_mean"):
        line.setdefault(name, scores.metrics[name])
    recalls = [found.recall for found in scores.per_class.values() if found.support]
    return line | {"min_recall": min(recalls)}


def _summary(row: Row, scores: Scores, metric: str, on: Rows) -> dict[str, float]:
    line = {metric: scores.metrics[metric]}
    if on == "oof" and row.test is not None:
        line[f"{metric} held out"] = row.test.metrics[metric]
    others = ("average_precision", "balanced_accuracy", "g_mean", "mcc", "log_loss", "ece")
    line |= {name: scores.metrics[name] for name in others if name != metric}
    line["fit_seconds"] = row.fit_seconds
    return line | {"majority_accuracy": scores.metrics["majority_accuracy"], ACCURACY: scores.metrics["accuracy"]}


def _framed(lines: list[dict[str, Any]], unscored: list[Row], shown: Sequence[str], on: Rows) -> pd.DataFrame:
    columns = list(dict.fromkeys(name for line in lines for name in line)) or list(shown)
    missing = {"oof": "not scored out of fold", "test": "not scored on the held-out period"}[on]
    ends = [_names(row, shown) | {"skipped": row.skipped or row.stopped or missing} for row in unscored]
    frame = pd.DataFrame([{**line, "skipped": ""} for line in lines] + ends, columns=[*columns, "skipped"])
    return frame if unscored else frame.drop(columns="skipped")
