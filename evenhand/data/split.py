"""Class names, the folds inside the training rows, and blocks."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from evenhand.errors import ProblemError
from evenhand.problem import Blocks, ForwardFolds, GroupFolds, StratifiedFolds, Target
from evenhand.text.cell_text import canonical_text, text_of

_PERIOD = {"day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}


@dataclass(frozen=True, eq=False)
class Fold:
    """Row positions that a model is trained on (``train``) and predicts (``valid``); no row is in both."""

    number: int
    train: np.ndarray
    valid: np.ndarray


def rows_at(frame: pd.DataFrame, positions: np.ndarray) -> pd.DataFrame:
    """Return the rows at some positions, without a copy where the positions follow each other.

    Examples
    --------
    >>> rows_at(pd.DataFrame({"age": [31, 44, 7]}), np.array([1, 2]))["age"].tolist()
    [44, 7]
    """
    contiguous = len(positions) > 0 and (np.diff(positions) == 1).all()
    return frame.iloc[positions[0] : positions[-1] + 1] if contiguous else frame.iloc[positions]


def class_labels(raw: pd.Series, target: Target) -> pd.Series:
    """Turn raw target values into class names.

    Parameters
    ----------
    raw : Series of str, shape (n_rows,)
    target : Target

    Returns
    -------
    Series of str, shape (n_rows,)
        Missing for a row that is left out.

    Raises
    ------
    ProblemError
        When a raw value is in no group and ``target.other`` is not given.

    Examples
    --------
    >>> target = Target(column="w", groups={"Firearm": ("Gun",)}, other="Non-Firearm", drop=("Unknown",))
    >>> class_labels(pd.Series(["Gun", "Knife", "Unknown"]), target).fillna("-").tolist()
    ['Firearm', 'Non-Firearm', '-']
    """
    labels = raw.mask(raw.isin([canonical_text(value) for value in target.drop]))
    if target.groups is None:
        return labels
    name_of = {canonical_text(value): name for name, values in target.groups.items() for value in values}
    strangers = sorted(set(labels.dropna()) - set(name_of))
    if strangers and target.other is None:
        raise ProblemError(
            f"target {target.column!r}: no group names {', '.join(strangers[:5])}; add them to a group, to `drop`, "
            "or name the class of `other` values"
        )
    return labels.map(lambda value: name_of.get(value, target.other), na_action="ignore")


def make_folds(
    frame: pd.DataFrame, y: np.ndarray, folds: StratifiedFolds | GroupFolds | ForwardFolds, seed: int
) -> list[Fold]:
    """Make the folds inside the training rows.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        The training rows, typed.
    y : ndarray of int, shape (n_rows,)
        Class codes.
    folds : StratifiedFolds, GroupFolds or ForwardFolds
    seed : int

    Returns
    -------
    list of Fold

    Raises
    ------
    ProblemError
        When there are too few rows, groups or periods for the folds asked for.
    """
    if isinstance(folds, ForwardFolds):
        pairs = _forward(frame[folds.column], folds)
    elif isinstance(folds, GroupFolds):
        groups = text_of(frame[folds.column]).fillna("(missing)").to_numpy()
        _need(len(np.unique(groups)) >= folds.n, f"{folds.n} group folds of {folds.column!r}", "groups")
        splitter = StratifiedGroupKFold(folds.n, shuffle=True, random_state=seed)
        pairs = list(splitter.split(np.zeros(len(y)), y, groups))
    else:
        largest = int(np.bincount(y).max())
        _need(largest >= folds.n, f"{folds.n} stratified folds", "rows in any class")
        splitter = StratifiedKFold(folds.n, shuffle=True, random_state=seed)
        with warnings.catch_warnings():  # a class of fewer rows than folds: the evidence says what that settles
            warnings.filterwarnings("ignore", message="The least populated class")
            pairs = list(splitter.split(np.zeros(len(y)), y))
    return [Fold(number, train, valid) for number, (train, valid) in enumerate(pairs)]


def comparable_folds(folds: Sequence[Fold], y: np.ndarray) -> list[Fold]:
    """Leave out folds whose training rows hold one class only: no candidate could be fitted there.

    Parameters
    ----------
    folds : sequence of Fold
    y : ndarray of int, shape (n_rows,)
        Class codes.

    Raises
    ------
    ProblemError
        When no fold is left.

    Examples
    --------
    >>> first, second = Fold(0, np.array([0, 1]), np.array([2])), Fold(1, np.array([0, 1, 2]), np.array([3]))
    >>> [fold.number for fold in comparable_folds([first, second], np.array([0, 0, 1, 1]))]
    [1]
    """
    found = [fold for fold in folds if len(np.unique(y[fold.train])) > 1]
    if not found:
        raise ProblemError(
            f"split.folds: the training rows of each of the {len(folds)} folds hold one class only, so that no model "
            "can be fitted; give fewer folds, longer periods, or folds of kind stratified"
        )
    return found


def block_numbers(column: pd.Series, blocks: Blocks) -> np.ndarray:
    """Assign a number to the block of each row.

    Parameters
    ----------
    column : Series, shape (n_rows,)
        ``blocks.column``, typed.
    blocks : Blocks

    Returns
    -------
    ndarray of int, shape (n_rows,)
        -1 where the value is missing.

    Raises
    ------
    ProblemError
        When a period is asked for of a column that holds no times.

    Examples
    --------
    >>> when = pd.Series(pd.to_datetime(["2020-01-01 09:00", "2020-01-01 23:00", "2020-01-02 01:00", None]))
    >>> block_numbers(when, Blocks(column="when", period="day")).tolist()
    [0, 0, 1, -1]
    """
    return period_numbers(column, blocks.period, "split.blocks", blocks.column)


def period_numbers(column: pd.Series, period: str, where: str, name: str) -> np.ndarray:
    """Assign a number to each value, day, month or year of a column, and -1 to a missing one.

    ``where`` and ``name`` are for messages.

    Raises
    ------
    ProblemError
        When a period is asked for of a column that holds no times.
    """
    if period != "value":
        if not pd.api.types.is_datetime64_any_dtype(column):
            raise ProblemError(f"{where}: period {period} needs times in {name!r}")
        column = column.dt.strftime(_PERIOD[period])
    return pd.factorize(column, sort=True)[0]


def _forward(column: pd.Series, folds: ForwardFolds) -> Sequence[tuple[np.ndarray, np.ndarray]]:
    period = column if folds.period == "value" else column.dt.strftime(_PERIOD[folds.period])
    codes, periods = pd.factorize(period, sort=True)
    _need(len(periods) > folds.n, f"{folds.n} folds forward in {folds.column!r}", "periods before them")
    predicted = range(len(periods) - folds.n, len(periods))
    # A row without a date (code -1) counts as older: it may be trained on and is never predicted.
    return [(np.flatnonzero(codes < i), np.flatnonzero(codes == i)) for i in predicted]


def _need(enough: bool, asked: str, what: str) -> None:
    if not enough:
        raise ProblemError(f"split.folds: {asked} need more {what} than the training rows have")
