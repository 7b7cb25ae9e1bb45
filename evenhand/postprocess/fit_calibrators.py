"""Fits of calibrators: temperature, sigmoid and isotonic."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from sklearn.isotonic import IsotonicRegression

from evenhand.data.out_of_fold import check_disjoint, fitting_rows
from evenhand.metrics.checks import MetricsError, checked_codes, checked_probabilities
from evenhand.metrics.predictions import Predictions
from evenhand.postprocess.calibrators import Calibrator, Isotonic, Sigmoid, Temperature, logs

CalibratorKind = Literal["temperature", "sigmoid", "isotonic"]
SHARPEST = 20.0  # bound of the exponent; reached where no temperature helps


def fit_calibrator(kind: CalibratorKind, proba: np.ndarray, y: np.ndarray) -> Calibrator:
    """Fit a calibrator on out-of-fold rows.

    Parameters
    ----------
    kind : {"temperature", "sigmoid", "isotonic"}
        Temperature has one parameter and needs the fewest rows; sigmoid has two per class. Isotonic needs thousands of
        rows of each class and probabilities at natural prevalence (prior correction first); its steps make ties,
        so that a ranking metric can fall a little.
    proba : ndarray of shape (n, K)
    y : ndarray of int, shape (n,)

    Returns
    -------
    Calibrator
        Never reverses the order of a class's rows before rows are normalised. A class without rows in ``y`` keeps its
        probabilities (up to normalisation where isotonic), and no isotonic curve falls below 1 / (n + 2).

    Raises
    ------
    MetricsError
        On probabilities or codes that don't match, or an unknown kind.
    """
    fits = {"temperature": _fit_temperature, "sigmoid": _fit_sigmoid, "isotonic": _fit_isotonic}
    if kind not in fits:
        raise MetricsError(f"calibration: found {kind!r}, allowed: {', '.join(fits)}")
    proba = checked_probabilities(proba, np.shape(proba)[-1])
    return fits[kind](proba, checked_codes(y, *proba.shape))


def cross_calibrated(kind: CalibratorKind, predictions: Predictions) -> np.ndarray:
    """Calibrate each fold's probabilities on the other folds' rows.

    Parameters
    ----------
    kind : {"temperature", "sigmoid", "isotonic"}
    predictions : Predictions
        With one fold only, see :func:`evenhand.data.out_of_fold.fitting_rows`.

    Returns
    -------
    ndarray of shape (n, K)
    """
    y, proba = predictions.y, predictions.proba
    calibrated = np.empty(np.shape(proba))
    for fitted, evaluated in fitting_rows(predictions.fold_of_row, y):
        check_disjoint(fitted, evaluated, f"calibration {kind}, out of fold")
        calibrated[evaluated] = fit_calibrator(kind, proba[fitted], y[fitted]).apply(proba[evaluated])
    return calibrated


# --- fits --------------------------------------------------------------------------------------------------------


def _fit_temperature(proba: np.ndarray, y: np.ndarray) -> Temperature:
    n, k = proba.shape
    values = logs(proba)
    of_truth = values[np.arange(n), y].sum()
    # One more row, of every class alike, so that perfect probabilities do not become certain.
    of_target = (of_truth + values.mean()) / (n + 1)

    def loss(log_exponent: float) -> float:
        exponent = np.exp(log_exponent)
        return float(np.log(np.exp(exponent * values).sum(axis=1)).mean() - exponent * of_target)

    bound = np.log(SHARPEST)
    found = minimize_scalar(loss, bounds=(-bound, bound), method="bounded", options={"xatol": 1e-7})
    return Temperature(k, float(np.exp(found.x)))


def _fit_sigmoid(proba: np.ndarray, y: np.ndarray) -> Sigmoid:
    k = proba.shape[1]
    seen = np.bincount(y, minlength=k) > 0
    slopes, intercepts = np.ones(k), np.zeros(k)
    slopes[seen], intercepts[seen] = _lines(logs(proba[:, seen]), np.cumsum(seen)[y] - 1)
    return Sigmoid(slopes, intercepts, ~seen)


def _lines(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return slopes (none below zero) and intercepts of the least log-loss, which is convex in them."""
    n, k = x.shape
    rows = np.bincount(y, minlength=k)
    # Platt's targets, the rest shared by the other classes: a perfectly separated class keeps a finite line.
    rest = 1 / (rows + 2)
    target = np.repeat(rest / max(k - 1, 1), k).reshape(k, k)
    np.fill_diagonal(target, 1 - rest)
    target_x = sum(target[code] * x[y == code].sum(axis=0) for code in range(k))
    target_1 = rows @ target

    def loss(lines: np.ndarray) -> tuple[float, np.ndarray]:
        scores = x * lines[:k] + lines[k:]
        top = scores.max(axis=1, keepdims=True)
        share = np.exp(scores - top)
        total = share.sum(axis=1, keepdims=True)
        share /= total
        value = (np.log(total) + top).sum() - target_x @ lines[:k] - target_1 @ lines[k:]
        slope = np.concatenate([np.einsum("ij,ij->j", share, x) - target_x, share.sum(axis=0) - target_1])
        return float(value) / n, slope / n

    start, bounds = np.repeat([1.0, 0.0], k), [(0, None)] * k + [(None, None)] * k
    options = {"ftol": 1e-12, "gtol": 1e-7, "maxiter": 500}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return found.x[:k], found.x[k:] - found.x[k:].mean()


def _fit_isotonic(proba: np.ndarray, y: np.ndarray) -> Isotonic:
    n, k = proba.shape
    given, meant = [], []
    for code in range(k):
        if not (y == code).any():
            corners = (np.array([0.0, 1.0]), np.array([0.0, 1.0]))
        else:
            curve = IsotonicRegression(y_min=1 / (n + 2), y_max=(n + 1) / (n + 2), out_of_bounds="clip")
            curve.fit(proba[:, code], y == code)
            corners = (curve.X_thresholds_, curve.y_thresholds_)
        given.append(corners[0])
        meant.append(corners[1])
    return Isotonic(tuple(given), tuple(meant))
