"""A model that several machines fit together."""

from __future__ import annotations

from typing import Protocol

from sklearn.base import ClassifierMixin

from evenhand.strategies import TrainingRows


class DistributedFit(Protocol):
    """Fits a model on rows that are spread over several machines."""

    def __call__(self, model: ClassifierMixin, rows: TrainingRows) -> ClassifierMixin:
        """Return a fitted model of the same family, for use on one machine."""
