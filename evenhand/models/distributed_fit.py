"""Fits that are spread over several machines."""

from __future__ import annotations

from typing import Protocol

from sklearn.base import ClassifierMixin

from evenhand.strategies import TrainingRows


class DistributedFit(Protocol):
    """Fits a model on rows that are distributed over several machines."""

    def __call__(self, model: ClassifierMixin, rows: TrainingRows) -> ClassifierMixin:
        """Return a fitted model of the same family that runs on one machine."""
