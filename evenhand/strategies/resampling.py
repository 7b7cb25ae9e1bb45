"""From a strategy and a fold's training rows to the rows a model is fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from imblearn.over_sampling import RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from sklearn.utils.class_weight import compute_sample_weight

from evenhand.problem import CappedStrategy, SmoteStrategy
from evenhand.problem.strategies import AnyStrategy
from evenhand.strategies.capped import capped
from evenhand.strategies.rows import TrainingRows
from evenhand.strategies.synthetic import smote


def resample(
    strategy: AnyStrategy,
    X: np.ndarray,
    y: np.ndarray,
    classes: Sequence[str],
    seed: int,
    n_categorical: int = 0,
) -> TrainingRows:
    """Apply a strategy to the training rows of one fold.

    Parameters
    ----------
    strategy : SimpleStrategy, SmoteStrategy or CappedStrategy
    X : ndarray of shape (n_rows, n_features)
        Encoded columns, categories first.
    y : ndarray of int, shape (n_rows,)
        Codes into ``classes``.
    classes : sequence of str
    seed : int
        Of the sampler; the capped strategy has a seed of its own.
    n_categorical : int
        How many leading columns are categories (SMOTENC).

    Returns
    -------
    TrainingRows

    Raises
    ------
    CannotResample
        When the strategy can't run on these rows.
    """
    return replace(_resampled(strategy, X, y, classes, seed, n_categorical), given=X)


def _resampled(
    strategy: AnyStrategy, X: np.ndarray, y: np.ndarray, classes: Sequence[str], seed: int, n_categorical: int
) -> TrainingRows:
    if isinstance(strategy, CappedStrategy):
        return capped(strategy, X, y, classes)
    if isinstance(strategy, SmoteStrategy):
        return smote(strategy, X, y, classes, seed, n_categorical)
    if strategy.kind == "class_weight":
        return TrainingRows(X, y, np.arange(len(y)), compute_sample_weight("balanced", y))
    if strategy.kind == "none":
        return TrainingRows(X, y, np.arange(len(y)))
    sampler = RandomOverSampler if strategy.kind == "random_over" else RandomUnderSampler
    found, _ = sampler(random_state=seed).fit_resample(np.arange(len(y)).reshape(-1, 1), y)
    rows = found[:, 0]
    return TrainingRows(X[rows], y[rows], rows)
