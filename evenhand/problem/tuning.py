"""Tuning: which settings of a model are searched, and what the search may cost."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from evenhand.problem.common import BASE, Frozen, MetricName
from evenhand.problem.models import ModelSpec, Params


class Setting(Frozen):
    """The values a setting may take: those from ``low`` to ``high``, or one of ``choices``."""

    low: int | float | None = None
    high: int | float | None = None
    log: bool = Field(default=False, description="search the logarithm: for settings whose size matters, not their sum")
    choices: tuple[int | float | str | bool | None, ...] | None = Field(default=None, min_length=2)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        ranged = self.low is not None and self.high is not None
        if ranged == (self.choices is not None) or (self.choices is not None and self.log):
            raise ValueError("give low and high (with log, if its size matters), or choices")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"low {self.low} is not below high {self.high}")
        if self.log and self.low is not None and self.low <= 0:
            raise ValueError(f"low {self.low} has no logarithm; it must be above 0")
        return self


def _between(low: float, high: float, log: bool = False) -> Setting:
    return Setting(low=low, high=high, log=log)


_TREES = {"min_samples_leaf": _between(1, 50, log=True)}
_LIGHTGBM = {
    "n_estimators": _between(50, 300),
    "learning_rate": _between(0.03, 0.2, log=True),
    "num_leaves": _between(15, 255, log=True),
    "min_child_samples": _between(10, 500, log=True),
    "colsample_bytree": _between(0.2, 1.0),
    "reg_lambda": _between(0.001, 30.0, log=True),
}
_BOOSTED = {
    "n_estimators": _between(20, 150),
    "max_depth": _between(3, 12),
    "learning_rate": _between(0.03, 1.0, log=True),
    "min_samples_leaf": _between(1, 50, log=True),
}
# What is searched where a problem does not say: the settings that move a family's scores most.
SPACES: dict[str, dict[str, Setting]] = {
    "lightgbm": _LIGHTGBM,
    "lightgbm_focal": {**_LIGHTGBM, "gamma": _between(0.0, 4.0)},
    "lightgbm_continued": {**_LIGHTGBM, "first_rounds": _between(10, 100)},
    "random_forest": {**_TREES, "max_features": _between(0.1, 1.0)},
    "extra_trees": {**_TREES, "max_features": _between(0.1, 1.0)},
    "logistic_regression": {"C": _between(0.01, 100.0, log=True)},
    "gradient_boosting": {
        "max_iter": _between(50, 300),
        "learning_rate": _between(0.03, 0.3, log=True),
        "max_leaf_nodes": _between(15, 255, log=True),
        "min_samples_leaf": _between(10, 300, log=True),
        "l2_regularization": _between(0.001, 30.0, log=True),
    },
    "balanced_bagging": _TREES,
    "balanced_random_forest": {**_TREES, "max_features": _between(0.1, 1.0)},
    "smote_bagging": {**_TREES, "rows_per_class": _between(1_000, 20_000, log=True)},
    "easy_ensemble": {
        "rounds": _between(5, 40),
        "max_depth": _between(3, 10),
        "learning_rate": _between(0.03, 1.0, log=True),
    },
    "rusboost": _BOOSTED,
    "adaboost": _BOOSTED,
}


class Tuning(Frozen):
    """A candidate whose settings are searched inside the training rows of each fold."""

    model: str = Field(description="one of the problem's models; its own settings are the first trial")
    strategy: str = "none"
    features: str = BASE
    label: str | None = Field(default=None, description="name of the tuned model; `<model> tuned` if absent")
    params: Params = Field(
        default={},
        description="settings that differ from those of the model: where a declared space starts, fixed outside it",
    )
    half_life_days: float | None = Field(default=None, gt=0, description="as in `extra`")
    space: dict[str, Setting] | None = Field(default=None, min_length=1, description="the family's own if absent")
    metric: MetricName = Field(
        default="average_precision", description="what a trial is judged by; decision rules are fitted afterwards"
    )
    folds: int = Field(default=3, ge=2, le=10, description="inner folds, of the kind of split.folds")
    trials: int = Field(default=20, ge=2, le=2_000, description="of each study; a pruned trial counts")
    rounds: int | None = Field(
        default=None, ge=1, description="boosting rounds or trees of all fits of a study: no trial begins past them"
    )
    max_seconds: float | None = Field(
        default=None, gt=0, description="no trial begins after this time: the result is not reproducible"
    )
    pruning: Literal["median", "halving", "none"] = Field(
        default="median", description="when a trial is given up after some of its folds"
    )

    @property
    def name(self) -> str:
        """Name of the tuned model in tables, records and runs."""
        return self.label or f"{self.model} tuned"

    def space_of(self, model: ModelSpec) -> dict[str, Setting]:
        """Return what is searched: the declared space, or the family's without the settings that are fixed here."""
        if self.space is not None:
            return self.space
        return {name: found for name, found in SPACES[model.kind].items() if name not in self.params}


def tuning_fault(tunings: tuple[Tuning, ...], models: tuple[ModelSpec, ...], taken: set[str]) -> str | None:
    """Say what is wrong with the names in the tunings of a problem, or return None.

    Parameters
    ----------
    tunings : tuple of Tuning
    models : tuple of ModelSpec
        Those there are, all that ``tunings`` name among them.
    taken : set of str
        Names of models that a tuned one must not have.
    """
    known = {model.name: model for model in models}
    for tuning in tunings:
        model = known[tuning.model]
        if model.distributed:
            return f"{model.name} is distributed, and trials run where the training runs; tune it without"
        if tuning.space is None and (model.exact or model.kind not in SPACES):
            return f"{model.name} has no space of its own; declare one"
        if not tuning.space_of(model):
            return f"{model.name}: nothing is left to search"
        if tuning.name in taken:
            return f"{tuning.name!r} is the name of another model; give the tuned one a label"
    named: list[Any] = [(tuning.name, tuning.strategy, tuning.features) for tuning in tunings]
    return "the same model, strategy and features are named twice" if len(set(named)) < len(named) else None
