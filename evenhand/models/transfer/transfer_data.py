"""Rows of another data set, such as another city's: a model may begin on them, and none of them is ever scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evenhand.data.schema import column_types
from evenhand.data.split import Fold
from evenhand.errors import ProblemError
from evenhand.models.cannot_fit import CannotFit
from evenhand.models.transfer.first_rows import OLDER, FirstRows, older_first, other_data_first, transfer_name
from evenhand.problem import ModelSpec, Problem
from evenhand.strategies.training_rows import TrainingRows

MOST_SHARED = 0.5  # share of the other rows that may be this training's own; above it, it is the same data


@dataclass(frozen=True, eq=False)
class TransferData:
    """Typed rows of another data set, with this training's class codes.

    Attributes
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
    y : ndarray of int, shape (n_rows,)
    when : Series, shape (n_rows,)
        The column that both data sets are split by: timestamps or numbers.
    """

    frame: pd.DataFrame
    y: np.ndarray
    when: pd.Series | None

    def not_after(self, newest: object) -> TransferData:
        """Keep the rows that are no newer than ``newest``, so that a fold learns nothing of its own future."""
        if self.when is None:
            return self
        kept = np.flatnonzero((self.when <= newest).fillna(False).to_numpy(dtype=bool))
        return TransferData(self.frame.iloc[kept], self.y[kept], self.when.iloc[kept])


def named_transfer_data(models: Sequence[ModelSpec]) -> dict[str, dict[str, str]]:
    """Return the other data sets that models begin on: by name, the setting ``first``.

    Examples
    --------
    >>> from evenhand.problem import ModelSpec
    >>> named_transfer_data([ModelSpec(kind="lightgbm_continued", params={"first": {"problem": "york"}})])
    {'york': {'problem': 'york'}}
    """
    firsts = [model.params.get("first") for model in models]
    return {str(transfer_name(first)): dict(first) for first in firsts if isinstance(first, dict)}


def check_same_columns(problem: Problem, other: Problem, name: str, sets: Sequence[str] = ("base",)) -> None:
    """Refuse other data that lack columns of this problem's feature ``sets`` or of its split.

    Raises
    ------
    ProblemError
        Naming the columns that are missing or of another type.
    """
    wanted, found = column_types(problem), column_types(other)
    of_sets = (column for one in sets for column in problem.features[one].columns)
    order = problem.split.holdout.order
    read = list(dict.fromkeys([*of_sets, *([order] if order else [])]))
    missing = [column for column in read if column not in found]
    if missing:
        raise ProblemError(f"models: first: {name} has no column {', '.join(missing)}, which {problem.name} reads")
    unlike = [f"{c} ({found[c].kind}, here {wanted[c].kind})" for c in read if found[c].kind != wanted[c].kind]
    if unlike:
        raise ProblemError(f"models: first: {name} has other types than {problem.name}: {', '.join(unlike)}")


def check_same_classes(name: str, found: Sequence[str], classes: Sequence[str]) -> None:
    """Refuse other data that have other classes.

    Raises
    ------
    ProblemError
        Naming the classes that only one of the two has.
    """
    sides = (("lacks", sorted(set(classes) - set(found))), ("also has", sorted(set(found) - set(classes))))
    differences = [f"{verb} {', '.join(names)}" for verb, names in sides if names]
    if differences:
        raise ProblemError(f"models: first: {name} has other classes: it {'; '.join(differences)}")


def without_own(other: pd.DataFrame, own: pd.DataFrame, columns: Sequence[str], name: str) -> pd.DataFrame:
    """Leave out rows that this training has too: otherwise an evaluated row could be trained on under another name.

    Parameters
    ----------
    other, own : DataFrame
        Rows with the same ``columns``; the own ones include the held-out period.

    Raises
    ------
    ProblemError
        When more than half of the other rows are this training's own.
    """
    known = pd.util.hash_pandas_object(own[list(columns)], index=False)
    shared = pd.util.hash_pandas_object(other[list(columns)], index=False).isin(set(known)).to_numpy()
    if len(other) and shared.mean() > MOST_SHARED:
        raise ProblemError(
            f"models: first: {int(shared.sum()):,} of {len(other):,} rows of {name} are also rows of this training: "
            "name other data"
        )
    return other[~shared]


def first_rows_of(
    spec: ModelSpec,
    rows: TrainingRows,
    fold: Fold,
    when: pd.Series | None,
    transfer: Mapping[str, TransferData],
    encode: Callable[[pd.DataFrame], np.ndarray],
) -> dict[str, FirstRows]:
    """Return the rows of a model's first rounds as the argument of its ``fit``; empty where it chooses them itself.

    Parameters
    ----------
    spec : ModelSpec
    rows : TrainingRows
    fold : Fold
    when : Series, shape (n_all_rows,)
        The column that the rows are split by.
    transfer : mapping of str to TransferData
    encode : callable
        Encodes other rows as the fold's training rows were.

    Raises
    ------
    CannotFit
        When a part lacks a class.
    ProblemError
        When the rows have no time, or the other data are missing.
    """
    first = spec.params.get("first")
    if first == OLDER:
        age = _numbers(_known(when).iloc[fold.train])[rows.source]
        share = spec.params.get("older_share", 0.5)
        assert isinstance(share, int | float)  # noqa: S101 - checked when the problem was read
        return {"first_rows": older_first(rows.X, rows.y, rows.weight, age, share)}
    name = transfer_name(first)
    if name is None:
        return {}
    if name not in transfer:
        raise ProblemError(f"models: first: the rows of {name} were not fetched")
    other = transfer[name].not_after(_known(when).iloc[fold.train].max())
    if not len(other.y):
        raise CannotFit(f"lightgbm_continued: no row of {name} is as old as this fold's training rows")
    return {"first_rows": other_data_first(encode(other.frame), other.y, rows.y, name.rsplit("/")[-1])}


def _known(when: pd.Series | None) -> pd.Series:
    if when is None:
        raise ProblemError("models: first: the rows have no time column")
    return when


def _numbers(when: pd.Series) -> np.ndarray:
    """Convert times to numbers, higher is newer; nan where unknown."""
    if pd.api.types.is_datetime64_any_dtype(when):
        return (when - when.min()).dt.total_seconds().to_numpy(dtype=float)
    return when.to_numpy(dtype=float, na_value=np.nan)
