"""Which rows the first rounds of a warm-started boosting are trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from evenhand.data.stratified_sample import balanced_rows
from evenhand.models.cannot_fit import CannotFit

FEWEST = 100  # rows of a class: fewer can't fill the leaves of the first trees
BALANCED, OLDER = "balanced", "older"
OTHER_DATA = ("problem", "data")


@dataclass(frozen=True, eq=False)
class FirstRows:
    """Rows of the first rounds, and which rows the other rounds see.

    Attributes
    ----------
    X : ndarray of shape (n_first, n_features)
    y : ndarray of int, shape (n_first,)
    weight : ndarray of shape (n_first,) or None
    rest : ndarray of int or None
        Positions, among the rows that the model is fitted on, of those that the other rounds see; None means all.
    note : str
        What the first rounds saw, for the resampling record.
    """

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None
    rest: np.ndarray | None
    note: str


def balanced_first(X: np.ndarray, y: np.ndarray, weight: np.ndarray | None, seed: int) -> FirstRows:
    """Begin on balanced rows and continue on all of them."""
    rows = balanced_rows(y, seed, FEWEST)
    row_weight = None if weight is None else weight[rows]
    return FirstRows(X[rows], y[rows], row_weight, None, f"{len(rows):,} of {len(y):,} rows, balanced")


def older_first(X: np.ndarray, y: np.ndarray, weight: np.ndarray | None, when: np.ndarray, share: float) -> FirstRows:
    """Begin on the older rows and continue on the newer ones.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
    y : ndarray of int, shape (n_rows,)
    weight : ndarray of shape (n_rows,), optional
    when : ndarray of float, shape (n_rows,)
        Higher is newer; nan counts as the oldest.
    share : float
        Share of the rows that count as older. Rows of the same time stay together.

    Raises
    ------
    CannotFit
        When either part lacks a class, or all rows are of one time.
    """
    times = np.where(np.isnan(when), -np.inf, when)
    cut = np.sort(times)[int(share * len(times))]
    older = np.flatnonzero(times < cut)
    newer = np.flatnonzero(times >= cut)
    _check_classes("older", y[older], y)
    _check_classes("newer", y[newer], y)
    row_weight = None if weight is None else weight[older]
    note = f"the {len(older):,} older of {len(y):,} rows, the other rounds the newer ones"
    return FirstRows(X[older], y[older], row_weight, newer, note)


def other_data_first(X: np.ndarray, y: np.ndarray, own_y: np.ndarray, name: str) -> FirstRows:
    """Begin on rows of another data set and continue on all training rows.

    Parameters
    ----------
    X : ndarray of shape (n_others, n_features)
        Encoded as the training rows are.
    y : ndarray of int, shape (n_others,)
        Rows of a class that ``own_y`` lacks are left out.
    own_y : ndarray of int, shape (n_rows,)
    name : str
        Name of the other data set.

    Raises
    ------
    CannotFit
        When the other data lack a class.
    """
    known = np.isin(y, own_y)
    _check_classes(name, y[known], own_y)
    return FirstRows(X[known], y[known], None, None, f"{int(known.sum()):,} rows of {name}")


def _check_classes(name: str, y: np.ndarray, wanted: np.ndarray) -> None:
    lacking = len(np.setdiff1d(wanted, y))
    if lacking:
        raise CannotFit(f"lightgbm_continued: the {name} rows lack {lacking} of the {len(np.unique(wanted))} classes")


def is_wrong_first(first: Any) -> bool:
    """Whether the setting ``first`` is none of the allowed forms.

    Examples
    --------
    >>> [is_wrong_first(first) for first in ("older", {"problem": "york"}, {"data": "y.csv"}, "newer", {"file": "x"})]
    [False, False, False, True, True]
    """
    if not isinstance(first, dict):
        return first not in (BALANCED, OLDER)
    return len(first) != 1 or not all(key in OTHER_DATA and isinstance(at, str) and at for key, at in first.items())


def transfer_name(first: Any) -> str | None:
    """Return the name of the other data set that the setting ``first`` asks for, or None.

    Examples
    --------
    >>> transfer_name({"problem": "york"}), transfer_name("older")
    ('york', None)
    """
    return str(next(iter(first.values()))) if isinstance(first, dict) else None
