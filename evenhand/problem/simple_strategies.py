"""Strategies that weigh, copy or leave out rows, as a problem declares them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from evenhand.problem.common import Frozen
from evenhand.problem.postprocessing import CostValue


def _checked_cap(value: int | float) -> int | float:
    if isinstance(value, bool) or value <= 0:
        raise ValueError(f"{value!r}: a cap is a positive factor (1.5) or a whole number of rows (35000)")
    if isinstance(value, int) and value < 10:
        raise ValueError(f"{value}: write {value}.0 for a factor; a number of rows is 10 or more")
    return value


def _checked_ratio(value: Any) -> Any:
    for share in value.values() if isinstance(value, dict) and value else [value]:
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
            raise ValueError(
                f"{share!r}: a ratio is a share of the largest class, above 0 and at most 1, for every class (0.5) or "
                "for the named ones ({Robbery: 0.5})"
            )
    return value


Cap = Annotated[int | float, BeforeValidator(_checked_cap)]
Ratio = Annotated[float | dict[str, float], BeforeValidator(_checked_ratio)]
SimpleStrategyKind = Literal["none", "class_weight", "sqrt_weight", "random_over", "random_under"]
EITHER_WAY = ("random_over", "random_under")


class NamedStrategy(Frozen):
    """A strategy has the name of its kind, and its settings where they are the point, or a label of its own."""

    kind: str
    label: str | None = None

    @model_validator(mode="after")
    def _baseline_is_none(self) -> NamedStrategy:
        if self.label is not None and "none" in (self.kind, self.label):
            raise ValueError("`none` is the name of the baseline: it has no other, and nothing else has it")
        return self

    @property
    def name(self) -> str:
        """Name in tables, records and runs."""
        return self.label or " ".join([self.kind, *self._settings()])

    def _settings(self) -> list[str]:
        ratio = getattr(self, "ratio", None)
        return [] if ratio is None else ["per class" if isinstance(ratio, dict) else f"{ratio:g}"]


class SimpleStrategy(NamedStrategy):
    """A strategy that looks at the classes alone; ``ratio`` is a setting of the random samplers."""

    kind: SimpleStrategyKind
    ratio: Ratio | None = None

    @model_validator(mode="after")
    def _ratio_of_samplers(self) -> SimpleStrategy:
        if self.ratio is not None and self.kind not in EITHER_WAY:
            raise ValueError(f"`ratio` belongs to {' and '.join(EITHER_WAY)}")
        return self


class EffectiveNumberStrategy(NamedStrategy):
    """Weights by the effective number of rows of a class, (1 - beta^n) / (1 - beta) (Cui et al. 2019)."""

    kind: Literal["effective_number"]
    beta: float = Field(default=0.9999, gt=0, lt=1)


class CostWeightStrategy(NamedStrategy):
    """Weights by what the mistakes about a class cost: the sum of its row of the cost matrix (Elkan 2001)."""

    kind: Literal["cost_weight"]
    costs: dict[str, dict[str, CostValue]] | tuple[tuple[CostValue, ...], ...] = Field(
        description="{truth: {predicted: cost}}, or rows (truth) of columns (predicted) in the order of the class names"
    )
    other: CostValue = 1.0


class RoseStrategy(NamedStrategy):
    """Smoothed bootstrap: copies with noise on the numbers (Menardi & Torelli 2014)."""

    kind: Literal["rose"]
    shrinkage: float = Field(default=1.0, gt=0, description="1 is the width of Bowman & Azzalini; less is less noise")
    ratio: Ratio | None = None


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
        """Name in tables, records and runs."""
        return self.label or ("capped+class_weight" if self.class_weight else "capped")
