"""Models, and candidates beside the grid."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from evenhand.problem.common import Frozen

Params = dict[str, int | float | str | bool | None]


class ModelSpec(Frozen):
    """A model family and the settings that differ from the family's defaults."""

    kind: Literal["random_forest", "gradient_boosting", "lightgbm"]
    exact: bool = Field(default=False, description="gradient_boosting without histograms; slow past 50,000 rows")
    params: Params = Field(default={})
    label: str | None = None

    @property
    def name(self) -> str:
        """Name in tables, ledgers and runs."""
        return self.label or self.kind


class ExtraCandidate(Frozen):
    """A candidate beside the grid: a model and a strategy of the problem on a feature set other than base."""

    model: str
    strategy: str = "none"
    features: str
    params: Params = Field(default={}, description="settings that differ from those of the problem's model")
