"""Columns that a model can learn nothing from: without a value, or with one value, in the training rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evenhand.data.number_range import declared_missing, within_range
from evenhand.data.split import Fold
from evenhand.problem import Problem

_LISTED = 8


def uninformative_columns(train: pd.DataFrame, problem: Problem) -> list[str]:
    """Write which feature columns have no value, or one value, in all training rows.

    Parameters
    ----------
    train : DataFrame of shape (n_rows, n_columns)
        The training rows, typed.
    problem : Problem
    """
    distinct = {name: _known(train, name, problem).nunique() for name in _features(problem)}
    empty = [name for name, n in distinct.items() if n == 0]
    constant = [name for name, n in distinct.items() if n == 1 and not _known(train, name, problem).isna().any()]
    notes = []
    if empty:
        notes.append(f"no value in any training row, so no model can learn from it: {_listed(empty)}")
    if constant:
        notes.append(f"the same value in every training row, so no model can learn from it: {_listed(constant)}")
    return notes


def empty_in_folds(train: pd.DataFrame, problem: Problem, folds: Sequence[Fold]) -> dict[str, list[int]]:
    """Find feature columns without a value in the training rows of some folds, but not of all rows.

    Returns
    -------
    dict of str to list of int
        The numbers of these folds, by column.
    """
    found = {}
    for name in _features(problem):
        known = _known(train, name, problem).notna().to_numpy()
        if known.all() or not known.any():
            continue
        numbers = [fold.number for fold in folds if not known[fold.train].any()]
        if numbers:
            found[name] = numbers
    return found


def _features(problem: Problem) -> list[str]:
    return list(dict.fromkeys(name for features in problem.features.values() for name in features.columns))


def _known(rows: pd.DataFrame, name: str, problem: Problem) -> pd.Series:
    column = rows[name]
    if not pd.api.types.is_float_dtype(column):
        return column
    numbers = within_range(column.to_numpy(dtype=float))
    codes = declared_missing(problem, name)
    return pd.Series(np.where(np.isin(numbers, codes), np.nan, numbers) if codes else numbers)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(map(repr, names[:_LISTED])) + more
