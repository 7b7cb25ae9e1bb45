"""A candidate as the comparison tables, the figures and the pages show it."""

from __future__ import annotations

from dataclasses import dataclass

from evenhand.metrics.scores import Scores
from evenhand.problem import ARGMAX, BASE

PLAIN = ("none", "base", "argmax")


@dataclass(frozen=True, eq=False)
class Row:
    """One candidate and its scores, out of fold and on the held-out period; ``skipped`` says why it has none."""

    model: str
    strategy: str
    features: str
    decision: str
    oof: Scores | None
    test: Scores | None
    fit_seconds: float
    skipped: str | None
    variant_of: str | None = None
    folds: int = 0
    stopped: str | None = None
    """Why it got no more folds; ``oof`` is of the folds done until then."""
    beside: Scores | None = None
    """If it was stopped early: scores of its baseline on the same rows."""

    @property
    def group(self) -> str:
        """The model whose rows a table keeps together; a variant with other settings belongs to it."""
        return self.variant_of or self.model


def is_baseline(row: Row) -> bool:
    """Return whether a candidate is the baseline of its model."""
    return (row.strategy, row.features, row.decision) == PLAIN and row.variant_of is None


def row_name(row: Row) -> str:
    """Name a candidate as the runs do.

    Examples
    --------
    >>> row_name(Row("lightgbm", "none", "enriched", "multipliers", None, None, 1.0, None))
    'lightgbm / none / enriched / multipliers'
    """
    features = [] if row.features == BASE else [row.features]
    decision = [] if row.decision == ARGMAX.name else [row.decision]
    return " / ".join([row.model, row.strategy, *features, *decision])
