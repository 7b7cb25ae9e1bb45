"""Number of an evaluation, by the held-out rows that it shares with earlier ones.

A row is known by its class and its value in the hold-out column, so that neither another order nor further columns make
it another row. Equal rows are numbered, so that each of them counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd

ENOUGH = 0.5  # share of a new evaluation's rows that make an earlier one an evaluation of the same rows
_MISSING = "missing"


def row_keys(target: pd.Series, holdout: pd.Series) -> np.ndarray:
    """Hash held-out rows.

    Parameters
    ----------
    target, holdout : Series, shape (n,)
        Class names, and the typed values of the hold-out column: times, numbers or text.

    Returns
    -------
    ndarray of uint64, shape (n,)
        Sorted, each once; the same on every machine and with every order of the rows.

    Examples
    --------
    >>> rows = pd.DataFrame({"kind": ["a", "b", "a"], "year": [2020.0, 2020.0, 2020.0]})
    >>> keys = row_keys(rows["kind"], rows["year"])
    >>> len(keys), (row_keys(rows["kind"][::-1], rows["year"][::-1]) == keys).all()
    (3, np.True_)
    """
    texts = _texts(target) + "\x1f" + _texts(holdout)
    codes, unique = pd.factorize(np.asarray(texts, dtype=object))
    occurrence = pd.Series(codes).groupby(codes).cumcount().to_numpy()
    rows = (f"{unique[code]}\x1f{number}" for code, number in zip(codes, occurrence, strict=True))
    digests = [hashlib.blake2b(row.encode(), digest_size=8).digest() for row in rows]
    return np.unique(np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64))


def _texts(column: pd.Series) -> np.ndarray:
    """Write each value in a form that neither the type's precision nor the other rows change."""
    codes, values = pd.factorize(column)
    if pd.api.types.is_datetime64_any_dtype(column):
        known = [time.isoformat() for time in pd.to_datetime(values, utc=True)]
    elif pd.api.types.is_numeric_dtype(column):
        known = [repr(float(value)) for value in values]
    else:
        known = [f"={value}" for value in values]
    return np.array([*known, _MISSING], dtype=object)[codes]  # a missing value's code is -1, the last


def evaluation_number(new: np.ndarray, earlier: Sequence[np.ndarray | None]) -> int:
    """Return one more than the number of earlier evaluations with each of which the new one shares half of its rows.

    It does not carry over: an earlier evaluation that shares rows with another earlier one, but not with the new one,
    is not counted.

    Parameters
    ----------
    new : ndarray of uint64, shape (n,)
        Of :func:`row_keys`.
    earlier : sequence of ndarray of uint64 or None
        Of each earlier evaluation; None where its rows are not readable: it is counted as if it shared all.

    Examples
    --------
    >>> new = np.array([1, 2, 3, 4], dtype=np.uint64)
    >>> evaluation_number(new, [new[:2], new[:1], None])
    3
    """
    return 1 + sum(keys is None or shared_rows(new, keys) >= ENOUGH * len(new) for keys in earlier)


def shared_rows(a: np.ndarray, b: np.ndarray) -> int:
    """Count the keys that are in both."""
    return len(np.intersect1d(a, b, assume_unique=True))
