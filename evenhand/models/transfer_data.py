"""Another city's rows: trained on before a training's own, never judged on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evenhand.data.schema import column_types
from evenhand.data.split import Fold
from evenhand.errors import ProblemError
from evenhand.models.warm_start import OLDER, Beginning, CannotFit, elsewhere_name, on_older, on_others
from evenhand.problem import ModelSpec, Problem
from evenhand.strategies import TrainingRows

MOST_SHARED = 0.5  # of the other rows that may be this training's own: more, and it is the same data


@dataclass(frozen=True, eq=False)
class Elsewhere:
    """Typed rows of other data, as classes of this training.

    Attributes
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
    y : ndarray of int, shape (n_rows,)
    when : Series, shape (n_rows,)
        What both are split by: timestamps or numbers.
    """

    frame: pd.DataFrame
    y: np.ndarray
    when: pd.Series

    def not_after(self, newest: object) -> Elsewhere:
        """Keep the rows that are no newer than ``newest``, so that a fold learns nothing of its own future."""
        kept = np.flatnonzero((self.when <= newest).fillna(False).to_numpy(dtype=bool))
        return Elsewhere(self.frame.iloc[kept], self.y[kept], self.when.iloc[kept])


def places_named(models: Sequence[ModelSpec]) -> dict[str, dict[str, str]]:
    """List the other data that models begin on: by name, what was declared.

    Examples
    --------
    >>> from evenhand.problem import ModelSpec
    >>> places_named([ModelSpec(kind="lightgbm_continued", params={"first": {"problem": "york"}})])
    {'york': {'problem': 'york'}}
    """
    firsts = [model.params.get("first") for model in models]
    return {str(elsewhere_name(first)): dict(first) for first in firsts if isinstance(first, dict)}


def check_alike(problem: Problem, other: Problem, name: str, sets: Sequence[str] = ("base",)) -> None:
    """Refuse other data that does not declare what this problem's feature ``sets`` and its split read.

    Raises
    ------
    ProblemError
        Naming the columns that are missing, or that are of another type.
    """
    wanted, there = column_types(problem), column_types(other)
    of_sets = (column for one in sets for column in problem.features[one].columns)
    read = list(dict.fromkeys([*of_sets, problem.split.holdout.column]))
    lacking = [column for column in read if column not in there]
    if lacking:
        raise ProblemError(f"models: first: {name} does not read {', '.join(lacking)}, which {problem.name} is made of")
    unlike = [f"{c} ({there[c].kind}, here {wanted[c].kind})" for c in read if there[c].kind != wanted[c].kind]
    if unlike:
        raise ProblemError(f"models: first: {name} has other types than {problem.name}: {', '.join(unlike)}")


def check_same_classes(name: str, found: Sequence[str], classes: Sequence[str]) -> None:
    """Refuse other data that has other classes.

    Raises
    ------
    ProblemError
        Naming the classes that only one of them has.
    """
    sides = (("lacks", sorted(set(classes) - set(found))), ("has besides", sorted(set(found) - set(classes))))
    said = [f"{what} {', '.join(names)}" for what, names in sides if names]
    if said:
        raise ProblemError(f"models: first: {name} has other classes: it {'; '.join(said)}")


def without_own(other: pd.DataFrame, own: pd.DataFrame, columns: Sequence[str], name: str) -> pd.DataFrame:
    """Leave out rows that this training has, too: a row that is judged must not be trained on under another name.

    Parameters
    ----------
    other, own : DataFrame
        Rows with the same ``columns``; the own ones with the held-out period.

    Raises
    ------
    ProblemError
        When more than half of the other rows are this training's own.
    """
    known = pd.util.hash_pandas_object(own[list(columns)], index=False)
    shared = pd.util.hash_pandas_object(other[list(columns)], index=False).isin(set(known)).to_numpy()
    if len(other) and shared.mean() > MOST_SHARED:
        raise ProblemError(
            f"models: first: {int(shared.sum()):,} of {len(other):,} rows of {name} are rows of this training, too: "
            "name other data"
        )
    return other[~shared]


def beginning(
    spec: ModelSpec,
    rows: TrainingRows,
    fold: Fold,
    when: pd.Series | None,
    places: Mapping[str, Elsewhere],
    encode: Callable[[pd.DataFrame], np.ndarray],
) -> dict[str, Beginning]:
    """Find what a model's first rounds see, as the argument of its ``fit``; nothing where it sees to that itself.

    Parameters
    ----------
    spec : ModelSpec
    rows : TrainingRows
    fold : Fold
    when : Series, shape (n_all_rows,)
        What the rows are split by.
    places : mapping of str to Elsewhere
    encode : callable
        Encodes other rows as the fold's training rows were.

    Raises
    ------
    CannotFit
        When a side lacks a class.
    ProblemError
        When the rows have no time, or the other data are not there.
    """
    first = spec.params.get("first")
    if first == OLDER:
        age = _numbers(_known(when).iloc[fold.train])[rows.source]
        share = spec.params.get("older_share", 0.5)
        assert isinstance(share, int | float)  # noqa: S101 - checked when the problem was read
        return {"begin": on_older(rows.X, rows.y, rows.weight, age, share)}
    name = elsewhere_name(first)
    if name is None:
        return {}
    if name not in places:
        raise ProblemError(f"models: first: the rows of {name} are not at hand")
    other = places[name].not_after(_known(when).iloc[fold.train].max())
    if not len(other.y):
        raise CannotFit(f"lightgbm_continued: no row of {name} is as old as this fold's training rows")
    return {"begin": on_others(encode(other.frame), other.y, rows.y, name.rsplit("/")[-1])}


def _known(when: pd.Series | None) -> pd.Series:
    if when is None:
        raise ProblemError("models: first: the rows have no time to go by")
    return when


def _numbers(when: pd.Series) -> np.ndarray:
    """Turn times into numbers, higher is newer; nan where unknown."""
    if pd.api.types.is_datetime64_any_dtype(when):
        return (when - when.min()).dt.total_seconds().to_numpy(dtype=float)
    return when.to_numpy(dtype=float, na_value=np.nan)
