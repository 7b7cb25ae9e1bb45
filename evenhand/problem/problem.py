"""The whole problem, and what its parts must agree on."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import BeforeValidator, Field, PrivateAttr, field_validator, model_validator

from evenhand.errors import ProblemError
from evenhand.problem.analysis import Analysis
from evenhand.problem.columns import FeatureSet, Target
from evenhand.problem.common import BASE, Frozen, MetricName, as_kind
from evenhand.problem.models import EVIDENCE_KINDS, SELF_BALANCING, ExtraCandidate, ModelSpec, Stacking
from evenhand.problem.policies import (
    GatePolicy,
    MonitorPolicy,
    ReportPolicy,
    Reviewer,
    ReviewPolicy,
    ValidationPolicy,
)
from evenhand.problem.postprocessing import (
    ARGMAX,
    LABEL_METRICS,
    CalibrationMethod,
    CapacityDecision,
    CostDecision,
    Decision,
    MultipliersDecision,
    PriorPowerDecision,
)
from evenhand.problem.signing_keys import parse_key
from evenhand.problem.simple_strategies import SimpleStrategy
from evenhand.problem.sources import Source
from evenhand.problem.splits import Split
from evenhand.problem.strategies import Strategy, named_classes
from evenhand.problem.tuning import Tuning, tuning_fault
from evenhand.text.person_names import name_key
from evenhand.text.printable import printable


def default_decisions(metric: str) -> tuple[Decision, ...]:
    """Return the rules that are tried where a problem names none; only metrics of classes depend on the rule."""
    if metric not in LABEL_METRICS:
        return (ARGMAX,)
    return ARGMAX, MultipliersDecision(kind="multipliers"), PriorPowerDecision(kind="prior_power")


class Problem(Frozen):
    """One data set and everything that is asked of it.

    Raises
    ------
    pydantic.ValidationError
        On an unknown key, a feature that is the target or a declared leak, or a name that does not exist;
        :func:`parse_problem` turns it into one readable paragraph.
    """

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str
    about: str = ""
    licence: str = "not stated"
    contact: str = Field(default="", description="who answers questions about the data and the model")
    source: Source
    suite: str | None = Field(default=None, description="expectations/<suite>.json; derived from this file if absent")
    duplicates: Literal["drop", "keep"] = "keep"
    target: Target
    leaks: tuple[str, ...] = Field(default=(), description="columns set after the class is known")
    allow_predictive: tuple[str, ...] = Field(
        default=(), description="features that may give the class alone, since they are known before it"
    )
    sensitive: tuple[str, ...] = Field(default=(), description="columns whose groups a report compares")
    features: dict[str, FeatureSet] = Field(min_length=1, description="feature sets by name; `base` first")
    split: Split
    time_zone: str | None = Field(
        default=None, description="IANA name of the place's time zone, such as Europe/London, in which times are read"
    )
    models: tuple[Annotated[ModelSpec, BeforeValidator(as_kind)], ...] = Field(
        default=tuple(ModelSpec(kind=k) for k in ("extra_trees", "lightgbm", "logistic_regression")), min_length=1
    )
    strategies: tuple[Strategy, ...] = Field(
        default=(SimpleStrategy(kind="none"), SimpleStrategy(kind="class_weight")), min_length=1
    )
    extra: tuple[ExtraCandidate, ...] = Field(default=(), description="candidates with other features or settings")
    tuning: tuple[Tuning, ...] = Field(default=(), description="candidates tuned where a training is asked to tune")
    balancing_models: tuple[Annotated[ModelSpec, BeforeValidator(as_kind)], ...] = Field(
        default=(), description="models that handle imbalance by themselves: tried without resampling, beside the grid"
    )
    metric: MetricName = "macro_f1"
    decisions: tuple[Decision, ...] = Field(
        default_factory=lambda known: default_decisions(known.get("metric", "")),
        min_length=1,
        description="rules tried on every fit without resampling; unset means argmax, multipliers and prior_power "
        "where the metric is one of classes",
    )
    stacking: Stacking | Literal["none"] | None = Field(
        default=None,
        description="a candidate made of the best fits; unset means the mean of the families in the standard preset "
        "and a regression on the three best in the full one; none means no combination in the standard preset",
    )
    calibration: tuple[CalibrationMethod, ...] = Field(
        default=("none", "prior", "temperature"),
        description="corrections of probabilities that are tried on every fit; `none` is always one",
    )
    quick_rows: int = Field(default=6_000, ge=200, description="training rows of the quick preset")
    racing: bool = Field(
        default=True, description="a fit that can't win any more after some folds, by a paired interval, gets no more"
    )
    evidence_family: str | None = Field(
        default=None,
        description="the model of `models` that runs every strategy on all folds and on the held-out period, whatever "
        "the race stops; unset means the first of lightgbm, gradient_boosting, random_forest that there is",
    )
    validation: ValidationPolicy = ValidationPolicy()
    gate: GatePolicy = GatePolicy()
    analysis: Analysis = Analysis()
    monitor: MonitorPolicy = MonitorPolicy()
    report: ReportPolicy = ReportPolicy()
    review: Literal["required", "never"] = "required"
    reviewers: tuple[Reviewer, ...] = Field(default=(), description="who may decide; empty: anybody who gives a name")
    quorum: int = Field(default=1, ge=1, description="reviewers that must approve")
    four_eyes: bool | None = Field(
        default=None, description="who trained can't approve alone; unset means where two reviewers are declared"
    )
    expires_days: float | None = Field(default=None, gt=0, description="a request without a decision is rejected then")
    _file: str = PrivateAttr(default="")

    @property
    def file(self) -> str:
        """Absolute path of its file; empty for a problem that was not read from one."""
        return self._file

    def read_from(self, file: str) -> Problem:
        """Return a copy that knows its file."""
        copy = self.model_copy()
        copy._file = file
        return copy

    @property
    def evidence_model(self) -> str:
        """Name of the model whose fits are never stopped early."""
        first = {model.kind: model.name for model in reversed(self.models)}
        known = (first[kind] for kind in EVIDENCE_KINDS if kind in first)
        return self.evidence_family or next(known, self.models[0].name)

    @property
    def review_policy(self) -> ReviewPolicy:
        """Everything that decides about a review."""
        four_eyes = len(self.reviewers) > 1 if self.four_eyes is None else self.four_eyes
        return ReviewPolicy(
            review=self.review,
            reviewers=self.reviewers,
            quorum=self.quorum,
            four_eyes=four_eyes,
            expires_days=self.expires_days,
        )

    @property
    def synthetic(self) -> bool:
        """Whether the rows are made up."""
        return self.source.kind == "synthetic"

    @property
    def columns(self) -> tuple[str, ...]:
        """Every raw column this problem reads, each once."""
        names = [c for features in self.features.values() for c in features.columns]
        folds_column = getattr(self.split.folds, "column", None)
        names += [name for name in (self.target.column, self.split.holdout.column, folds_column) if name]
        names += [d.per for d in self.decisions if isinstance(d, CapacityDecision) and d.per]
        names += [*self.sensitive, *(part.column for part in self.gate.slices)]
        names += [self.split.blocks.column] if self.split.blocks else []
        names += [self.gate.training_age.column] if self.gate.training_age else []
        names += [self.report.hour] if self.report.hour else []
        return tuple(dict.fromkeys(names))

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        if name is not None and name not in available_timezones():
            near = difflib.get_close_matches(name, available_timezones(), n=3)
            raise ValueError(f"no such time zone; write an IANA name, such as {', '.join(near) or 'Europe/London'}")
        return name

    @field_validator("features")
    @classmethod
    def _extended(cls, given: dict[str, FeatureSet]) -> dict[str, FeatureSet]:
        done: dict[str, FeatureSet] = {}
        for name, features in given.items():
            if features.extend is not None and features.extend not in done:
                known = ", ".join(done) or "none"
                raise ValueError(f"{name}.extend: no feature set {features.extend!r} before it; there is: {known}")
            done[name] = features if features.extend is None else features.after(done[features.extend])
        return done

    @model_validator(mode="after")
    def _names_in_one_line(self) -> Problem:
        """Names of candidates are names of runs, folders and lines; class and column names are the data's own."""
        parts = (*self.models, *self.balancing_models, *self.strategies, *self.decisions, *self.extra, *self.tuning)
        for name in (*self.features, *(part.name for part in parts), *(one.name for one in self.reviewers)):
            if printable(name) != name:
                raise ValueError(f"the name {name!r} holds characters that can't be shown in a line; leave them out")
        return self

    @model_validator(mode="after")
    def _no_leak(self) -> Problem:
        forbidden = {self.target.column: "the target", **dict.fromkeys(self.leaks, "a declared leak")}
        for set_name, features in self.features.items():
            for column in features.columns:
                if column in forbidden:
                    raise ValueError(f"features.{set_name}: column {column!r} is {forbidden[column]}")
        for decision in self.decisions:
            if isinstance(decision, CapacityDecision) and decision.per in forbidden:
                raise ValueError(f"decisions: {decision.name}: column {decision.per!r} is {forbidden[decision.per]}")
        return self

    @model_validator(mode="after")
    def _allowed_is_read(self) -> Problem:
        read = dict.fromkeys(column for features in self.features.values() for column in features.columns)
        for column in self.allow_predictive:
            if column not in read:
                raise ValueError(f"allow_predictive: {column!r} is no feature; features read {', '.join(read)}")
        return self

    @model_validator(mode="after")
    def _metric_of_labels(self) -> Problem:
        for decision in self.decisions:
            if isinstance(decision, MultipliersDecision) and (decision.metric or self.metric) not in LABEL_METRICS:
                allowed = ", ".join(LABEL_METRICS)
                raise ValueError(
                    f"decisions: {self.metric} does not judge the chosen class, so multipliers need a "
                    f"metric of their own; allowed: {allowed}"
                )
        return self

    @model_validator(mode="after")
    def _extra_exists(self) -> Problem:
        names = [model.name for model in self.models]
        for extra in self.extra:
            self._has("extra", extra, names)
            if extra.features == BASE and extra.label is None:
                raise ValueError(
                    f"extra: {extra.model} on {BASE} is in the grid already; name another feature set, or give the "
                    "model with other settings a label"
                )
            if extra.label in names:
                raise ValueError(f"extra: label {extra.label!r} is the name of a model; give another")
        named = [(extra.name, extra.strategy, extra.features) for extra in self.extra]
        if len(set(named)) < len(named):
            raise ValueError("extra: the same model, strategy and features are named twice")
        if BASE not in self.features:
            raise ValueError(f"features: one set is named {BASE}; found {', '.join(self.features)}")
        return self

    @model_validator(mode="after")
    def _evidence_family_exists(self) -> Problem:
        names = [model.name for model in self.models]
        if self.evidence_family is not None and self.evidence_family not in names:
            raise ValueError(f"evidence_family: no model {self.evidence_family!r}; there is: {', '.join(names)}")
        return self

    @model_validator(mode="after")
    def _tuned_exists(self) -> Problem:
        models = (*self.models, *self.balancing_models)
        for tuning in self.tuning:
            self._has("tuning", tuning, [model.name for model in models])
        fault = tuning_fault(self.tuning, models, {m.name for m in models} | {e.name for e in self.extra})
        if fault:
            raise ValueError(f"tuning: {fault}")
        return self

    def _has(self, where: str, more: ExtraCandidate | Tuning, models: list[str]) -> None:
        known = {
            "model": models,
            "strategy": [strategy.name for strategy in self.strategies],
            "features": list(self.features),
        }
        for what, names in known.items():
            if getattr(more, what) not in names:
                raise ValueError(f"{where}: no {what} {getattr(more, what)!r}; there is: {', '.join(names)}")
        if more.half_life_days is not None and not self.split.holdout.of_times:
            raise ValueError(
                f"{where}: half_life_days counts days, and split.holdout.start is {self.split.holdout.start!r}; "
                "needed is a date"
            )

    @model_validator(mode="after")
    def _balancing_apart(self) -> Problem:
        for model in self.models:
            if model.kind in SELF_BALANCING:
                raise ValueError(f"models: {model.name} balances by itself; name it under balancing_models")
        return self

    @model_validator(mode="after")
    def _steps_of_numbers(self) -> Problem:
        categories = {part.column for features in self.features.values() for part in features.categorical}
        wrong = [part.column for part in self.gate.slices if part.step is not None and part.column in categories]
        if wrong:
            raise ValueError(f"gate.slices: {', '.join(wrong)} is a category and can't be put in steps")
        return self

    @model_validator(mode="after")
    def _periods_of_times(self) -> Problem:
        period, times = self.monitor.period, self.split.holdout.of_times
        if period is not None and (period == "value") == times:
            held = "times; write day, week, month or year" if times else "numbers; write value"
            raise ValueError(f"monitor.period is {period}, and column {self.split.holdout.column!r} holds {held}")
        return self

    @model_validator(mode="after")
    def _review_possible(self) -> Problem:
        if self.review == "never" and self.reviewers:
            raise ValueError("review: never asks nobody, and reviewers are declared; allowed is one of the two")
        if self.quorum > max(1, len(self.reviewers)):
            raise ValueError(f"quorum: {self.quorum} approvals of {len(self.reviewers)} declared reviewers")
        if self.four_eyes and not self.reviewers:
            raise ValueError("four_eyes: needs declared reviewers, of whom one did not train the model")
        return self

    @field_validator("calibration")
    @classmethod
    def _none_is_a_choice(cls, methods: tuple[CalibrationMethod, ...]) -> tuple[CalibrationMethod, ...]:
        if "none" not in methods or len(set(methods)) < len(methods):
            asked = dict.fromkeys(("none", *methods))
            raise ValueError(f"each method once, and none is always one: write [{', '.join(asked)}]")
        return methods

    @model_validator(mode="after")
    def _names_once(self) -> Problem:
        for what, names in (
            ("models", [m.name for m in (*self.models, *self.balancing_models)]),
            ("models", [*{e.label for e in self.extra if e.label}, *(m.name for m in self.balancing_models)]),
            ("strategies", [s.name for s in self.strategies]),
            ("decisions", [d.name for d in self.decisions]),
            ("reviewers", [name_key(r.name) for r in self.reviewers]),
            ("keys of reviewers", [parse_key(r.key).line for r in self.reviewers if r.key]),
            ("users of reviewers", [r.user.casefold() for r in self.reviewers if r.user]),
        ):
            twice = sorted({n for n in names if names.count(n) > 1})
            if twice:
                raise ValueError(f"{what}: {', '.join(twice)} is named twice; give one a label")
        return self


def check_classes(problem: Problem, classes: Sequence[str]) -> None:
    """Refuse class names in strategies, decision rules and gate floors that the data do not have.

    Raises
    ------
    ProblemError
        Naming where, what, and the classes there are.
    """
    named: list[tuple[str, str]] = [("gate.floors", name) for name in problem.gate.floors]
    for strategy in problem.strategies:
        named += [(f"strategies.{strategy.name}.{key}", name) for key, name in named_classes(strategy)]
    for model in problem.balancing_models:
        named += [(f"balancing_models.{model.name}", model.class_name)] if model.class_name else []
    for name, features in problem.features.items():
        named += [(f"features.{name}.anomaly", found.class_name) for found in features.anomaly if found.class_name]
    for decision in problem.decisions:
        if isinstance(decision, CapacityDecision):
            named.append((f"decisions.{decision.name}", decision.class_name))
        elif isinstance(decision, CostDecision) and isinstance(decision.costs, dict):
            for truth, row in decision.costs.items():
                named += [(f"decisions.{decision.name}.costs", name) for name in (truth, *row)]
    for where, name in named:
        if name not in classes:
            raise ProblemError(f"{where}: no class {name!r}; classes are {', '.join(classes)}")
