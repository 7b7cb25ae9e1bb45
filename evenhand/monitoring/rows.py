"""From typed rows to summaries of periods, and to the reference that a training leaves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evenhand.monitoring.columns import ColumnBins, counts_by_period, learn_bins
from evenhand.monitoring.drift import MOST_PERIODS
from evenhand.monitoring.periods import Period
from evenhand.monitoring.summaries import MonitorReference, PeriodSummary
from evenhand.problem import Problem

FULL = 0.25  # of the median rows of a held-out period: a period with fewer is cut off or has hardly begun
GIVES_THE_DATE = "has one value only, or gives the date"


@dataclass(frozen=True, eq=False)
class MonitoredRows:
    """Rows of one file or one part of the data.

    Attributes
    ----------
    columns : dict of str to Series of shape (n_rows,)
        Numbers or text, of :func:`monitored_columns`.
    period : ndarray of str, shape (n_rows,)
        Of :func:`evenhand.monitoring.periods.period_names`.
    predicted : ndarray of int, shape (n_rows,), optional
        Class codes; negative where a row could not be scored.
    proba : ndarray of shape (n_rows, K), optional
        Calibrated.
    y : ndarray of int, shape (n_rows,), optional
        True classes; negative where unknown.
    """

    columns: Mapping[str, pd.Series]
    period: np.ndarray
    predicted: np.ndarray | None = None
    proba: np.ndarray | None = None
    y: np.ndarray | None = None


def monitored_period(problem: Problem) -> Period:
    """Return the declared period; weeks, or single values where the hold-out column holds no times."""
    if problem.monitor.period is not None:
        return problem.monitor.period
    return "week" if problem.split.holdout.of_times else "value"


def monitored_columns(problem: Problem, frame: pd.DataFrame, names: Sequence[str]) -> dict[str, pd.Series]:
    """Return what is compared of each column: numbers and categories as they are, hours of times, lengths of text.

    Parameters
    ----------
    problem : Problem
    frame : DataFrame of shape (n_rows, n_columns)
        Typed.
    names : sequence of str
        The columns of the model.
    """
    texts = {part.column for features in problem.features.values() for part in features.text}
    found: dict[str, pd.Series] = {}
    for name in names:
        column = frame[name]
        if pd.api.types.is_datetime64_any_dtype(column):
            hour = column.dt.hour.astype("Int64").astype("str").where(column.notna())
            found[f"{name}, hour"] = hour.rename(f"{name}, hour")
        elif name in texts:
            found[f"{name}, length"] = column.str.len().astype("float64").rename(f"{name}, length")
        else:
            found[name] = column
    return found


def learn_reference(
    problem: Problem, classes: tuple[str, ...], earlier: MonitoredRows, held_out: MonitoredRows
) -> MonitorReference:
    """Summarise the rows of a training.

    Parameters
    ----------
    problem : Problem
    classes : tuple of str
    earlier : MonitoredRows
        The training rows: of them, inputs only.
    held_out : MonitoredRows
        With predictions and labels of the model that is stored. Losses are never taken from random folds: those
        resemble the training rows more than any new period will.
    """
    codes = pd.factorize(np.concatenate([earlier.period, held_out.period]))[0]
    bins, left_out = {}, {}
    for name, column in held_out.columns.items():
        whole = pd.concat([earlier.columns[name], column], ignore_index=True).rename(name)
        made = learn_bins(whole, codes)
        if made is None:
            left_out[name] = GIVES_THE_DATE
        else:
            bins[name] = made
    of_held_out = summarise(held_out, bins, len(classes))
    fewest = FULL * float(np.median([one.rows for one in of_held_out])) if of_held_out else 0.0
    kept = tuple(one for one in of_held_out if one.rows >= fewest)
    known = {one.name for one in of_held_out}
    before = [one for one in summarise(earlier, bins, len(classes)) if one.rows >= fewest and one.name not in known]
    room = max(0, MOST_PERIODS - len(kept))
    return MonitorReference(
        monitored_period(problem), classes, bins, kept[-MOST_PERIODS:], tuple(before[-room:] if room else ()), left_out
    )


def summarise(rows: MonitoredRows, bins: Mapping[str, ColumnBins], n_classes: int) -> list[PeriodSummary]:
    """Summarise rows by period, oldest first; rows without a period are left out."""
    return list(_summaries(rows, bins, n_classes))


def _summaries(rows: MonitoredRows, bins: Mapping[str, ColumnBins], k: int) -> Iterator[PeriodSummary]:
    dated = rows.period != ""
    codes = np.zeros(len(dated), dtype=np.int64)
    codes[dated], names = pd.factorize(rows.period[dated], sort=True)
    n = len(names)
    codes[~dated] = n  # a period of their own, which is dropped
    inputs = counts_by_period(rows.columns, bins, codes, n + 1)
    size = np.bincount(codes, minlength=n + 1)
    predicted = expected = confusion = None
    if rows.predicted is not None:
        scored = rows.predicted >= 0
        at = codes[scored] * k + rows.predicted[scored]
        predicted = np.bincount(at, minlength=(n + 1) * k).reshape(n + 1, k)
        if rows.proba is not None:
            parts = [np.bincount(at, weights=rows.proba[scored, j], minlength=(n + 1) * k) for j in range(k)]
            expected = np.stack(parts, axis=1).reshape(n + 1, k, k).transpose(0, 2, 1)
        if rows.y is not None:
            confusion = _confusions(codes[scored], rows.y[scored], rows.predicted[scored], n + 1, k)
    for at, name in enumerate(names):
        yield PeriodSummary(
            str(name),
            int(size[at]),
            {column: counts[at] for column, counts in inputs.items()},
            np.zeros(0) if predicted is None else predicted[at].astype(float),
            np.zeros((0, 0)) if expected is None else expected[at],
            np.zeros((0, 0)) if confusion is None else confusion[at],
        )


def _confusions(codes: np.ndarray, y: np.ndarray, predicted: np.ndarray, n: int, k: int) -> np.ndarray:
    known = y >= 0
    joint = (codes[known] * k + y[known]) * k + predicted[known]
    return np.bincount(joint, minlength=n * k * k).reshape(n, k, k).astype(float)
