"""Imbalance strategies as a problem declares them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from evenhand.problem.common import Frozen, as_kind


def _checked_cap(value: int | float) -> int | float:
    if isinstance(value, bool) or value <= 0:
        raise ValueError(f"{value!r}: a cap is a positive factor (1.5) or a whole number of rows (35000)")
    if isinstance(value, int) and value < 10:
        raise ValueError(f"{value}: write {value}.0 for a factor; a number of rows is 10 or more")
    return value


Cap = Annotated[int | float, BeforeValidator(_checked_cap)]
SimpleStrategyKind = Literal["none", "class_weight", "random_over", "random_under"]


class SimpleStrategy(Frozen):
    """A strategy without settings."""

    kind: SimpleStrategyKind

    @property
    def name(self) -> str:
        """Name in tables, ledgers and runs."""
        return self.kind


class SmoteStrategy(Frozen):
    """Synthetic minority rows between neighbours (Chawla et al. 2002), on the encoded columns or mixed (SMOTENC)."""

    kind: Literal["smote", "smotenc"]
    k_neighbors: int = Field(default=5, ge=1)

    @property
    def name(self) -> str:
        """Name in tables, ledgers and runs."""
        return self.kind


class CappedStrategy(Frozen):
    """Random undersampling to a target per class; a class with fewer rows keeps all it has.

    A float for a named class is a factor of ``cap``, a whole number is a number of rows.
    """

    kind: Literal["capped"]
    cap: int = Field(gt=0)
    per_class: dict[str, Cap] = Field(default={})
    class_weight: bool = False
    seed: int = 42
    label: str | None = None

    @property
    def name(self) -> str:
        """Name in tables, ledgers and runs."""
        return self.label or ("capped+class_weight" if self.class_weight else "capped")


AnyStrategy = SimpleStrategy | SmoteStrategy | CappedStrategy
Strategy = Annotated[
    Annotated[AnyStrategy, Field(discriminator="kind")],
    BeforeValidator(as_kind),
]
