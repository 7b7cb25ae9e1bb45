"""What the first rounds of a boosting that goes on are trained on (transfer by warm start: Pan & Yang 2010)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from evenhand.data.stratified_sample import balanced_rows

# Fewer rows of a class can't fill the leaves of the first trees.
FEWEST = 100
BALANCED, OLDER = "balanced", "older"
ELSEWHERE = ("problem", "data")


class CannotFit(ValueError):
    """The family can't be fitted on these rows; the message is the reason for the ledger."""


@dataclass(frozen=True, eq=False)
class Beginning:
    """Rows of the first rounds, and which rows follow.

    Attributes
    ----------
    X : ndarray of shape (n_first, n_features)
    y : ndarray of int, shape (n_first,)
    weight : ndarray of shape (n_first,) or None
    then : ndarray of int or None
        Positions, among the rows that the model is fitted on, of those that the other rounds see; all without it.
    said : str
        For the ledger: what the first rounds saw.
    """

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None
    then: np.ndarray | None
    said: str


def on_balanced(X: np.ndarray, y: np.ndarray, weight: np.ndarray | None, seed: int) -> Beginning:
    """Begin on balanced rows and go on with all of them."""
    rows = balanced_rows(y, seed, FEWEST)
    some = None if weight is None else weight[rows]
    return Beginning(X[rows], y[rows], some, None, f"{len(rows):,} of {len(y):,} rows, balanced")


def on_older(X: np.ndarray, y: np.ndarray, weight: np.ndarray | None, when: np.ndarray, share: float) -> Beginning:
    """Begin on the older rows and go on with the newer ones.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
    y : ndarray of int, shape (n_rows,)
    weight : ndarray of shape (n_rows,), optional
    when : ndarray of float, shape (n_rows,)
        Higher is newer; nan is as old as the oldest.
    share : float
        Of the rows that are older. Rows of one time stay together.

    Raises
    ------
    CannotFit
        When a side lacks a class, or all rows are of one time.
    """
    times = np.where(np.isnan(when), -np.inf, when)
    cut = np.sort(times)[int(share * len(times))]
    older = np.flatnonzero(times < cut)
    newer = np.flatnonzero(times >= cut)
    _check_classes("older", y[older], y)
    _check_classes("newer", y[newer], y)
    some = None if weight is None else weight[older]
    return Beginning(
        X[older], y[older], some, newer, f"the {len(older):,} older of {len(y):,} rows, the others the rest"
    )


def on_others(X: np.ndarray, y: np.ndarray, own_y: np.ndarray, name: str) -> Beginning:
    """Begin on rows of other data and go on with all of one's own.

    Parameters
    ----------
    X : ndarray of shape (n_others, n_features)
        In the columns of the model.
    y : ndarray of int, shape (n_others,)
        Rows of a class that ``own_y`` lacks are left out.
    own_y : ndarray of int, shape (n_rows,)
    name : str
        Of the other data.

    Raises
    ------
    CannotFit
        When the other data lack a class.
    """
    known = np.isin(y, own_y)
    _check_classes(name, y[known], own_y)
    return Beginning(X[known], y[known], None, None, f"{int(known.sum()):,} rows of {name}")


def _check_classes(name: str, y: np.ndarray, wanted: np.ndarray) -> None:
    lacking = len(np.setdiff1d(wanted, y))
    if lacking:
        raise CannotFit(f"lightgbm_continued: the {name} rows lack {lacking} of the {len(np.unique(wanted))} classes")


def wrong_first(first: Any) -> bool:
    """Whether a declaration of the first rows means nothing.

    Examples
    --------
    >>> [wrong_first(first) for first in ("older", {"problem": "york"}, {"data": "york.csv"}, "newer", {"file": "x"})]
    [False, False, False, True, True]
    """
    if not isinstance(first, dict):
        return first not in (BALANCED, OLDER)
    return len(first) != 1 or not all(key in ELSEWHERE and isinstance(at, str) and at for key, at in first.items())


def elsewhere_name(first: Any) -> str | None:
    """Name the other data that a declaration of the first rows asks for; None where it asks for none.

    Examples
    --------
    >>> elsewhere_name({"problem": "york"}), elsewhere_name("older")
    ('york', None)
    """
    return str(next(iter(first.values()))) if isinstance(first, dict) else None
