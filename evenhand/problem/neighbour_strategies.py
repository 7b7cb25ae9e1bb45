"""Strategies that search neighbours, as a problem declares them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from evenhand.problem.simple_strategies import NamedStrategy, Ratio


class NeighbourStrategy(NamedStrategy):
    """A strategy that searches neighbours, which costs time and can be bounded.

    With more training rows than ``max_rows`` it works, and the model is fitted, on a stratified sample of them.
    """

    max_rows: int | None = Field(default=None, ge=100)
    skip_above_rows: int = Field(
        default=1_500_000, ge=1, description="skip it where more rows than this would have to be searched"
    )
    standardise: bool = Field(default=True, description="measure distances on columns of mean 0 and deviation 1")


class SmoteStrategy(NeighbourStrategy):
    """Synthetic minority rows between neighbours (Chawla et al. 2002), on the encoded columns or mixed (SMOTENC)."""

    kind: Literal["smote", "smotenc"]
    k_neighbors: int = Field(default=5, ge=1)
    ratio: Ratio | None = None
    standardise: bool = False


class BorderlineSmoteStrategy(NeighbourStrategy):
    """SMOTE from the rows of a class that have at least half foreign neighbours (Han et al. 2005)."""

    kind: Literal["borderline_smote"]
    k_neighbors: int = Field(default=5, ge=1)
    m_neighbors: int = Field(default=10, ge=1)
    ratio: Ratio | None = None


class AdasynStrategy(NeighbourStrategy):
    """SMOTE with more synthetic rows where a class has more foreign neighbours (He et al. 2008)."""

    kind: Literal["adasyn"]
    n_neighbors: int = Field(default=5, ge=1)
    ratio: Ratio | None = None


class NearMissStrategy(NeighbourStrategy):
    """Keep the rows of the larger classes that are near the smallest class (Zhang & Mani 2003)."""

    kind: Literal["near_miss"]
    version: Literal[1, 2, 3] = 1
    n_neighbors: int = Field(default=3, ge=1)
    ratio: Ratio | None = None

    def _settings(self) -> list[str]:
        return ([] if self.version == 1 else [str(self.version)]) + super()._settings()


class TomekStrategy(NeighbourStrategy):
    """Take out rows of the larger classes whose nearest neighbour is foreign and has them nearest (Tomek 1976)."""

    kind: Literal["tomek"]


KindSel = Annotated[
    Literal["mode", "all"], Field(description="a row stays if most, or all, of its neighbours share its class")
]


class EnnStrategy(NeighbourStrategy):
    """Take out rows of the larger classes that their neighbours outvote (Wilson 1972)."""

    kind: Literal["enn"]
    n_neighbors: int = Field(default=3, ge=1)
    kind_sel: KindSel = "mode"


class SmoteTomekStrategy(NeighbourStrategy):
    """SMOTE, then Tomek links of all classes taken out (Batista et al. 2004)."""

    kind: Literal["smote_tomek"]
    k_neighbors: int = Field(default=5, ge=1)
    ratio: Ratio | None = None


class SmoteEnnStrategy(NeighbourStrategy):
    """SMOTE, then rows of all classes that their neighbours outvote taken out (Batista et al. 2004)."""

    kind: Literal["smote_enn"]
    k_neighbors: int = Field(default=5, ge=1)
    n_neighbors: int = Field(default=3, ge=1)
    kind_sel: KindSel = "mode"
    ratio: Ratio | None = None
