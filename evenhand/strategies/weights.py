"""Weight strategies: all rows are kept, and rows of rare or costly classes weigh more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.utils.class_weight import compute_sample_weight

from evenhand.metrics.cost_matrix import cost_matrix
from evenhand.problem import CostDecision, CostWeightStrategy, EffectiveNumberStrategy, SimpleStrategy
from evenhand.strategies.training_rows import CannotResample, TrainingRows

WeightStrategy = SimpleStrategy | EffectiveNumberStrategy | CostWeightStrategy


def class_weights(strategy: WeightStrategy, counts: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Return the weight of a row of each class.

    Parameters
    ----------
    strategy : SimpleStrategy, EffectiveNumberStrategy or CostWeightStrategy
    counts : ndarray of int, shape (n_classes,)
    classes : sequence of str

    Returns
    -------
    ndarray of shape (n_classes,)
        Mean 1 over the rows; 0 for a class without rows.

    Raises
    ------
    CannotResample
        When mistakes about a class with rows cost nothing: it would not be learned.

    Notes
    -----
    With n rows of a class, balanced weights are proportional to 1 / n (King & Zeng 2001), their square root to
    1 / sqrt(n), the effective number to (1 - beta) / (1 - beta^n) (Cui et al. 2019), and cost weights to the sum of the
    costs of the class's mistakes, whatever n (Elkan 2001; for more than two classes the approximation of Breiman et al.
    1984).

    Examples
    --------
    >>> class_weights(SimpleStrategy(kind="class_weight"), np.array([6, 2]), ["a", "b"]).round(3)
    array([0.667, 2.   ])
    >>> class_weights(SimpleStrategy(kind="sqrt_weight"), np.array([9, 1]), ["a", "b"]).round(3)
    array([0.833, 2.5  ])
    """
    here = counts > 0
    raw = np.zeros(len(counts))
    raw[here] = _raw(strategy, counts, classes)[here]
    free = [name for name, found in zip(classes, here & (raw <= 0), strict=True) if found]
    if free:
        raise CannotResample(f"{strategy.name}: mistakes about {', '.join(free)} cost nothing; it would not be learned")
    return raw * counts.sum() / (raw @ counts)


def _raw(strategy: WeightStrategy, counts: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    rows = np.maximum(counts, 1)
    if isinstance(strategy, EffectiveNumberStrategy):
        return 1 / -np.expm1(rows * np.log(strategy.beta))
    if isinstance(strategy, CostWeightStrategy):
        spec = CostDecision(kind="cost", costs=strategy.costs, other=strategy.other, label=strategy.name)
        costs = np.array(cost_matrix(spec, classes, "strategies"))
        return (costs - np.diag(costs)[:, None]).sum(axis=1)
    return 1 / rows if strategy.kind == "class_weight" else 1 / np.sqrt(rows)


def weigh(strategy: WeightStrategy, X: np.ndarray, y: np.ndarray, classes: Sequence[str]) -> TrainingRows:
    """Give every row the weight of its class."""
    if strategy.kind == "class_weight":
        weight = compute_sample_weight("balanced", y)
    else:
        weight = class_weights(strategy, np.bincount(y, minlength=len(classes)), classes)[y]
    return TrainingRows(X, y, np.arange(len(y)), weight)
