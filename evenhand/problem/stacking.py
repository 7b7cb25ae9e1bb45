"""Stacking, as a problem declares it and as a candidate names it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from evenhand.problem.common import Frozen

Combine = Literal["logistic", "mean"]


class Stacking(Frozen):
    """A candidate made of the best fits of different families (Wolpert 1992)."""

    of: int = Field(default=3, ge=2, le=6, description="how many fits, each of another family")
    combine: Combine = Field(
        default="logistic", description="multinomial logistic regression on their probabilities, or their mean"
    )


class StackSpec(Frozen):
    """What stands in the place of a model's settings where the model is a stack."""

    kind: Literal["stack"] = "stack"
    combine: Combine = "logistic"
    label: None = None

    @property
    def name(self) -> str:
        """Name in tables, records and runs."""
        return self.kind


class StackedFits(Frozen):
    """What stands in the place of a strategy where the model is a stack: the fits it is made of."""

    kind: Literal["stack"] = "stack"
    fits: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name in tables, records and runs.

        Examples
        --------
        >>> StackedFits(fits=("lightgbm / none / enriched", "random_forest / none")).name
        'lightgbm none enriched + random_forest none'
        """
        return " + ".join(fit.replace(" / ", " ") for fit in self.fits)
