"""Which rows are held out, and which of them a model was trained on by the boundary that its training recorded."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from evenhand.errors import ProblemError
from evenhand.problem import Holdout
from evenhand.text.cell_text import text_of

Start = int | float | date


def first_held_out(frame: pd.DataFrame, holdout: Holdout) -> Start:
    """Return the value from which on rows are held out: as declared, or the newest whole days, months or years.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        Typed columns.
    holdout : Holdout

    Raises
    ------
    ProblemError
        When a period is asked for of a column that holds no times, or of one without a value.

    Examples
    --------
    >>> rows = pd.DataFrame({"when": pd.to_datetime(["2019-05-01 09:00", "2021-12-31 23:00"], utc=True)})
    >>> first_held_out(rows, Holdout(column="when", last="12 months"))
    datetime.date(2021, 1, 1)
    """
    if holdout.start is not None:
        return holdout.start
    if holdout.order is None:
        raise ProblemError("split.holdout: rows that are held out at random have no first value")
    column = frame[holdout.order]
    if not pd.api.types.is_datetime64_any_dtype(column):
        raise ProblemError(
            f"split.holdout: last {holdout.last} needs times, and column {holdout.column!r} holds {_kind(column)}; "
            "write `start: <first value that is held out>`"
        )
    if column.isna().all():
        raise ProblemError(f"split.holdout: column {holdout.column!r} has no value, so there is no newest row")
    newest = pd.Timestamp(column.max()).normalize()
    try:
        day: date = (newest - pd.DateOffset(**holdout.period)).date()
    except (ValueError, OverflowError):
        raise ProblemError(f"split.holdout: last {holdout.last} is longer than any data") from None
    return day + timedelta(days=1)


def holdout_mask(frame: pd.DataFrame, holdout: Holdout, target: str | None = None) -> np.ndarray:
    """Mark the held-out rows.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        Typed columns; of a random share, all columns that there are: a row is held out for its content.
    holdout : Holdout
    target : str, optional
        Column of the classes, each of which a random share takes its part of.

    Returns
    -------
    ndarray of bool, shape (n_rows,)
        True on the rows at :func:`first_held_out` or later. A row with no value there is a training row.

    Raises
    ------
    ProblemError
        When either side would be empty.
    """
    if holdout.share is not None:
        return random_mask(frame, holdout.share, holdout.column, target)
    start = first_held_out(frame, holdout)
    mask = from_start(frame[holdout.column], start)
    if mask.all() or not mask.any():
        side = "training" if mask.all() else "held-out"
        raise ProblemError(
            f"split.holdout: with {holdout.column!r} from {start} on held out there is no {side} row; "
            f"the column goes from {frame[holdout.column].min()} to {frame[holdout.column].max()}"
        )
    return mask


def random_mask(frame: pd.DataFrame, share: float, group: str | None = None, target: str | None = None) -> np.ndarray:
    """Mark a share of the rows, the same ones whatever their order.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
    share : float
        Of the rows of each class, or of all rows where groups stay together.
    group : str, optional
        Column whose values stay on one side; a row without a value stands alone.
    target : str, optional
        Column of the classes.

    Returns
    -------
    ndarray of bool, shape (n_rows,)
        Rows that are equal in every column are on one side.

    Raises
    ------
    ProblemError
        When either side would be empty.

    Examples
    --------
    >>> rows = pd.DataFrame({"id": range(8), "kind": list("aaaabbbb")})
    >>> mask = random_mask(rows, 0.25, target="kind")
    >>> rows["kind"][mask].tolist(), bool((random_mask(rows[::-1], 0.25, target="kind")[::-1] == mask).all())
    (['a', 'b'], True)
    """
    texts = {name: text_of(frame[name]).fillna("") for name in sorted(frame.columns)}
    keys = pd.util.hash_pandas_object(pd.DataFrame(texts, index=frame.index), index=False).to_numpy()
    if group is not None:
        known = frame[group].notna().to_numpy()
        keys = np.where(known, pd.util.hash_array(texts[group].to_numpy(dtype=object)), keys)
    classes = np.zeros(len(frame), dtype=np.int64)
    if target is not None and group is None:
        classes = pd.factorize(frame[target], sort=True)[0]
    mask = np.zeros(len(frame), dtype=bool)
    for code in np.unique(classes):
        rows = np.flatnonzero(classes == code)
        limit = np.sort(keys[rows])[min(round(share * len(rows)), len(rows) - 1)]
        mask[rows] = keys[rows] < limit
    if mask.all() or not mask.any():
        raise ProblemError(
            f"split.holdout: a share of {share:g} of {len(frame):,} rows"
            + (f" in whole groups of {group!r}" if group else "")
            + " leaves no row on one side; give another share"
        )
    return mask


def from_start(column: pd.Series, start: Start) -> np.ndarray:
    """Mark the values at ``start`` or later, shape (n_rows,); False where there is none.

    Raises
    ------
    ProblemError
        When the column holds numbers and the start is a date, or the other way round.
    """
    if isinstance(start, date) != pd.api.types.is_datetime64_any_dtype(column):
        raise ProblemError(
            f"split.holdout: column {column.name!r} holds {_kind(column)}, which can't be compared with {start!r}"
        )
    first = pd.Timestamp(start, tz="UTC") if isinstance(start, date) else start
    return (column >= first).fillna(False).to_numpy(dtype=bool)


def before_start(column: pd.Series, start: Start) -> np.ndarray:
    """Mark the values that are known to be older than ``start``, shape (n_rows,); there may be none."""
    return ~from_start(column, start) & column.notna().to_numpy()


def read_boundary(text: str) -> Start:
    """Read a recorded boundary: an ISO date or a number.

    Raises
    ------
    ValueError
        On anything else.

    Examples
    --------
    >>> read_boundary("2021-01-01"), read_boundary("2013")
    (datetime.date(2021, 1, 1), 2013.0)
    """
    with suppress(ValueError):
        return float(text)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"a boundary is an ISO date or a number, found {text!r}") from None


@dataclass(frozen=True, eq=False)
class UntrainedRows:
    """The held-out rows that neither model was trained on, by the boundary that the champion's training recorded.

    Attributes
    ----------
    mask : ndarray of bool, shape (n,)
    trained_before : str
        The champion's boundary; empty if it is not known.
    """

    mask: np.ndarray
    trained_before: str = ""

    @property
    def left_out(self) -> int:
        """Number of held-out rows that the champion may have been trained on."""
        return int((~self.mask).sum())

    @property
    def text(self) -> str:
        """What was left out and why, for people."""
        if not self.trained_before:
            return "not recorded of the champion: no row is left out, which can only make the champion look better"
        kept = int(self.mask.sum())
        return (
            f"the champion was trained on rows before {self.trained_before}: {self.left_out:,} of {len(self.mask):,} "
            f"held-out rows are left out, {kept:,} are used"
        )


def untrained_rows(column: pd.Series | None, trained_before: str | None) -> UntrainedRows:
    """Find the held-out rows that the champion was not trained on; the challenger was trained on none of them.

    Parameters
    ----------
    column : Series, shape (n,), optional
        Values of the held-out rows in the hold-out column.
    trained_before : str, optional
        What the champion's training recorded: it was trained on rows before this value only. Where it is not known, or
        of another kind than the column, no row is left out: that can only make the champion look better.
    """
    if column is None or not trained_before:
        return UntrainedRows(np.ones(0 if column is None else len(column), dtype=bool))
    try:
        return UntrainedRows(from_start(column, read_boundary(trained_before)), trained_before)
    except (ValueError, ProblemError):
        return UntrainedRows(np.ones(len(column), dtype=bool))


def _kind(column: pd.Series) -> str:
    if pd.api.types.is_datetime64_any_dtype(column):
        return "times"
    return "numbers" if pd.api.types.is_numeric_dtype(column) else "text"
