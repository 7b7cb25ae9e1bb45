"""Which rows break an expectation, and which of them are put aside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from evenhand.data.suite_spec import NOT_NULL, OF_TYPE, Expectation


class Checked(NamedTuple):
    """What became of one expectation."""

    expectation: Expectation
    success: bool
    rows: np.ndarray  # of bool, shape (n_rows,): those that break it; all False when it is about the table
    observed: Any = None
    error: str | None = None  # why it could not be checked, which is no pass

    @property
    def failed(self) -> bool:
        """Whether it stops the flow."""
        return self.error is not None or (self.expectation.stops and not self.success)


class Broken(NamedTuple):
    """Rows put aside for one reason."""

    name: str
    columns: tuple[str, ...]
    rows: np.ndarray  # of bool, shape (n_rows,)


def later_copies(frame: pd.DataFrame) -> np.ndarray:
    """Find rows alike in every cell to an earlier one; two missing cells are alike.

    Returns
    -------
    ndarray of bool, shape (n_rows,)

    Examples
    --------
    >>> later_copies(pd.DataFrame({"a": ["x", "y", "x"], "b": [None, "1", None]})).tolist()
    [False, False, True]
    """
    nested = [
        name for name in frame if pd.api.types.is_object_dtype(frame[name])
    ]  # cells of a Parquet file can be lists
    return frame.astype(dict.fromkeys(nested, "str")).duplicated(keep="first").to_numpy()


def without_unfit(checked: Iterable[Checked], unfit: Mapping[str, np.ndarray]) -> list[Checked]:
    """Take cells that would not go into their column's type out of those that are missing.

    Parameters
    ----------
    checked : iterable of Checked
    unfit : mapping of str to ndarray of bool, shape (n_rows,)
    """
    return [
        each._replace(rows=each.rows & ~unfit[each.expectation.columns[0]])
        if each.expectation.type == NOT_NULL and each.expectation.columns[0] in unfit
        else each
        for each in checked
    ]


def rows_aside(checked: Iterable[Checked], unfit: Mapping[str, np.ndarray]) -> list[Broken]:
    """Collect the rows to put aside, by the name of what they break."""
    broken = {f"{OF_TYPE}({name})": Broken(f"{OF_TYPE}({name})", (name,), rows) for name, rows in unfit.items()}
    for result in checked:
        name = result.expectation.name
        if result.expectation.meta.rows == "quarantine" and result.rows.any():
            before = broken[name].rows if name in broken else False
            broken[name] = Broken(name, result.expectation.columns, result.rows | before)
    return list(broken.values())


def any_row(broken: Iterable[Broken], n_rows: int) -> np.ndarray:
    """Mark the rows put aside for any reason, shape (n_rows,) of bool."""
    rows = np.zeros(n_rows, dtype=bool)
    for each in broken:
        rows |= each.rows
    return rows


def names_by_row(broken: Iterable[Broken], n_rows: int) -> np.ndarray:
    """Name for each row what it breaks, joined by ``; ``.

    Returns
    -------
    ndarray of object, shape (n_rows,)
        ``""`` for a good row.

    Examples
    --------
    >>> first, second = np.array([True, True]), np.array([False, True])
    >>> names_by_row([Broken("a", (), first), Broken("b", (), second)], 2).tolist()
    ['a', 'a; b']
    """
    joined = np.full(n_rows, "", dtype=object)
    for name, _, rows in broken:
        joined[rows] = [f"{before}; {name}" if before else name for before in joined[rows]]
    return joined
