"""Checks of probabilities, class codes and class shares, for all that scores, compares, calibrates or decides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evenhand.errors import EvenhandError
from evenhand.metrics.predictions import Predictions

SUM_TOLERANCE = 1e-3  # allows for single precision


class MetricsError(EvenhandError, ValueError):
    """Probabilities, class codes or shares that can't be scored, compared, calibrated or decided on."""


def checked_probabilities(proba: np.ndarray, n_classes: int, normalised: bool = False) -> np.ndarray:
    """Return the probabilities as floats of shape (n, n_classes).

    Parameters
    ----------
    proba : ndarray of shape (n, n_classes)
    n_classes : int
    normalised : bool
        Whether rows must add up to 1; without it only rows of zeros are refused.

    Raises
    ------
    MetricsError
        On another shape, a value that is negative or not finite, or a row with a wrong sum.
    """
    proba = np.asarray(proba, dtype=float)
    if proba.ndim != 2 or proba.shape[1] != n_classes:
        raise MetricsError(f"probabilities: found shape {proba.shape}, needed {n_classes} columns, one per class")
    bad = ~(np.isfinite(proba) & (proba >= 0)).all(axis=1)
    if bad.any():
        row = int(bad.argmax())
        raise MetricsError(
            f"probabilities: {bad.sum()} rows hold a value that is negative or not finite; row {row}: {proba[row]}"
        )
    if not normalised:
        zeros = ~(proba > 0).any(axis=1)
        if zeros.any():
            raise MetricsError(f"probabilities: {zeros.sum()} rows hold zeros only, the first is row {zeros.argmax()}")
        return proba
    total = proba.sum(axis=1)
    off = np.abs(total - 1) > SUM_TOLERANCE
    if off.any():
        row = int(off.argmax())
        raise MetricsError(
            f"probabilities: {off.sum()} rows do not sum to 1; row {row} sums to {total[row]:.6g}: {proba[row]}"
        )
    return proba


def checked_codes(codes: np.ndarray, n_rows: int, n_classes: int, what: str = "truth") -> np.ndarray:
    """Return one class code per row.

    Parameters
    ----------
    codes : ndarray of int, shape (n_rows,)
    n_rows, n_classes : int
    what : str
        What the codes are, for the message.

    Raises
    ------
    MetricsError
        Where they are not ``n_rows`` whole numbers from 0 to ``n_classes`` - 1, or there is no row.
    """
    codes = np.asarray(codes)
    if not n_rows:
        raise MetricsError(f"{what}: found no rows, needed one or more")
    if codes.shape != (n_rows,):
        raise MetricsError(f"{what}: found shape {codes.shape}, needed ({n_rows},), one class code per row")
    if codes.dtype.kind not in "iu":
        raise MetricsError(f"{what}: found {codes.dtype} values, needed whole-number class codes")
    low, high = int(codes.min()), int(codes.max())
    if low < 0 or high >= n_classes:
        raise MetricsError(f"{what}: found class codes from {low} to {high}, allowed are 0 to {n_classes - 1}")
    return codes.astype(np.int64)


def checked_predictions(given: Predictions, n_classes: int, normalised: bool = False) -> Predictions:
    """Return predictions whose probabilities and codes were checked.

    Parameters
    ----------
    given : Predictions
    n_classes : int
    normalised : bool
        As in :func:`checked_probabilities`.

    Raises
    ------
    MetricsError
        As :func:`checked_probabilities` and :func:`checked_codes`.
    """
    proba = checked_probabilities(given.proba, n_classes, normalised)
    y = checked_codes(given.y, len(proba), n_classes)
    predicted = (
        None if given.predicted is None else checked_codes(given.predicted, len(proba), n_classes, "predicted classes")
    )
    return replace(given, y=y, proba=proba, predicted=predicted)


def checked_shares(shares: np.ndarray, n_classes: int, what: str) -> np.ndarray:
    """Return class shares that add up to 1, shape (n_classes,).

    Raises
    ------
    MetricsError
        On another number of shares, a negative or not finite one, or zeros only.
    """
    shares = np.asarray(shares, dtype=float)
    if shares.shape != (n_classes,) or not np.isfinite(shares).all() or (shares < 0).any() or not shares.any():
        raise MetricsError(f"{what}: needed {n_classes} class shares, none negative, found {shares.tolist()}")
    return shares / shares.sum()
