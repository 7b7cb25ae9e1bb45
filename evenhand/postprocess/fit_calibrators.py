"""Probabilities that mean what they say: three calibrators fitted out of fold, and the way back from resampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from sklearn.isotonic import IsotonicRegression

from evenhand.data.out_of_fold import check_disjoint, fitting_rows
from evenhand.metrics.bootstrap_metrics import FROM_ROWS
from evenhand.metrics.checks import DecisionError, checked, checked_codes
from evenhand.postprocess.calibrators import Calibrator, Isotonic, Sigmoid, Temperature, logs, normalised

CalibratorKind = Literal["temperature", "sigmoid", "isotonic"]
JUDGED_BY = ("log_loss", "ece", "brier")
SHARPEST = 20.0  # bounds of the exponent: what is reached there says that no temperature helps


def fit_calibrator(kind: CalibratorKind, proba: np.ndarray, y: np.ndarray) -> Calibrator:
    """Fit a calibrator on out-of-fold rows.

    Parameters
    ----------
    kind : {"temperature", "sigmoid", "isotonic"}
        Temperature has one number to learn and suits the fewest rows; sigmoid has two a class. Isotonic wants thousands
        of rows of each class and probabilities at natural prevalence (:func:`correct_prior` first); its steps make
        ties, so that a ranking metric can fall a little.
    proba : ndarray of shape (n, K)
    y : ndarray of int, shape (n,)

    Returns
    -------
    Calibrator
        Never turns a class's order around before rows are normalised. A class without rows in ``y`` keeps its
        probabilities (up to normalisation where isotonic), and no isotonic curve says less than 1 in n + 2.

    Raises
    ------
    DecisionError
        On probabilities or codes that don't fit together, or an unknown kind.
    """
    fits = {"temperature": _fit_temperature, "sigmoid": _fit_sigmoid, "isotonic": _fit_isotonic}
    if kind not in fits:
        raise DecisionError(f"calibration: found {kind!r}, allowed: {', '.join(fits)}")
    proba = checked(proba, np.shape(proba)[-1])
    return fits[kind](proba, checked_codes(y, *proba.shape))


def cross_calibrated(kind: CalibratorKind, proba: np.ndarray, y: np.ndarray, fold_of_row: np.ndarray) -> np.ndarray:
    """Calibrate each fold's rows by what the other folds' rows gave.

    Parameters
    ----------
    kind, proba, y
        As in :func:`fit_calibrator`.
    fold_of_row : ndarray of int, shape (n,)
        With one fold only, see :func:`evenhand.data.out_of_fold.fitting_rows`.

    Returns
    -------
    ndarray of shape (n, K)
    """
    calibrated = np.empty(np.shape(proba))
    for fitted, judged in fitting_rows(fold_of_row, y):
        check_disjoint(fitted, judged, f"calibration {kind}, out of fold")
        calibrated[judged] = fit_calibrator(kind, proba[fitted], y[fitted]).apply(proba[judged])
    return calibrated


def correct_prior(proba: np.ndarray, trained_share: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Bring probabilities of a model fitted on resampled or weighted rows back to natural prevalence.

    By Bayes' rule p(class | row) * prior / trained share, normalised (Saerens et al. 2002; Elkan 2001).

    Parameters
    ----------
    proba : ndarray of shape (n, K)
    trained_share : ndarray of shape (K,)
        Class shares, of weight where rows had weights, that the model was fitted on.
    prior : ndarray of shape (K,)
        Class shares at natural prevalence.

    Returns
    -------
    ndarray of shape (n, K)
        Each row adds up to 1.

    Raises
    ------
    DecisionError
        On shares that don't fit, or a class with probability that one of the two says has no rows.

    Examples
    --------
    >>> correct_prior(np.array([[0.5, 0.5]]), np.array([0.5, 0.5]), np.array([0.9, 0.1])).tolist()
    [[0.9, 0.1]]
    """
    trained, natural = np.asarray(trained_share, dtype=float), np.asarray(prior, dtype=float)
    proba = checked(proba, len(natural))
    for name, shares in (("trained_share", trained), ("prior", natural)):
        if shares.shape != natural.shape or not np.isfinite(shares).all() or (shares < 0).any():
            raise DecisionError(f"{name}: needed {len(natural)} class shares, none negative, found {shares.tolist()}")
        impossible = np.flatnonzero((shares == 0) & (proba > 0).any(axis=0))
        if len(impossible):
            raise DecisionError(f"{name}: class {impossible[0]} has no share, but rows give it a probability")
    ratio = np.divide(natural, trained, out=np.zeros_like(natural), where=trained > 0)
    return normalised(proba * ratio)


def before_and_after(
    y: np.ndarray, before: np.ndarray, after: np.ndarray, metrics: Sequence[str] = JUDGED_BY
) -> dict[str, dict[str, float]]:
    """Judge probabilities before and after a calibration on the same rows.

    Returns
    -------
    dict
        ``before`` and ``after``, each log-loss, calibration error and Brier score as
        :mod:`evenhand.metrics.scores` has them.
    """
    once = np.ones((len(y), 1))
    return {
        when: {name: float(FROM_ROWS[name](y, proba, proba.shape[1])(once)[0, 0]) for name in metrics}
        for when, proba in (("before", before), ("after", after))
    }


# --- fits --------------------------------------------------------------------------------------------------------


def _fit_temperature(proba: np.ndarray, y: np.ndarray) -> Temperature:
    n, k = proba.shape
    values = logs(proba)
    of_truth = values[np.arange(n), y].sum()
    # one more row, of every class alike, so that faultless probabilities are not made certain
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
    """Slopes (none below zero) and intercepts of the least log-loss, which is convex in them."""
    n, k = x.shape
    rows = np.bincount(y, minlength=k)
    # Platt's targets, the rest shared by the other classes: a class told apart without fault keeps a finite line
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
