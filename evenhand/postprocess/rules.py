"""Fitted decision rules: from probabilities to a class. They hold plain numbers only."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from evenhand.metrics.checks import checked_probabilities


class DecisionRule(ABC):
    """A fitted rule; equal to another one of its kind that holds the same numbers."""

    name: str
    classes: tuple[str, ...]

    def decide(self, proba: np.ndarray, groups: np.ndarray | None = None) -> np.ndarray:
        """Choose a class for every row.

        Parameters
        ----------
        proba : ndarray of shape (n, K)
        groups : ndarray of shape (n,), optional
            Period or place of every row, negative where unknown; only needed by a capacity rule.

        Returns
        -------
        ndarray of int, shape (n,)
            Class codes; the first of equally good ones.

        Raises
        ------
        MetricsError
            On another number of columns than classes, or a value that is negative or not finite.
        """
        return self._choose(checked_probabilities(proba, len(self.classes)), groups)

    def to_record(self) -> dict[str, Any]:
        """Return what was fitted as plain data for JSON."""
        found = {"rule": type(self).__name__, **asdict(self)}  # type: ignore[call-overload]
        return {key: _listed(value) for key, value in found.items()}

    @abstractmethod
    def _choose(self, proba: np.ndarray, groups: np.ndarray | None) -> np.ndarray: ...


@dataclass(frozen=True)
class LargestWeighted(DecisionRule):
    """The class with the largest probability times weight: argmax, multipliers and both prior rules.

    Examples
    --------
    >>> rule = LargestWeighted("prior_power", ("Assault", "Robbery"), (1.0, 3.0))
    >>> rule.decide(np.array([[0.7, 0.3], [0.8, 0.2]])).tolist()
    [1, 0]
    """

    name: str
    classes: tuple[str, ...]
    weights: tuple[float, ...]
    metric: str | None = None
    """Metric that the weights maximise."""

    def _choose(self, proba: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
        return (proba * np.asarray(self.weights)).argmax(axis=1)


@dataclass(frozen=True)
class LeastCost(DecisionRule):
    """The class with the least expected cost (Elkan 2001); ``costs[truth][predicted]``."""

    name: str
    classes: tuple[str, ...]
    costs: tuple[tuple[float, ...], ...]

    def _choose(self, proba: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
        return (proba @ np.asarray(self.costs)).argmin(axis=1)

    def mean_cost(self, y: np.ndarray, predicted: np.ndarray) -> float:
        """Return the mean cost of predictions, by any rule, for the true classes ``y``."""
        return float(np.asarray(self.costs)[y, predicted].mean())


@dataclass(frozen=True)
class Capacity(DecisionRule):
    """The rows with the highest probability of one class, as many as can be followed up; others get another class.

    The other class is the most probable one. With groups the number is exact: the ``k`` highest rows of each group, or
    its ``share`` rounded down, earlier rows first among ties. Without groups, and for rows of unknown group
    (negative), a row is chosen if its probability reaches ``threshold``, which at most ``share`` of the out-of-fold
    rows reach.
    """

    name: str
    classes: tuple[str, ...]
    code: int
    share: float
    threshold: float
    k: int | None = None

    def _choose(self, proba: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
        scores = proba[:, self.code]
        others = proba.copy()
        others[:, self.code] = -1.0
        chosen = scores >= self.threshold
        if groups is not None:
            known = np.asarray(groups) >= 0
            chosen = np.where(known, self._top(scores, np.asarray(groups)), chosen)
        return np.where(chosen, self.code, others.argmax(axis=1))

    def _top(self, scores: np.ndarray, groups: np.ndarray) -> np.ndarray:
        order = np.lexsort((-scores, groups))  # stable, so earlier rows come first among equals
        _, first, size = np.unique(groups[order], return_index=True, return_counts=True)
        rank = np.arange(len(order)) - np.repeat(first, size)
        room = np.full(len(size), self.k) if self.k else np.floor(self.share * size + 1e-9)
        top = np.empty(len(order), dtype=bool)
        top[order] = rank < np.repeat(room, size)
        return top


def _listed(value: Any) -> Any:
    return [_listed(part) for part in value] if isinstance(value, tuple) else value


DecidesOn = Literal["raw", "calibrated"]
