"""Probabilities, class codes and class shares as decision rules and calibrators take them."""

from __future__ import annotations

import numpy as np

from evenhand.errors import EvenhandError


class DecisionError(EvenhandError):
    """Probabilities that no rule can decide on, or a rule that these rows can't fit."""


def checked(proba: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the probabilities as floats of shape (n, n_classes).

    Raises
    ------
    DecisionError
        On another shape, a value that is negative or not finite, or a row of zeros.
    """
    proba = np.asarray(proba, dtype=float)
    if proba.ndim != 2 or proba.shape[1] != n_classes:
        raise DecisionError(f"probabilities: found shape {proba.shape}, needed {n_classes} columns, one a class")
    bad = ~((np.isfinite(proba) & (proba >= 0)).all(axis=1) & (proba > 0).any(axis=1))
    if bad.any():
        row = int(bad.argmax())
        raise DecisionError(
            f"probabilities: {bad.sum()} rows hold a negative or not finite value, or zeros alone; "
            f"row {row}: {proba[row]}"
        )
    return proba


def checked_codes(y: np.ndarray, n_rows: int, n_classes: int) -> np.ndarray:
    """Return one class code a row.

    Raises
    ------
    DecisionError
        Where they are not ``n_rows`` whole numbers from 0 to ``n_classes`` - 1, or there is no row.
    """
    y = np.asarray(y)
    if not n_rows or y.shape != (n_rows,) or y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= n_classes:
        raise DecisionError(
            f"classes of the rows: needed {n_rows} (one or more) whole-number codes from 0 to {n_classes - 1}, "
            f"found {y.dtype} of shape {y.shape}"
        )
    return y.astype(np.int64)


def checked_shares(shares: np.ndarray, n_classes: int, what: str) -> np.ndarray:
    """Return class shares that add up to 1.

    Raises
    ------
    DecisionError
        On another number of shares, a negative or not finite one, or zeros alone.
    """
    shares = np.asarray(shares, dtype=float)
    if shares.shape != (n_classes,) or not np.isfinite(shares).all() or (shares < 0).any() or not shares.any():
        raise DecisionError(f"{what}: needed {n_classes} class shares, none negative, found {shares.tolist()}")
    return shares / shares.sum()
