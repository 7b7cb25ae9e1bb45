"""Which evaluations share their held-out rows, and so the number that a further one has."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd

from evenhand.problem import Problem

SHARED = 0.5


def row_keys(frame: pd.DataFrame, problem: Problem) -> np.ndarray:
    """Return sorted 64-bit keys of held-out rows, whatever their order and the other columns that a problem reads.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
    problem : Problem

    Returns
    -------
    ndarray of uint64, shape (n_rows,)
        Of class and held-out column, and the number of the occurrence for rows that are equal in both.
    """
    columns = [c for c in (problem.target.column, problem.split.holdout.column) if c in frame.columns]
    text = frame[columns].astype("str").agg("\x1f".join, axis=1)
    numbered = text + "\x1f" + text.groupby(text).cumcount().astype("str")
    digests = [hashlib.blake2b(line.encode(), digest_size=8).digest() for line in numbered]
    return np.sort(np.frombuffer(b"".join(digests), dtype="<u8"))


def evaluation_number(new: np.ndarray, earlier: Sequence[np.ndarray | None]) -> int:
    """Return one more than the number of earlier evaluations with which a new one shares at least half of its rows.

    Parameters
    ----------
    new : ndarray of uint64, shape (n,)
    earlier : sequence of ndarray or None
        Keys of each earlier evaluation; one whose keys can't be read counts as shared.

    Examples
    --------
    >>> rows = np.arange(10, dtype=np.uint64)
    >>> evaluation_number(rows, [rows[1:], rows + 100, None])
    3
    """
    return 1 + sum(keys is None or np.isin(new, keys).mean() >= SHARED for keys in earlier)
