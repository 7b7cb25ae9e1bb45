"""Detectors of unusual rows as a problem declares them: models of their own, or features of other models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from evenhand.problem.common import Frozen, as_kind

SHARED = frozenset({"kind", "class_name", "max_rows"})


class DetectorSpec(Frozen):
    """A detector learns what is normal from the rows of every class but one.

    With more training rows than ``max_rows`` it learns from a stratified sample of them.
    """

    kind: str
    class_name: str | None = Field(default=None, description="the class to detect; the rarest without it")
    max_rows: int = Field(default=20_000, ge=100)

    @property
    def name(self) -> str:
        """Name in columns and resampling records: the kind, and the class where one is named."""
        return " ".join([self.kind, *([self.class_name] if self.class_name else [])])


class OneClassSvm(DetectorSpec):
    """One-class support vector machine with a radial kernel (Schoelkopf et al. 2001)."""

    kind: Literal["one_class_svm"]
    nu: float = Field(default=0.1, gt=0, le=1, description="share of the normal rows that may lie outside")
    gamma: Literal["scale"] | Annotated[float, Field(gt=0)] = "scale"


class IsolationForest(DetectorSpec):
    """Rows that few random cuts set apart (Liu, Ting & Zhou 2008)."""

    kind: Literal["isolation_forest"]
    n_estimators: int = Field(default=100, ge=1)
    max_samples: int = Field(default=256, ge=2, description="rows that a tree sees")


class Ecod(DetectorSpec):
    """Rows in the tails of the columns' empirical distributions (Li et al. 2022)."""

    kind: Literal["ecod"]


class KnnDistance(DetectorSpec):
    """Rows far from their nearest normal ones (Ramaswamy, Rastogi & Shim 2000)."""

    kind: Literal["knn_distance"]
    n_neighbors: int = Field(default=20, ge=1)
    method: Literal["largest", "mean", "median"] = Field(default="largest", description="of the distances")


AnyDetector = OneClassSvm | IsolationForest | Ecod | KnnDistance
Detector = Annotated[Annotated[AnyDetector, Field(discriminator="kind")], BeforeValidator(as_kind)]
DETECTORS: dict[str, type[AnyDetector]] = {
    "one_class_svm": OneClassSvm,
    "isolation_forest": IsolationForest,
    "ecod": Ecod,
    "knn_distance": KnnDistance,
}
