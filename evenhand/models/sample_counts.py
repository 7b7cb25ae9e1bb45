"""How a model is fitted on a strategy's rows: copies are counted where the family can count them."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from sklearn.base import ClassifierMixin

from evenhand.models.transfer.first_rows import FirstRows
from evenhand.strategies import TrainingRows


@runtime_checkable
class CountsCopies(Protocol):
    """A family that learns from rows and how often each is there what it learns from their copies."""

    def counts_copies(self, X: np.ndarray, y: np.ndarray) -> bool:
        """Whether it does so on these rows, with its settings."""

    def fit_copies(self, X: np.ndarray, y: np.ndarray, source: np.ndarray) -> ClassifierMixin:
        """Fit as on ``X[source], y[source]``."""


def fit_rows(model: ClassifierMixin, rows: TrainingRows, **begin: FirstRows) -> ClassifierMixin:
    """Fit a model on the rows that a strategy made.

    Parameters
    ----------
    model : ClassifierMixin
    rows : TrainingRows
    begin : FirstRows, optional
        What the first rounds see of a model that begins on other rows.

    Returns
    -------
    ClassifierMixin
        The model.
    """
    if isinstance(model, CountsCopies) and rows.copied:
        _, first, source = np.unique(rows.source, return_index=True, return_inverse=True)
        X, y = rows.X[first], rows.y[first]
        if model.counts_copies(X, y):
            return model.fit_copies(X, y, source)
    return model.fit(rows.X, rows.y, sample_weight=rows.weight, **begin)
