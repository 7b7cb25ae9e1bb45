"""Which rows break an expectation, and which of them are quarantined."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from evenhand.data.suite_spec import NOT_NULL, OF_TYPE, Expectation


class CheckedExpectation(NamedTuple):
    """The result of one expectation."""

    expectation: Expectation
    success: bool
    rows: np.ndarray  # of bool, shape (n_rows,): rows that break it; all False for an expectation about the table
    observed: Any = None
    error: str | None = None  # why it could not be checked; it counts as failed

    @property
    def failed(self) -> bool:
        """Whether it stops the flow."""
        return self.error is not None or (self.expectation.stops and not self.success)


class BrokenRows(NamedTuple):
    """Rows that are quarantined for one reason."""

    name: str
    columns: tuple[str, ...]
    rows: np.ndarray  # of bool, shape (n_rows,)


def later_copies(frame: pd.DataFrame) -> np.ndarray:
    """Find rows that equal an earlier one in every cell; two missing cells are equal.

    Returns
    -------
    ndarray of bool, shape (n_rows,)

    Examples
    --------
    >>> later_copies(pd.DataFrame({"a": ["x", "y", "x"], "b": [None, "1", None]})).tolist()
    [False, False, True]
    """
    # Cells of a Parquet file can be lists.
    nested = [name for name in frame if pd.api.types.is_object_dtype(frame[name])]
    return frame.astype(dict.fromkeys(nested, "str")).duplicated(keep="first").to_numpy()


def without_unfit(checked: Iterable[CheckedExpectation], unfit: Mapping[str, np.ndarray]) -> list[CheckedExpectation]:
    """Count a cell of the wrong type once: not also as a missing cell.

    Parameters
    ----------
    checked : iterable of CheckedExpectation
    unfit : mapping of str to ndarray of bool, shape (n_rows,)
    """
    return [
        each._replace(rows=each.rows & ~unfit[each.expectation.columns[0]])
        if each.expectation.type == NOT_NULL and each.expectation.columns[0] in unfit
        else each
        for each in checked
    ]


def rows_to_quarantine(checked: Iterable[CheckedExpectation], unfit: Mapping[str, np.ndarray]) -> list[BrokenRows]:
    """Collect the rows to quarantine, by the name of what they break."""
    broken = {f"{OF_TYPE}({name})": BrokenRows(f"{OF_TYPE}({name})", (name,), rows) for name, rows in unfit.items()}
    for result in checked:
        name = result.expectation.name
        if result.expectation.meta.rows == "quarantine" and result.rows.any():
            before = broken[name].rows if name in broken else False
            broken[name] = BrokenRows(name, result.expectation.columns, result.rows | before)
    return list(broken.values())


def any_row(broken: Iterable[BrokenRows], n_rows: int) -> np.ndarray:
    """Mark the rows that are quarantined for any reason, shape (n_rows,) of bool."""
    rows = np.zeros(n_rows, dtype=bool)
    for each in broken:
        rows |= each.rows
    return rows


def names_by_row(broken: Iterable[BrokenRows], n_rows: int) -> np.ndarray:
    """List for each row what it breaks, joined by ``; ``.

    Returns
    -------
    ndarray of object, shape (n_rows,)
        ``""`` for a good row.

    Examples
    --------
    >>> first, second = np.array([True, True]), np.array([False, True])
    >>> names_by_row([BrokenRows("a", (), first), BrokenRows("b", (), second)], 2).tolist()
    ['a', 'a; b']
    """
    joined = np.full(n_rows, "", dtype=object)
    for name, _, rows in broken:
        joined[rows] = [f"{before}; {name}" if before else name for before in joined[rows]]
    return joined
