"""How a model is fitted on a strategy's rows: copies are counted where the family can count them."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from sklearn.base import ClassifierMixin

from evenhand.models.beginning import Beginning
from evenhand.strategies import TrainingRows


@runtime_checkable
class CountsCopies(Protocol):
    """A family that gives for rows and the number of times each is there what it gives for their copies."""

    def counts_copies(self, X: np.ndarray) -> bool:
        """Whether it does so on these rows, with its settings."""

    def fit_copies(self, X: np.ndarray, y: np.ndarray, source: np.ndarray) -> ClassifierMixin:
        """Fit as on ``X[source], y[source]``."""


def fit_rows(model: ClassifierMixin, rows: TrainingRows, **begin: Beginning) -> ClassifierMixin:
    """Fit a model on the rows that a strategy made.

    Parameters
    ----------
    model : ClassifierMixin
    rows : TrainingRows
    begin : Beginning, optional
        What the first rounds see of a model that begins on other rows.

    Returns
    -------
    ClassifierMixin
        The model. Whether copies were stored or counted can't be told from it.
    """
    if isinstance(model, CountsCopies) and rows.given is not None and rows.copied and model.counts_copies(rows.given):
        used, first, source = np.unique(rows.source, return_index=True, return_inverse=True)
        return model.fit_copies(rows.given[used], rows.y[first], source)
    return model.fit(rows.X, rows.y, sample_weight=rows.weight, **begin)
