"""Numbers that no model can hold: they count as missing, and are named.

Trees keep their inputs as 32-bit floats, so a null coordinate such as -1.7976931348623157e+308 would be infinite there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from evenhand.data.schema import column_types
from evenhand.problem import Problem

LARGEST = float(np.finfo(np.float32).max)


def within_range(numbers: np.ndarray) -> np.ndarray:
    """Return the numbers with those beyond 32 bits missing; the same array where there are none.

    Examples
    --------
    >>> within_range(np.array([44.0, -1.7976931348623157e308])).tolist()
    [44.0, nan]
    """
    beyond = np.abs(numbers) > LARGEST
    return np.where(beyond, np.nan, numbers) if beyond.any() else numbers


def declared_missing(problem: Problem, column: str) -> list[float]:
    """Return the codes for missing that the feature sets declare for a column."""
    sets = problem.features.values()
    return [code for features in sets for part in features.numeric if part.column == column for code in part.missing]


def beyond_range(typed: pd.DataFrame, problem: Problem) -> dict[str, np.ndarray]:
    """Find numbers beyond 32 bits that the problem does not declare as missing.

    Parameters
    ----------
    typed : DataFrame of shape (n_rows, n_columns)
        Typed columns, at least some of the problem's.
    problem : Problem
        A number among a column's ``missing`` is declared, and so is a coordinate with a ``box``.

    Returns
    -------
    dict of str to ndarray of bool, shape (n_rows,)
        Where such numbers are, for each column that has some.
    """
    found = {}
    for name, kind in column_types(problem).items():
        if kind.kind == "number" and name in typed.columns and name not in _boxed(problem):
            values = typed[name].to_numpy(dtype=float)
            rows = (np.abs(values) > LARGEST) & ~np.isin(values, declared_missing(problem, name))
            if rows.any():
                found[name] = rows
    return found


def describe_beyond(typed: pd.DataFrame, found: Mapping[str, np.ndarray]) -> list[str]:
    """Write for each column how many such numbers it has, one of them, and what can be declared."""
    lines = []
    for name, rows in found.items():
        example = float(typed[name].to_numpy(dtype=float)[rows][0])
        lines.append(
            f"column {name!r}: {int(rows.sum()):,} numbers, such as {example!r}, are too large for a model and count "
            "as missing; if it stands for a missing value, declare it: `missing` of a numeric column, or the `box` of "
            "coordinates"
        )
    return lines


def _boxed(problem: Problem) -> Collection[str]:
    pairs = [pair for features in problem.features.values() for pair in features.coordinates if pair.box is not None]
    return {name for pair in pairs for name in (pair.latitude, pair.longitude)}
