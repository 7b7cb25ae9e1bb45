"""The groups of rows that a report and the gate compare: values of declared columns, numbers in steps."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evenhand.data.number_range import within_range
from evenhand.errors import GateError
from evenhand.problem import Problem
from evenhand.text.cell_text import text_of

MISSING = "missing"  # the group of rows without a value


def groups_of(problem: Problem, rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """Name the group of each row, for every declared column.

    Parameters
    ----------
    problem : Problem
        Its ``sensitive`` columns and ``gate.slices``.
    rows : DataFrame of shape (n, n_columns)

    Returns
    -------
    dict of str to ndarray of str, shape (n,)

    Raises
    ------
    GateError
        When a column is absent, or one with a step does not hold numbers.
    """
    names = dict.fromkeys((*problem.sensitive, *(part.column for part in problem.gate.slices)))
    absent = [name for name in names if name not in rows.columns]
    if absent:
        raise GateError(f"the held-out rows lack the columns {', '.join(absent)}, whose groups are to be compared")
    found = {name: _named(rows[name], text_of(rows[name])) for name in problem.sensitive}
    for part in problem.gate.slices:
        column = rows[part.column]
        found[part.name] = _named(column, text_of(column) if part.step is None else in_steps(column, part.step))
    return found


def in_steps(column: pd.Series, step: float) -> pd.Series:
    """Name the group of every number; from 0 on, names sort like the numbers.

    Raises
    ------
    GateError
        On a column of something else.

    Examples
    --------
    >>> in_steps(pd.Series([0, 5, 6, 23]), 6).tolist()
    ['00 to 06', '00 to 06', '06 to 12', '18 to 24']
    """
    if not pd.api.types.is_numeric_dtype(column):
        raise GateError(f"column {column.name} holds no numbers, so its groups can't be in steps of {step:g}")
    numbers = pd.Series(within_range(column.to_numpy("float64", na_value=np.nan)), index=column.index)
    low = numbers.floordiv(step).mul(step)
    ends = low.dropna().unique()
    digits = len(f"{step:g}".partition(".")[2])
    wide = max((len(f"{end + step:.{digits}f}") for end in ends), default=0)
    return low.map({end: f"{end:0{wide}.{digits}f} to {end + step:0{wide}.{digits}f}" for end in ends})


def _named(column: pd.Series, groups: pd.Series) -> np.ndarray:
    return groups.where(column.notna(), MISSING).to_numpy(dtype=str)
