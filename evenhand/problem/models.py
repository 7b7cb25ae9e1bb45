"""Model families, stacks, and candidates outside the grid."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from evenhand.problem.common import Frozen
from evenhand.problem.detectors import DETECTORS

Params = dict[str, int | float | str | bool | tuple[float, ...] | dict[str, str] | None]
# Families that balance the classes themselves and take no weights.
SELF_BALANCING = frozenset(
    {"balanced_bagging", "balanced_random_forest", "easy_ensemble", "rusboost", "smote_bagging", *DETECTORS}
)
# The first of these that a problem has is its evidence family: the first are the cheapest.
EVIDENCE_KINDS = ("lightgbm", "gradient_boosting", "random_forest", "extra_trees")


class ModelSpec(Frozen):
    """A model family and the settings that differ from the family's defaults."""

    kind: Literal[
        "random_forest",
        "extra_trees",
        "logistic_regression",
        "gradient_boosting",
        "lightgbm",
        "balanced_bagging",
        "balanced_random_forest",
        "easy_ensemble",
        "rusboost",
        "adaboost",
        "smote_bagging",
        "lightgbm_focal",
        "lightgbm_continued",
        "one_class_svm",
        "isolation_forest",
        "ecod",
        "knn_distance",
    ]
    exact: bool = Field(
        default=False,
        description="gradient_boosting without histograms, slow past 50,000 rows; random_forest of full-grown trees "
        "on full bags, with scikit-learn's defaults",
    )
    params: Params = Field(default={})
    max_rows: int | None = Field(
        default=None, ge=2_000, description="fit on a sample of at most this many training rows, classes in proportion"
    )
    class_name: str | None = Field(
        default=None, description="of a detector: the class to detect; the rarest without it"
    )
    skip_above_rows: int | None = Field(
        default=None, ge=1, description="skip a fit on more training rows than this, counted after resampling"
    )
    distributed: bool = Field(
        default=False,
        description="of lightgbm: all workers of a Dask cluster fit it together (runner `dask`), where one machine's "
        "memory is too small for a fit",
    )
    label: str | None = None

    @model_validator(mode="after")
    def _distributed(self) -> ModelSpec:
        if self.distributed and self.kind != "lightgbm":
            raise ValueError(f"`distributed` belongs to lightgbm; found with {self.kind}")
        if self.distributed and self.max_rows is not None:
            raise ValueError("`distributed` is for all rows and `max_rows` for a sample of them: give one of the two")
        return self

    @model_validator(mode="after")
    def _class_of_a_detector(self) -> ModelSpec:
        if self.class_name is not None and self.kind not in DETECTORS:
            raise ValueError(f"`class_name` belongs to {', '.join(DETECTORS)}; found with {self.kind}")
        return self

    @property
    def name(self) -> str:
        """Name in tables, records and runs."""
        return self.label or " ".join([self.kind, *([self.class_name] if self.class_name else [])])


class ExtraCandidate(Frozen):
    """A candidate beside the grid: a model and a strategy of the problem with other features or other settings."""

    model: str
    strategy: str = "none"
    features: str
    label: str | None = Field(default=None, description="name of the model with these settings; needed on `base`")
    params: Params = Field(default={}, description="settings that differ from those of the problem's model")
    half_life_days: float | None = Field(
        default=None, gt=0, description="age in days at which a training row weighs half"
    )

    @property
    def name(self) -> str:
        """Name of the model in tables, records and runs."""
        return self.label or self.model


# Every family that handles imbalance by itself. Detectors learn from samples in any case: their catalogue says so.
FULL_MODELS = (
    ModelSpec(kind="balanced_bagging"),
    ModelSpec(kind="balanced_random_forest"),
    ModelSpec(kind="easy_ensemble"),
    ModelSpec(kind="rusboost"),
    ModelSpec(kind="adaboost"),
    ModelSpec(kind="smote_bagging"),
    ModelSpec(kind="lightgbm_focal"),
    ModelSpec(kind="lightgbm_focal", params={"alpha": "balanced"}, label="lightgbm_focal_balanced"),
    ModelSpec(kind="lightgbm_continued"),
    ModelSpec(kind="one_class_svm", max_rows=20_000),
    ModelSpec(kind="isolation_forest", max_rows=20_000),
    ModelSpec(kind="ecod", max_rows=20_000),
    ModelSpec(kind="knn_distance", max_rows=20_000),
)


Combine = Literal["logistic", "mean", "weights"]


class Stacking(Frozen):
    """A candidate made of the best fits of different families (Wolpert 1992)."""

    of: int = Field(default=3, ge=2, le=6, description="how many fits, each of another family")
    combine: Combine = Field(
        default="logistic",
        description="multinomial logistic regression on their probabilities, their mean, or their mean with the "
        "weights of the lowest log-loss",
    )
    members: Literal["best", "plain"] = Field(
        default="best", description="of each family its best fit, or its best fit without resampling"
    )


# What the standard preset makes where a problem says nothing: nothing is fitted for it but its members.
COMBINATION = Stacking(of=6, combine="weights", members="plain")


class StackSpec(Frozen):
    """The model of a candidate that is a stack."""

    kind: Literal["stack"] = "stack"
    combine: Combine = "logistic"
    label: None = None

    @property
    def name(self) -> str:
        """Name in tables, records and runs."""
        return self.kind


class StackedFits(Frozen):
    """The strategy of a candidate that is a stack: the fits that it is made of."""

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
