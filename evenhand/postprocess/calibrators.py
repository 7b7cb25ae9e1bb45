"""Fitted calibrators: a model's probabilities in, calibrated probabilities out. They hold plain numbers only."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import softmax

from evenhand.metrics.checks import checked_probabilities
from evenhand.metrics.losses import FLOOR


class Calibrator(ABC):
    """A fitted calibrator; equal to another one that holds the same numbers."""

    def apply(self, proba: np.ndarray) -> np.ndarray:
        """Calibrate probabilities.

        Parameters
        ----------
        proba : ndarray of shape (n, K)

        Returns
        -------
        ndarray of shape (n, K)
            Each row sums to 1.

        Raises
        ------
        MetricsError
            On another number of columns, or a value that is negative or not finite.
        """
        return self._apply(checked_probabilities(proba, self.n_classes))

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.to_record() == self.to_record()

    __hash__ = None  # type: ignore[assignment]

    @property
    @abstractmethod
    def n_classes(self) -> int:
        """Number of columns."""

    @abstractmethod
    def to_record(self) -> dict[str, Any]:
        """Return what was fitted as plain data for JSON."""

    @abstractmethod
    def _apply(self, proba: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True, eq=False)
class Temperature(Calibrator):
    """All probabilities raised to one power, which keeps the order of the classes (Guo et al. 2017).

    Examples
    --------
    >>> Temperature(2, 0.5).apply(np.array([[0.8, 0.2]])).round(3).tolist()
    [[0.667, 0.333]]
    """

    k: int
    exponent: float
    """One over the temperature."""

    @property
    def n_classes(self) -> int:
        """Number of columns."""
        return self.k

    def to_record(self) -> dict[str, Any]:
        """Return what was fitted as plain data for JSON."""
        return {"kind": "temperature", "n_classes": self.k, "temperature": 1 / self.exponent}

    def _apply(self, proba: np.ndarray) -> np.ndarray:
        return softmax(self.exponent * logs(proba), axis=1)


@dataclass(frozen=True, eq=False)
class Sigmoid(Calibrator):
    """Softmax of a line per class in its log-probability: Platt's sigmoid (2000) for any number of classes.

    It is the vector scaling of Guo et al. (2017). Temperature and prior correction are special cases of it, so it also
    undoes the effect of resampling.
    """

    slopes: np.ndarray
    intercepts: np.ndarray
    unseen: np.ndarray
    """Classes without rows to fit on, bool of shape (K,); they keep their probability."""

    @property
    def n_classes(self) -> int:
        """Number of columns."""
        return len(self.slopes)

    def to_record(self) -> dict[str, Any]:
        """Return what was fitted as plain data for JSON."""
        found = {"slopes": self.slopes, "intercepts": self.intercepts, "unseen": self.unseen}
        return {"kind": "sigmoid", **{name: values.tolist() for name, values in found.items()}}

    def _apply(self, proba: np.ndarray) -> np.ndarray:
        proba = normalised(proba)
        scores = np.where(self.unseen, -np.inf, self.slopes * logs(proba) + self.intercepts)
        kept = np.where(self.unseen, proba, 0.0)
        return kept + softmax(scores, axis=1) * (1 - kept.sum(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class Isotonic(Calibrator):
    """An increasing curve for each class, then rows normalised (Zadrozny & Elkan 2002)."""

    given: tuple[np.ndarray, ...]
    """Uncalibrated probabilities at the corners of each class's curve, ascending."""
    meant: tuple[np.ndarray, ...]
    """Calibrated probabilities at these corners."""

    @property
    def n_classes(self) -> int:
        """Number of columns."""
        return len(self.given)

    def to_record(self) -> dict[str, Any]:
        """Return what was fitted as plain data for JSON."""
        return {
            "kind": "isotonic",
            "given": [corners.tolist() for corners in self.given],
            "meant": [corners.tolist() for corners in self.meant],
        }

    def curves(self, proba: np.ndarray) -> np.ndarray:
        """Return the curve of each class before rows are normalised, shape (n, K)."""
        columns = [np.interp(p, x, y) for p, x, y in zip(proba.T, self.given, self.meant, strict=True)]
        return np.stack(columns, axis=1)

    def _apply(self, proba: np.ndarray) -> np.ndarray:
        return normalised(self.curves(proba))


@dataclass(frozen=True, eq=False)
class PriorCorrection(Calibrator):
    """Each class times a constant, then rows normalised: Bayes' rule for changed class shares (Elkan 2001).

    Examples
    --------
    >>> PriorCorrection(np.array([1.8, 0.2])).apply(np.array([[0.5, 0.5]])).round(3).tolist()
    [[0.9, 0.1]]
    """

    ratios: np.ndarray
    """Share of each class at natural prevalence over its share among the rows that the model was fitted on."""

    @property
    def n_classes(self) -> int:
        """Number of columns."""
        return len(self.ratios)

    def to_record(self) -> dict[str, Any]:
        """Return what was fitted as plain data for JSON."""
        return {"kind": "prior", "ratios": self.ratios.tolist()}

    def _apply(self, proba: np.ndarray) -> np.ndarray:
        return normalised(proba * self.ratios)


@dataclass(frozen=True, eq=False)
class Chained(Calibrator):
    """One calibrator after the other."""

    parts: tuple[Calibrator, ...]

    @property
    def n_classes(self) -> int:
        """Number of columns."""
        return self.parts[0].n_classes

    def to_record(self) -> dict[str, Any]:
        """Return what was fitted as plain data for JSON."""
        return {"kind": "chained", "parts": [part.to_record() for part in self.parts]}

    def _apply(self, proba: np.ndarray) -> np.ndarray:
        for part in self.parts:
            proba = part.apply(proba)
        return proba


def logs(proba: np.ndarray) -> np.ndarray:
    """Return logarithms of the probabilities, clipped below at 1e-7."""
    return np.log(np.maximum(proba, FLOOR))


def normalised(proba: np.ndarray) -> np.ndarray:
    """Return the rows divided by their sums."""
    return proba / proba.sum(axis=1, keepdims=True)
