"""Fitted decision rules: from probabilities to a class. They hold plain numbers alone, so they store anywhere."""

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
            Period or place of every row, negative where unknown. Only a capacity asks for it.

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
    """What the weights were fitted for."""

    def _choose(self, proba: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
        return (proba * np.asarray(self.weights)).argmax(axis=1)


@dataclass(frozen=True)
class LeastCost(DecisionRule):
    """The class of the least expected cost (Elkan 2001); ``costs[truth][predicted]``."""

    name: str
    classes: tuple[str, ...]
    costs: tuple[tuple[float, ...], ...]

    def _choose(self, proba: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
        return (proba @ np.asarray(self.costs)).argmin(axis=1)

    def mean_cost(self, y: np.ndarray, predicted: np.ndarray) -> float:
        """Average cost of what was predicted, by whatever rule, where ``y`` was true."""
        return float(np.asarray(self.costs)[y, predicted].mean())


@dataclass(frozen=True)
class Capacity(DecisionRule):
    """The rows most like one class, as many as can be followed up; other rows get their most probable other class.

    With groups it is exact: each group's ``k`` highest rows (its ``share`` rounded down where ``k`` is not set), and of
    equal ones the earlier. Without groups, and for rows whose group is unknown (negative), a row is chosen once its
    probability reaches ``threshold``, which out of fold was reached by ``share`` of the rows and no more.
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
