"""LightGBM with focal loss (Lin et al. 2017): well-classified rows count for less."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from lightgbm import LGBMClassifier
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin

SMALLEST = 1e-12  # of 1 - p, which is raised to gamma - 1, and of the curvature


def focal_loss(scores: np.ndarray, y: np.ndarray, gamma: float, alpha: np.ndarray) -> np.ndarray:
    """Compute ``-alpha_y (1 - p_y)^gamma log p_y`` with ``p = softmax(scores)``.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_classes)
    y : ndarray of int, shape (n_rows,)
    gamma : float
        Zero is cross-entropy.
    alpha : ndarray of shape (n_classes,)

    Returns
    -------
    ndarray of shape (n_rows,)
    """
    log_p = np.take_along_axis(log_softmax(scores, axis=1), y[:, None], axis=1)[:, 0]
    loss: np.ndarray = -alpha[y] * (-np.expm1(log_p)) ** gamma * log_p
    return loss


def focal_gradient(scores: np.ndarray, y: np.ndarray, gamma: float, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Differentiate the focal loss by the scores.

    The gradient is exact: ``alpha_y A (p_j - [j = y])`` with ``A = (1 - p_y)^gamma - gamma p_y (1 - p_y)^(gamma - 1)
    log p_y``. The second derivative is ``alpha_y (A p_j (1 - p_j) - A' p_y (p_j - [j = y])^2)``, with ``A'`` the
    derivative of ``A`` by ``p_y``; where ``A`` grows its second term is left out, so that the curvature stays positive.

    Returns
    -------
    gradient, hessian : ndarrays of shape (n_rows, n_classes)
        The hessian is a diagonal.
    """
    log_all = log_softmax(scores, axis=1)
    p = np.exp(log_all)
    truth = np.zeros_like(p)
    truth[np.arange(len(y)), y] = 1.0
    log_p = log_all[np.arange(len(y)), y]
    p_y, rest = np.exp(log_p), np.maximum(-np.expm1(log_p), SMALLEST)
    focus = rest**gamma - gamma * p_y * rest ** (gamma - 1) * log_p
    slope = gamma * ((gamma - 1) * p_y * rest ** (gamma - 2) * log_p - rest ** (gamma - 1) * (2 + log_p))
    away = p - truth
    hessian = focus[:, None] * p * (1 - p) + (np.maximum(-slope, 0) * p_y)[:, None] * away**2
    weight = alpha[y][:, None]
    return weight * focus[:, None] * away, np.maximum(weight * hessian, SMALLEST)


def best_constant(totals: np.ndarray, gamma: float, alpha: np.ndarray) -> np.ndarray:
    """Return the constant scores that minimise the focal loss.

    The search starts from the logarithm of the class shares, the solution for ``gamma`` zero without ``alpha``.
    Boosting that starts elsewhere takes far too large first steps where a class is rare.

    Parameters
    ----------
    totals : ndarray of shape (n_classes,)
        Total weight of each class's rows, none of them zero.

    Returns
    -------
    ndarray of shape (n_classes,)

    Examples
    --------
    >>> best_constant(np.array([90.0, 10.0]), 0.0, np.ones(2)).round(3).tolist()
    [-0.105, -2.303]
    """
    shares, each = totals / totals.sum(), np.arange(len(totals))

    def loss(scores: np.ndarray) -> tuple[float, np.ndarray]:
        rows = np.tile(scores, (len(totals), 1))
        gradient, _ = focal_gradient(rows, each, gamma, alpha)
        return float(shares @ focal_loss(rows, each, gamma, alpha)), shares @ gradient

    found = minimize(loss, np.log(shares), jac=True, method="BFGS")
    return np.asarray(found.x)


def class_alpha(alpha: str | Sequence[float] | None, y: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the weight of each class.

    Parameters
    ----------
    alpha : {"balanced"}, sequence of float or None
        ``balanced`` is ``n_rows / (n_classes n_rows_of_the_class)``; a sequence is in the order of the classes.
    y : ndarray of int, shape (n_rows,)
    n_classes : int

    Raises
    ------
    ValueError

    Examples
    --------
    >>> class_alpha("balanced", np.array([0, 0, 0, 1]), 2).round(2).tolist()
    [0.67, 2.0]
    """
    if alpha is None:
        return np.ones(n_classes)
    if isinstance(alpha, str):
        return np.asarray(len(y) / (n_classes * np.bincount(y, minlength=n_classes)))
    if len(alpha) != n_classes:
        raise ValueError(f"alpha: {len(alpha)} numbers for {n_classes} classes")
    return np.asarray(alpha, dtype=float)


class FocalLightGBM(ClassifierMixin, BaseEstimator):
    """LightGBM trained on the focal loss; a fitted model holds a booster and numbers, no function.

    Parameters
    ----------
    gamma : float
        How much less well-classified rows count; zero is cross-entropy.
    alpha : {"balanced"}, sequence of float or None
        Weight of each class.
    settings : dict
        Parameters of ``LGBMClassifier``.

    Attributes
    ----------
    booster_ : Booster
    classes_ : ndarray of shape (n_classes,)
    start_ : ndarray of shape (n_classes,)
        Initial scores: the best constant.
    """

    def __init__(
        self,
        gamma: float = 2.0,
        alpha: str | Sequence[float] | None = None,
        settings: dict[str, Any] | None = None,
    ) -> None:
        self.gamma = gamma
        self.alpha = alpha
        self.settings = settings

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> FocalLightGBM:
        """Boost from the best constant."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        n = len(self.classes_)
        alpha = class_alpha(self.alpha, codes, n)
        self.start_ = best_constant(np.bincount(codes, weights=sample_weight, minlength=n), self.gamma, alpha)
        start = np.tile(self._first_scores(), (len(y), 1)).squeeze()
        objective: Any = _Objective(self.gamma, alpha)
        model = LGBMClassifier(objective=objective, **(self.settings or {}))
        self.booster_ = model.fit(X, codes, sample_weight=sample_weight, init_score=start).booster_
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities of shape (n_rows, n_classes): the softmax of the raw scores."""
        raw = self.booster_.predict(X, raw_score=True, num_threads=1)
        return np.asarray(softmax(_columns(raw + self._first_scores()), axis=1))

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the most probable class of each row."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])

    def _first_scores(self) -> np.ndarray:
        return self.start_[1:] - self.start_[:1] if len(self.start_) == 2 else self.start_


class _Objective:
    """The focal loss in the form that LightGBM expects."""

    def __init__(self, gamma: float, alpha: np.ndarray) -> None:
        self.gamma = gamma
        self.alpha = alpha

    def __call__(self, y: np.ndarray, scores: np.ndarray, weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        gradient, hessian = focal_gradient(_columns(scores), y.astype(int), self.gamma, self.alpha)
        weights = 1.0 if weight is None else weight[:, None]
        gradient, hessian = gradient * weights, hessian * weights
        n = len(self.alpha)
        # n / (n - 1) as in LightGBM's own multiclass loss, so that settings have the same effect.
        return (gradient[:, 1], hessian[:, 1]) if n == 2 else (gradient, hessian * n / (n - 1))


def _columns(scores: np.ndarray) -> np.ndarray:
    """Return one column per class: for two classes LightGBM boosts one score, and the other's is zero."""
    return np.column_stack([np.zeros(len(scores)), scores]) if scores.ndim == 1 else scores
