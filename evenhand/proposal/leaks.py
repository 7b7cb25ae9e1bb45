"""Columns that give the class, by their values or by the check of a training; and columns that are there twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from evenhand.data.schema import column_types, parse_columns
from evenhand.data.split import class_labels
from evenhand.problem import Problem
from evenhand.proposal.cells import ColumnCells
from evenhand.proposal.roles import Assigned
from evenhand.training.predictive_columns import score_columns

COPY = 0.97
"""Share of the rows whose class is that of most other rows with the same value, from which a column is a near-copy."""
BETTER = 5
"""How many times as often the most frequent value alone must err."""
MOST_DISTINCT = 0.34
LEAST_KNOWN = 0.05
ROUNDS = 6


def near_copies(columns: list[ColumnCells], labels: pd.Series) -> dict[str, str]:
    """Find columns whose value gives the class in nearly every row, and those that the class gives.

    The code of an offence gives its name; "felony" is a group of offences, which is written once the offence is known.

    Parameters
    ----------
    columns : list of ColumnCells
    labels : Series of str, shape (n_rows,)
        Class names; missing where a row is left out.

    Returns
    -------
    dict of str to str
        Why each such column is one. A share counts the rows whose class is that of most *other* rows with the same
        value: a value of one row gives none.

    Examples
    --------
    >>> code = ColumnCells("code", "number", pd.Series([1.0, 2.0, 3.0] * 70))
    >>> level = ColumnCells("level", "text", pd.Series(["low", "low", "high"] * 70))
    >>> place = ColumnCells("place", "text", pd.Series(["a", "b"] * 105))
    >>> found = near_copies([code, level, place], pd.Series(["theft", "fraud", "arson"] * 70))
    >>> found["code"], found["level"], len(found)
    ('its value gives the class in 100.0% of the rows', 'the class gives its value in 100.0% of the rows', 2)
    """
    found = {}
    for column in columns:
        if column.kind == "time" or not 1 < column.distinct <= MOST_DISTINCT * column.known:
            continue
        rows = pd.DataFrame({"value": column.values, "label": labels}).dropna()
        if len(rows) < LEAST_KNOWN * len(labels):
            continue
        counts = pd.crosstab(rows["value"], rows["label"]).to_numpy()
        for table, text in ((counts, "its value gives the class"), (counts.T, "the class gives its value")):
            share = _of_the_others(table)
            by_chance = table.sum(axis=0).max() / table.sum()
            if min(table.shape) > 1 and share >= COPY and BETTER * (1 - share) <= 1 - by_chance:
                found[column.name] = f"{text} in {share:.1%} of the rows"
                break
    return found


def _of_the_others(counts: np.ndarray) -> float:
    """Return the share of rows whose column is the most frequent one of the other rows in the same line."""
    order = np.sort(counts, axis=1)
    largest, second = order[:, -1], order[:, -2]
    return float(largest[largest - 1 > second].sum() / counts.sum())


def predictive_columns(problem: Problem, raw: pd.DataFrame, held_out: np.ndarray) -> dict[str, float]:
    """Find columns that alone give the class by the check of a training, one after the other until none is left.

    Parameters
    ----------
    problem : Problem
    raw : DataFrame of shape (n_rows, n_columns)
    held_out : ndarray of bool, shape (n_rows,)

    Returns
    -------
    dict of str to float
        Macro-F1 of each column alone.
    """
    rows, _ = parse_columns(raw.loc[~held_out, list(problem.columns)], column_types(problem))
    labels = class_labels(rows[problem.target.column], problem.target)
    rows, labels = rows[labels.notna()].reset_index(drop=True), labels.dropna()
    y = np.unique(labels.to_numpy(dtype=object), return_inverse=True)[1]
    found: dict[str, float] = {}
    for _ in range(ROUNDS):
        scores = score_columns(problem, rows, y, seed=42)
        found |= {name: scores.alone[name] for name in scores.suspected}
        left = _without(problem, found)
        if not scores.suspected or left is None:
            break
        problem = left
    return found


def _without(problem: Problem, names: dict[str, float]) -> Problem | None:
    """Return the problem without some feature columns; None if there would be none."""
    sets: dict[str, Any] = {}
    for title, features in problem.features.items():
        roles = ("categorical", "numeric", "time", "cyclic", "text")
        kept = {role: [p for p in getattr(features, role) if p.column not in names] for role in roles}
        kept["coordinates"] = [p for p in features.coordinates if not {p.latitude, p.longitude} & set(names)]
        if not any(kept.values()):
            return None
        sets[title] = features.model_copy(update={role: tuple(parts) for role, parts in kept.items()} | {"rates": ()})
    return problem.model_copy(update={"features": sets})


def copies_of_columns(columns: list[ColumnCells], roles: Mapping[str, Assigned]) -> dict[str, Assigned]:
    """Find columns that have the same values as an earlier one."""
    seen: dict[int, str] = {}
    found = {}
    features = ("latitude", "longitude", "leak", "categorical", "numeric")
    read = [c for c in columns if roles[c.name].role in features]
    for column in sorted(read, key=lambda c: features.index(roles[c.name].role)):
        # Where nearly every row has a value of its own, any two columns go together one to one.
        own = column.distinct > column.known / 2
        key = hash(column.values.to_numpy().tobytes() if own else pd.factorize(column.values)[0].tobytes())
        if key in seen and roles[column.name].role in ("categorical", "numeric"):
            found[column.name] = Assigned("out", f"{seen[key]} once more: one value here for each there")
        seen.setdefault(key, column.name)
    return found
