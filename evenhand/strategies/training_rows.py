"""The rows a model is fitted on, where each comes from, and the record of what was done to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from evenhand.problem import AnyStrategy


class CannotResample(ValueError):
    """The strategy can't run on these rows; the message is the reason for the resampling record."""


@dataclass(frozen=True)
class ResamplingRecord:
    """What a strategy did to the training rows of a fold: class counts before and after, and every adaptation.

    ``weight`` is what the rows of each class weigh together, where rows have weights.
    """

    strategy: str
    fold: str
    before: dict[str, int]
    after: dict[str, int]
    adaptations: tuple[str, ...] = ()
    weight: dict[str, float] | None = None

    def to_record(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """The rows that a model is fitted on.

    Attributes
    ----------
    X : ndarray of shape (n_rows, n_features)
    y : ndarray of int, shape (n_rows,)
    source : ndarray of int, shape (n_rows,)
        Position, in the rows that were given, of the row that this one is or was copied from, or that a synthetic row
        starts from.
    weight : ndarray of shape (n_rows,) or None
    adaptations : tuple of str
        What had to be done differently from what the strategy says.
    n_synthetic : int
        How many rows are made up. They are the last ones.
    given : ndarray of shape (n_given_rows, n_features) or None
        The very array that the strategy worked on: every row, and every parent of a synthetic one, is in it.
    """

    X: np.ndarray
    y: np.ndarray
    source: np.ndarray
    weight: np.ndarray | None = None
    adaptations: tuple[str, ...] = ()
    n_synthetic: int = 0
    given: np.ndarray | None = None

    @property
    def copied(self) -> bool:
        """Whether the rows are given ones, some of them more than once, and all weigh the same."""
        return self.weight is None and not self.n_synthetic and len(np.unique(self.source)) < len(self.source)


def class_counts(y: np.ndarray, classes: Sequence[str]) -> dict[str, int]:
    """Count the rows of each class.

    Examples
    --------
    >>> class_counts(np.array([0, 1, 1]), ["Arson", "Theft"])
    {'Arson': 1, 'Theft': 2}
    """
    counts = np.bincount(y, minlength=len(classes))
    return {name: int(n) for name, n in zip(classes, counts, strict=True)}


def resampling_record(
    strategy: AnyStrategy, fold: str, y: np.ndarray, rows: TrainingRows, classes: Sequence[str]
) -> ResamplingRecord:
    """Write down what a strategy did to a fold's training rows."""
    before, after = class_counts(y, classes), class_counts(rows.y, classes)
    entry = ResamplingRecord(strategy.name, fold, before, after, rows.adaptations, _weights(rows, classes))
    vanished = [name for name, n in entry.after.items() if n == 0 and entry.before[name] > 0]
    if vanished:
        raise CannotResample(f"{strategy.name}: would drop every row of {', '.join(vanished)}")
    absent = [name for name, n in entry.before.items() if n == 0]
    if absent:
        note = f"no training row of {', '.join(absent)} in this fold: it is never predicted there"
        entry = replace(entry, adaptations=(*entry.adaptations, note))
    return entry


def _weights(rows: TrainingRows, classes: Sequence[str]) -> dict[str, float] | None:
    if rows.weight is None:
        return None
    totals = np.bincount(rows.y, rows.weight, minlength=len(classes))
    return {name: float(total) for name, total in zip(classes, totals, strict=True)}
