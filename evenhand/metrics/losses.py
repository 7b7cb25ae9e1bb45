"""Losses of probabilities row by row: log-loss, squared error, and the bins of the calibration error."""

from __future__ import annotations

import numpy as np

FLOOR = 1e-7  # least probability in a log-loss: one confident and wrong row must not outweigh all others
BINS = 15  # of the calibration error, as in Guo et al. (2017)
ROWS_AT_ONCE = 65_536  # so that temporary arrays stay smaller than the probabilities


def log_losses(y: np.ndarray, proba: np.ndarray) -> np.ndarray:
    """Return the log-loss of each row in nats, shape (n,).

    Parameters
    ----------
    y : ndarray of int, shape (n,)
    proba : ndarray of shape (n, K)
        Raised to 1e-7 and normalised first.

    Examples
    --------
    >>> log_losses(np.array([0, 1]), np.array([[0.5, 0.5], [0.5, 0.5]])).round(3).tolist()
    [0.693, 0.693]
    """
    losses = np.empty(len(y))
    for start in range(0, len(y), ROWS_AT_ONCE):
        some = slice(start, start + ROWS_AT_ONCE)
        raised, truth = np.maximum(proba[some], FLOOR), y[some]
        losses[some] = -np.log(raised[np.arange(len(truth)), truth] / raised.sum(axis=1))
    return losses


def squared_errors(y: np.ndarray, proba: np.ndarray) -> np.ndarray:
    """Return the squared error of each row, summed over the classes (Brier 1950: 0 to 2), shape (n,).

    Examples
    --------
    >>> squared_errors(np.array([0, 1]), np.array([[0.5, 0.5], [0.0, 1.0]])).tolist()
    [0.5, 0.0]
    """
    errors = np.empty(len(y))
    for start in range(0, len(y), ROWS_AT_ONCE):
        some = slice(start, start + ROWS_AT_ONCE)
        off, truth = proba[some].copy(), y[some]
        off[np.arange(len(truth)), truth] -= 1
        errors[some] = np.einsum("ij,ij->i", off, off)
    return errors


def confidence_bins(y: np.ndarray, proba: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what a calibration error is made of.

    Returns
    -------
    bins : ndarray of int, shape (n,)
        Which of the 15 equal bins the highest probability of each row falls in.
    confidence : ndarray of float, shape (n,)
        The highest probability.
    right : ndarray of bool, shape (n,)
        Whether that class is the true one.
    """
    confidence, right = proba.max(axis=1), proba.argmax(axis=1) == y
    return np.minimum((confidence * BINS).astype(int), BINS - 1), confidence, right
