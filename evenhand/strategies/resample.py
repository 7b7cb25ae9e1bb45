"""From a strategy and a fold's training rows to the rows a model is fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evenhand.problem import (
    AdasynStrategy,
    AnyStrategy,
    BorderlineSmoteStrategy,
    CappedStrategy,
    CostWeightStrategy,
    EffectiveNumberStrategy,
    EnnStrategy,
    NearMissStrategy,
    RoseStrategy,
    SimpleStrategy,
    SmoteEnnStrategy,
    SmoteStrategy,
    SmoteTomekStrategy,
    TextAugmentStrategy,
    TomekStrategy,
)
from evenhand.strategies.capped import capped
from evenhand.strategies.cleaning import clean, near_miss
from evenhand.strategies.random_sampling import random_over, random_under, rose
from evenhand.strategies.row_limit import sampled_rows
from evenhand.strategies.synthetic_rows import synthetic
from evenhand.strategies.training_rows import TrainingRows
from evenhand.strategies.weights import weigh


def resample(
    strategy: AnyStrategy,
    X: np.ndarray,
    y: np.ndarray,
    classes: Sequence[str],
    seed: int,
    n_categorical: int = 0,
) -> TrainingRows:
    """Apply a strategy to the training rows of one fold; ``text_augment`` is applied by :func:`text_augment`.

    Parameters
    ----------
    strategy : AnyStrategy
    X : ndarray of shape (n_rows, n_features)
        Encoded columns, categories first.
    y : ndarray of int, shape (n_rows,)
        Codes into ``classes``.
    classes : sequence of str
    seed : int
        Seed of the sampler; the capped strategy has its own.
    n_categorical : int
        How many leading columns are categories.

    Returns
    -------
    TrainingRows
        From a sample of the rows, if there are more than the strategy's ``max_rows``.

    Raises
    ------
    CannotResample
        When the strategy can't run on these rows.
    """
    sample = sampled_rows(strategy, y, seed)
    if sample is None:
        return replace(_resample(strategy, X, y, classes, seed, n_categorical), given=X)
    rows = _resample(strategy, X[sample], y[sample], classes, seed, n_categorical)
    note = f"fitted on {len(sample):,} of {len(y):,} rows"
    return replace(rows, source=sample[rows.source], adaptations=(note, *rows.adaptations), given=X)


def _resample(  # noqa: PLR0911 - one return per family
    strategy: AnyStrategy, X: np.ndarray, y: np.ndarray, classes: Sequence[str], seed: int, n_categorical: int
) -> TrainingRows:
    match strategy:
        case TextAugmentStrategy():
            raise TypeError("text_augment needs the texts: call text_augment")
        case CappedStrategy():
            return capped(strategy, X, y, classes)
        case RoseStrategy():
            return rose(strategy, X, y, classes, seed, n_categorical)
        case NearMissStrategy():
            return near_miss(strategy, X, y, classes)
        case TomekStrategy() | EnnStrategy():
            return clean(strategy, TrainingRows(X, y, np.arange(len(y))), classes)
        case SmoteTomekStrategy() | SmoteEnnStrategy():
            return clean(strategy, synthetic(strategy, X, y, classes, seed, n_categorical), classes)
        case SmoteStrategy() | BorderlineSmoteStrategy() | AdasynStrategy():
            return synthetic(strategy, X, y, classes, seed, n_categorical)
    return _by_class(strategy, X, y, classes, seed)


def _by_class(
    strategy: SimpleStrategy | EffectiveNumberStrategy | CostWeightStrategy,
    X: np.ndarray,
    y: np.ndarray,
    classes: Sequence[str],
    seed: int,
) -> TrainingRows:
    if isinstance(strategy, SimpleStrategy):
        if strategy.kind == "none":
            return TrainingRows(X, y, np.arange(len(y)))
        if strategy.kind == "random_over":
            return random_over(strategy, X, y, classes, seed)
        if strategy.kind == "random_under":
            return random_under(strategy, X, y, classes, seed)
    return weigh(strategy, X, y, classes)
