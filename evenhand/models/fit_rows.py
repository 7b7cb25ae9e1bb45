"""How a model is fitted on a strategy's rows: boosting takes copied rows once, with their counts as weights.

On 168,000 Toronto rows with ``random_over``, gradient boosting takes 7.9 CPU seconds instead of 14.0 and LightGBM 4.1
instead of 9.4 (`python -m benchmarks.own_machines counts`, docs/decisions/0004-own-machines.md).
"""

from __future__ import annotations

import numpy as np
from lightgbm import LGBMClassifier
from sklearn.base import ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier

from evenhand.models.transfer.first_rows import FirstRows
from evenhand.strategies.training_rows import TrainingRows

LEAVES = 50


def fit_rows(model: ClassifierMixin, rows: TrainingRows, **first_rows: FirstRows) -> ClassifierMixin:
    """Fit a model on the rows that a strategy made.

    Parameters
    ----------
    model : ClassifierMixin
    rows : TrainingRows
    first_rows : FirstRows, optional
        Rows of the first rounds, for a model that begins on other rows.

    Returns
    -------
    ClassifierMixin
        The model.
    """
    smallest_leaf = _smallest_leaf(model)
    if rows.copied and smallest_leaf is not None:
        _, first, source = np.unique(rows.source, return_index=True, return_inverse=True)
        if fills_leaves(rows.y[first], smallest_leaf):
            return model.fit(rows.X[first], rows.y[first], sample_weight=np.bincount(source))
    return model.fit(rows.X, rows.y, sample_weight=rows.weight, **first_rows)


def fills_leaves(y: np.ndarray, smallest_leaf: int) -> bool:
    """Whether every class could fill fifty of the smallest leaves.

    A smallest leaf counts rows, so a copy counts as one row and a weight does not. With fewer rows of a class, weights
    and copies grow noticeably different trees.

    Examples
    --------
    >>> fills_leaves(np.repeat([0, 1], [3_000, 1_000]), 20), fills_leaves(np.repeat([0, 1], [3_000, 999]), 20)
    (True, False)
    """
    return bool(np.unique(y, return_counts=True)[1].min() >= LEAVES * smallest_leaf)


def _smallest_leaf(model: ClassifierMixin) -> int | None:
    """Return the rows of the smallest leaf of a model that can take counts as weights, or None."""
    if isinstance(model, LGBMClassifier):
        return int(model.min_child_samples)
    return int(model.min_samples_leaf) if isinstance(model, HistGradientBoostingClassifier) else None
