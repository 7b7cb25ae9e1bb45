"""Calibration methods and decision rules, as a problem declares them."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from evenhand.problem.common import Frozen, as_kind

LabelMetric = Literal["macro_f1", "balanced_accuracy", "g_mean", "weighted_f1", "accuracy", "mcc"]
LABEL_METRICS: tuple[str, ...] = get_args(LabelMetric)


class SimpleDecision(Frozen):
    """The most probable class, or the most probable once probabilities are back at the natural class shares."""

    kind: Literal["argmax", "prior_correction"]

    @property
    def name(self) -> str:
        """Name in tables and runs."""
        return self.kind


ARGMAX = SimpleDecision(kind="argmax")


class MultipliersDecision(Frozen):
    """A multiplier per class, fitted out of fold for a metric."""

    kind: Literal["multipliers"]
    metric: LabelMetric | None = Field(default=None, description="the problem's own metric without it")
    label: str | None = None

    @property
    def name(self) -> str:
        """Name in tables and runs."""
        return self.label or (f"{self.kind} {self.metric}" if self.metric else self.kind)


class PriorPowerDecision(Frozen):
    """Probabilities divided by a power of the class shares; nothing is tuned."""

    kind: Literal["prior_power"]
    tau: float = Field(default=0.5, ge=0, le=1, description="0 is argmax, 1 weighs every class alike")
    label: str | None = None

    @property
    def name(self) -> str:
        """Name in tables and runs."""
        return self.label or (self.kind if self.tau == 0.5 else f"{self.kind} {self.tau:g}")


CostValue = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class CostDecision(Frozen):
    """The class of the least expected cost; what a mapping leaves out costs 0 if right and ``other`` if wrong."""

    kind: Literal["cost"]
    costs: dict[str, dict[str, CostValue]] | tuple[tuple[CostValue, ...], ...] = Field(
        description="{truth: {predicted: cost}}, or rows (truth) of columns (predicted) in the order of the class names"
    )
    other: CostValue = 1.0
    label: str | None = None

    @property
    def name(self) -> str:
        """Name in tables and runs."""
        return self.label or self.kind


class CapacityDecision(Frozen):
    """The rows most like one class, as many as can be followed up: a share of all rows, or ``k`` in each period."""

    kind: Literal["capacity"]
    class_name: str
    share: float | None = Field(default=None, gt=0, lt=1)
    k: int | None = Field(default=None, ge=1)
    per: str | None = Field(default=None, description="column whose values, or whose periods, have k rows each")
    period: Literal["value", "day", "month", "year"] = "value"
    label: str | None = None

    @model_validator(mode="after")
    def _either_or(self) -> CapacityDecision:
        if (self.share is None) == (self.k is None) or (self.k is None) != (self.per is None):
            raise ValueError("give either share, or k and per (the column that k is counted in)")
        return self

    @property
    def name(self) -> str:
        """Name in tables and runs."""
        return self.label or f"{self.kind} {self.class_name}"


Decision = Annotated[
    Annotated[
        SimpleDecision | MultipliersDecision | PriorPowerDecision | CostDecision | CapacityDecision,
        Field(discriminator="kind"),
    ],
    BeforeValidator(as_kind),
]


CalibrationMethod = Literal["none", "prior", "temperature", "sigmoid", "isotonic"]
