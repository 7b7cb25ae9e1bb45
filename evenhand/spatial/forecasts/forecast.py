"""What a rival answers: the distribution of each class, area and horizon, as means and sizes or as samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from evenhand.spatial.counts import Counts
from evenhand.spatial.forecasts.distributions import empirical, negative_binomial


@dataclass(frozen=True, eq=False)
class Forecast:
    """Distributions of the coming counts.

    Attributes
    ----------
    mean : ndarray of float, shape (n_classes, n_areas, n_horizons)
    size : ndarray of float, shape (n_classes, n_horizons), or None
        Of negative binomials.
    samples : ndarray of int, shape (n_classes, n_areas, n_horizons, n_samples), or None
        Of empirical distributions, in the place of ``size``.
    """

    mean: np.ndarray
    size: np.ndarray | None = None
    samples: np.ndarray | None = None

    def below(self, klass: int, largest: int) -> np.ndarray:
        """Return F(0..largest) of one class, shape (n_areas, n_horizons, largest + 1)."""
        shape = (*self.mean.shape[1:], largest + 1)
        if self.samples is not None:
            samples = self.samples[klass]
            return empirical(samples.reshape(-1, samples.shape[-1]), largest).reshape(shape)
        if self.size is None:
            raise ValueError("a forecast has sizes or samples")
        size = np.broadcast_to(self.size[klass], self.mean.shape[1:])
        return negative_binomial(self.mean[klass].ravel(), size.ravel(), largest).reshape(shape)


class Rival(Protocol):
    """A method that forecasts counts. It is given the periods before an origin and nothing else."""

    @property
    def name(self) -> str:
        """How tables call it."""

    def fit(self, history: Counts, horizons: int) -> None:
        """Learn from the periods of ``history``; called less often than :meth:`predict`."""

    def predict(self, history: Counts, horizons: int) -> Forecast:
        """Forecast the ``horizons`` periods after ``history``."""
