"""From a strategy and a fold's training rows to the rows a model is fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evenhand.features.text_columns import TrainingTexts
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
from evenhand.strategies.row_limit import limited_rows
from evenhand.strategies.synthetic_rows import synthetic
from evenhand.strategies.text_augment import text_augment
from evenhand.strategies.training_rows import TrainingRows
from evenhand.strategies.weights import weigh


def resample(
    strategy: AnyStrategy,
    X: np.ndarray,
    y: np.ndarray,
    classes: Sequence[str],
    seed: int,
    n_categorical: int = 0,
    texts: TrainingTexts | None = None,
) -> TrainingRows:
    """Apply a strategy to the training rows of one fold.

    Parameters
    ----------
    strategy : AnyStrategy
    X : ndarray of shape (n_rows, n_features)
        Encoded columns, categories first.
    y : ndarray of int, shape (n_rows,)
        Codes into ``classes``.
    classes : sequence of str
    seed : int
        Of the sampler; the capped strategy has a seed of its own.
    n_categorical : int
        How many leading columns are categories.
    texts : TrainingTexts, optional
        The rows' texts, whose columns come last in ``X``.

    Returns
    -------
    TrainingRows
        Of a sample of the rows, if there are more than the strategy's ``max_rows``.

    Raises
    ------
    CannotResample
        When the strategy can't run on these rows.
    """
    here = limited_rows(strategy, y, seed)
    if here is None:
        return replace(_resample(strategy, X, y, classes, seed, n_categorical, texts), given=X)
    rows = _resample(strategy, X[here], y[here], classes, seed, n_categorical)
    note = f"fitted on {len(here):,} of {len(y):,} rows"
    return replace(rows, source=here[rows.source], adaptations=(note, *rows.adaptations), given=X)


def _resample(  # noqa: PLR0911  one return a family
    strategy: AnyStrategy,
    X: np.ndarray,
    y: np.ndarray,
    classes: Sequence[str],
    seed: int,
    n_categorical: int,
    texts: TrainingTexts | None = None,
) -> TrainingRows:
    match strategy:
        case TextAugmentStrategy():
            return text_augment(strategy, X, y, classes, seed, texts)
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
