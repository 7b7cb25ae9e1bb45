"""A problem: the data set, what to predict from what, and the rules a model must pass.

One YAML file in ``problems/`` is one :class:`Problem`. Every part is frozen and refuses unknown keys.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from evenhand.errors import ProblemError

MetricName = Literal[
    "macro_f1",
    "weighted_f1",
    "balanced_accuracy",
    "g_mean",
    "mcc",
    "macro_precision",
    "macro_recall",
    "average_precision",
    "roc_auc",
    "log_loss",
    "brier",
    "ece",
    "accuracy",
]
METRICS: tuple[str, ...] = get_args(MetricName)
BASE = "base"
LOWER_IS_BETTER = frozenset({"log_loss", "brier", "ece"})
TIME_PARTS = ("year", "month", "day", "dayofweek", "dayofyear", "hour")


class Frozen(BaseModel):
    """A part of a problem: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# --- where the rows come from ------------------------------------------------------------------------------------


class Member(Frozen):
    """One CSV inside a package."""

    path: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class PackageSource(Frozen):
    """CSV members of a wheel on the package index, both pinned by hash. The package is never imported."""

    kind: Literal["package"]
    distribution: str
    version: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    members: tuple[Member, ...] = Field(min_length=1)


class KaggleSource(Frozen):
    """One file of a Kaggle data set, through kagglehub."""

    kind: Literal["kaggle"]
    dataset: str = Field(pattern=r"^[^/]+/[^/]+$", description="owner/name")
    file: str
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


class CsvSource(Frozen):
    """A CSV file or a glob of them, plain or gzipped."""

    kind: Literal["csv"]
    path: str
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8"


class ParquetSource(Frozen):
    """A Parquet file or a glob of them."""

    kind: Literal["parquet"]
    path: str


class PoliceUkSource(Frozen):
    """A folder tree of monthly street-level CSVs as data.police.uk publishes them."""

    kind: Literal["police_uk"]
    path: str
    force: str = Field(default="*", description="force name as in the file names, such as west-yorkshire")


class SyntheticSource(Frozen):
    """A seeded twin of a data set that can't be fetched here. Everything made of it says synthetic."""

    kind: Literal["synthetic"]
    twin_of: Literal["us_homicides"] = "us_homicides"
    rows: int = Field(default=638_454, ge=100)
    seed: int = 42


Source = Annotated[
    PackageSource | KaggleSource | CsvSource | ParquetSource | PoliceUkSource | SyntheticSource,
    Field(discriminator="kind"),
]


# --- what is predicted from what ---------------------------------------------------------------------------------


class Target(Frozen):
    """The column to predict; its values can be grouped or their rows left out."""

    column: str
    groups: dict[str, tuple[str, ...]] | None = Field(
        default=None, description="class name -> raw values; a raw value in no group becomes `other`"
    )
    other: str | None = Field(default=None, description="class of the raw values that no group names")
    drop: tuple[str, ...] = Field(default=(), description="raw values whose rows are left out")

    @model_validator(mode="after")
    def _each_value_once(self) -> Target:
        named = [*(value for values in (self.groups or {}).values() for value in values), *self.drop]
        twice = sorted({value for value in named if named.count(value) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} is in two groups, or in a group and in `drop`")
        if self.other is not None and self.other in (self.groups or {}):
            raise ValueError(f"`other` is {self.other!r}, which is a group already; list its values there")
        return self


class Outliers(Frozen):
    """What to do with values outside a range, which is given or learned from a fold's training rows."""

    action: Literal["clip", "flag"]
    low: float | None = None
    high: float | None = None
    quantiles: tuple[float, float] | None = Field(default=None, description="learned inside the fold")

    @model_validator(mode="after")
    def _one_way(self) -> Outliers:
        given = self.low is not None or self.high is not None
        if given == (self.quantiles is not None):
            raise ValueError("give either low/high or quantiles")
        return self


def _as_numeric(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


class Numeric(Frozen):
    """A number, with its codes for missing and its outliers declared."""

    column: str
    missing: tuple[float, ...] = Field(default=(), description="values that mean missing, such as 998")
    outliers: Outliers | None = None


class Categorical(Frozen):
    """A category; values with fewer training rows than ``min_count`` share one code."""

    column: str
    min_count: int = Field(default=1, ge=1)


class TimeFeature(Frozen):
    """Parts of a timestamp as numbers, and parts of it as sine and cosine."""

    column: str
    format: str | None = Field(default=None, description="strptime format; ISO 8601 without it")
    parts: tuple[Literal[TIME_PARTS], ...] = ()  # type: ignore[valid-type]
    cyclic: tuple[Literal["month", "dayofweek", "dayofyear", "hour"], ...] = ()

    @model_validator(mode="after")
    def _something(self) -> TimeFeature:
        if not self.parts and not self.cyclic:
            raise ValueError(f"time {self.column!r}: give parts, cyclic or both")
        return self


class CyclicFeature(Frozen):
    """A whole column that goes in circles, such as an hour or the name of a month."""

    column: str
    period: float = Field(gt=0)
    values: tuple[str, ...] = Field(default=(), description="the names in order, if the column holds names")


class Coordinates(Frozen):
    """A pair of degrees; points outside the box (a swapped pair, 0/0) count as missing."""

    latitude: str
    longitude: str
    box: tuple[float, float, float, float] | None = Field(default=None, description="south, west, north, east")


class TimeParts(Frozen):
    """Parts of a timestamp that make categories."""

    column: str
    format: str | None = Field(default=None, description="strptime format; ISO 8601 without it")
    parts: tuple[Literal[TIME_PARTS], ...] = Field(min_length=1)  # type: ignore[valid-type]


class Rate(Frozen):
    """How often each class occurs by what is named here, crossed: columns, parts of a time, a cell of a grid."""

    columns: tuple[str, ...] = ()
    time: TimeParts | None = None
    latitude: str | None = None
    longitude: str | None = None
    cell: float | None = Field(default=None, ge=1, description="side of a cell in metres")
    smooth: Literal["auto"] | Annotated[float, Field(ge=0)] = Field(
        default=10.0, description="rows that the prior counts for; auto is empirical Bayes"
    )

    @property
    def read(self) -> tuple[str, ...]:
        """Raw columns read, each once."""
        names = [*self.columns, self.time and self.time.column, self.latitude, self.longitude]
        return tuple(dict.fromkeys(name for name in names if name))

    @model_validator(mode="after")
    def _of_something(self) -> Rate:
        place = {"latitude": self.latitude, "longitude": self.longitude, "cell": self.cell}
        absent = [key for key, value in place.items() if value is None]
        if absent and len(absent) < len(place):
            raise ValueError(f"a grid needs latitude, longitude and cell; absent: {', '.join(absent)}")
        if not self.read:
            raise ValueError("name what the rate is by: columns, time, or latitude, longitude and cell")
        return self


def _as_rate(value: Any) -> Any:
    return {"columns": [value] if isinstance(value, str) else value} if isinstance(value, str | list) else value


class FeatureSet(Frozen):
    """The columns a model sees, by role; ``extend`` names a set before it whose columns come first."""

    extend: str | None = None
    categorical: tuple[Annotated[Categorical, BeforeValidator(_as_numeric)], ...] = ()
    numeric: tuple[Annotated[Numeric, BeforeValidator(_as_numeric)], ...] = ()
    time: tuple[TimeFeature, ...] = ()
    cyclic: tuple[CyclicFeature, ...] = ()
    coordinates: tuple[Coordinates, ...] = ()
    rates: tuple[Annotated[Rate, BeforeValidator(_as_rate)], ...] = ()

    @model_validator(mode="after")
    def _each_column_in_one_role(self) -> FeatureSet:
        names = [part.column for role in (self.categorical, self.numeric, self.time, self.cyclic) for part in role]
        names += [name for pair in self.coordinates for name in (pair.latitude, pair.longitude)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"column {', '.join(twice)} has two roles; give it one")
        if not names and not self.rates and self.extend is None:
            raise ValueError("a feature set names at least one column")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Raw columns read, each once, in the order of the encoded array."""
        names = [*(part.column for part in self.categorical), *(part.column for part in self.numeric)]
        names += [*(part.column for part in self.time), *(part.column for part in self.cyclic)]
        names += [name for pair in self.coordinates for name in (pair.latitude, pair.longitude)]
        names += [name for rate in self.rates for name in rate.read]
        return tuple(dict.fromkeys(names))

    def after(self, first: FeatureSet) -> FeatureSet:
        """Return one set with the columns of ``first`` and then those of this one."""
        roles = [role for role in type(self).model_fields if role != "extend"]
        return FeatureSet(**{role: getattr(first, role) + getattr(self, role) for role in roles})


# --- on which rows -----------------------------------------------------------------------------------------------


class Holdout(Frozen):
    """The newest rows, never trained on: those whose ``column`` is ``start`` or later."""

    column: str
    start: int | float | date


class StratifiedFolds(Frozen):
    """Random folds with every class at its share."""

    kind: Literal["stratified"]
    n: int = Field(default=5, ge=2, le=20)


class GroupFolds(Frozen):
    """No group (a place, a case) on both sides of a fold."""

    kind: Literal["group"]
    column: str
    n: int = Field(default=5, ge=2, le=20)


class ForwardFolds(Frozen):
    """Forward in time: each fold is judged on one period and trained on all before it."""

    kind: Literal["forward"]
    column: str
    n: int = Field(default=5, ge=1, le=20, description="the newest n periods are judged")
    period: Literal["value", "month", "year"] = "value"


Folds = Annotated[StratifiedFolds | GroupFolds | ForwardFolds, Field(discriminator="kind")]


class Split(Frozen):
    """Held-out period, and folds inside the rest."""

    holdout: Holdout
    folds: Folds = StratifiedFolds(kind="stratified")


# --- candidates --------------------------------------------------------------------------------------------------


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
    per_class: dict[str, Cap] = {}
    class_weight: bool = False
    seed: int = 42
    label: str | None = None

    @property
    def name(self) -> str:
        """Name in tables, ledgers and runs."""
        return self.label or ("capped+class_weight" if self.class_weight else "capped")


def _as_kind(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


Strategy = Annotated[
    Annotated[SimpleStrategy | SmoteStrategy | CappedStrategy, Field(discriminator="kind")],
    BeforeValidator(_as_kind),
]


Params = dict[str, int | float | str | bool | None]


class ModelSpec(Frozen):
    """A model family and the settings that differ from the family's defaults."""

    kind: Literal["random_forest", "gradient_boosting", "lightgbm"]
    exact: bool = Field(default=False, description="gradient_boosting without histograms; slow past 50,000 rows")
    params: Params = {}
    label: str | None = None

    @property
    def name(self) -> str:
        """Name in tables, ledgers and runs."""
        return self.label or self.kind


# --- decisions ---------------------------------------------------------------------------------------------------

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
    def _one_way(self) -> CapacityDecision:
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
    BeforeValidator(_as_kind),
]


class ExtraCandidate(Frozen):
    """A candidate beside the grid: a model and a strategy of the problem on a feature set other than base."""

    model: str
    strategy: str = "none"
    features: str
    params: Params = Field(default={}, description="settings that differ from those of the problem's model")


# --- rules -------------------------------------------------------------------------------------------------------


class Freshness(Frozen):
    """The newest row must be no older than ``max_age_days`` on ``as_of``."""

    column: str
    as_of: date
    max_age_days: int = Field(gt=0)


class ValidationPolicy(Frozen):
    """How much bad data is put aside before the flow stops."""

    max_quarantined: float = Field(default=0.02, ge=0, lt=1, description="share of the rows")
    freshness: Freshness | None = Field(default=None, description="off for historical sets")


class Floor(Frozen):
    """The least that a class must reach on the held-out rows, whatever the champion does."""

    recall: float | None = Field(default=None, ge=0, le=1)
    average_precision: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _of_something(self) -> Floor:
        if self.recall is None and self.average_precision is None:
            raise ValueError("give recall, average_precision or both")
        return self


class GatePolicy(Frozen):
    """When a challenger has proved to be better, and what must hold beside it; None turns a condition off."""

    margin: float = Field(default=0.005, ge=0, description="the least difference worth a new model")
    confidence: float = Field(
        default=0.95, gt=0.5, lt=1, description="of all looks at the same held-out rows together; each gets a part"
    )
    looks: int = Field(default=10, ge=1, le=100, description="how often the same held-out rows may judge")
    resamples: int = Field(default=2000, ge=200)
    min_positives: int = Field(default=50, ge=1, description="fewer held-out rows of a class: not enough data")
    tolerance: float = Field(
        default=0.05, ge=0, le=1, description="the most a class may lose in recall or average precision"
    )
    floors: dict[str, Floor] = Field(default={}, description="class -> the least it must reach")
    ece_tolerance: float | None = Field(
        default=0.05, ge=0, le=1, description="the most that the calibration error may grow against the champion's"
    )
    max_ece: float | None = Field(default=None, ge=0, le=1, description="the largest calibration error")
    slices: tuple[str, ...] = Field(default=(), description="columns whose groups are compared, beside `sensitive`")
    min_slice_rows: int = Field(default=1000, ge=1, description="a group with fewer held-out rows is left out")
    slice_tolerance: float | None = Field(
        default=0.05, ge=0, le=1, description="the most that the gap between groups may grow against the champion's"
    )
    max_slice_gap: float | None = Field(default=None, ge=0, le=1, description="the largest gap between groups")
    training_age: Freshness | None = Field(
        default=None, description="how old the newest training row may be; off for historical sets"
    )
    min_rows_per_second: float | None = Field(default=None, gt=0, description="scoring speed, as measured when judged")
    max_model_mb: float | None = Field(default=None, gt=0, description="size of the stored model, in 1e6 bytes")


# --- review ------------------------------------------------------------------------------------------------------


class Reviewer(Frozen):
    """A person who may decide, and where the key is found that proves it is them.

    The fingerprint makes an invented key worthless: ``printf %s "$KEY" | sha256sum``.
    """

    name: str = Field(min_length=1, pattern=r"^\S(.*\S)?$")
    key: str = Field(pattern=r"^(env|block):[A-Za-z0-9_-]+$", description="env:VARIABLE or block:SECRET of Prefect")
    fingerprint: str = Field(pattern=r"^[0-9a-f]{64}$", description="sha256 of the key")
    user: str | None = Field(default=None, description="account under which they train, where it is not their name")


REVIEW_KEYS = ("review", "reviewers", "quorum", "four_eyes", "expires_days")


class ReviewPolicy(Frozen):
    """Who must agree before the alias moves; read from the keys of the problem of the same names."""

    review: Literal["required", "never"] = "required"
    reviewers: tuple[Reviewer, ...] = ()
    quorum: int = 1
    four_eyes: bool = False
    expires_days: float | None = None


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
    source: Source
    suite: str | None = Field(default=None, description="expectations/<suite>.json; derived from this file if absent")
    duplicates: Literal["drop", "keep"] = "keep"
    target: Target
    leaks: tuple[str, ...] = Field(default=(), description="columns set after the class is known")
    sensitive: tuple[str, ...] = Field(default=(), description="columns whose groups a report compares")
    features: dict[str, FeatureSet] = Field(min_length=1, description="feature sets by name; `base` first")
    split: Split
    models: tuple[Annotated[ModelSpec, BeforeValidator(_as_kind)], ...] = Field(
        default=tuple(ModelSpec(kind=k) for k in ("random_forest", "gradient_boosting", "lightgbm")), min_length=1
    )
    strategies: tuple[Strategy, ...] = Field(min_length=1)
    extra: tuple[ExtraCandidate, ...] = Field(default=(), description="candidates on other feature sets than base")
    decisions: tuple[Decision, ...] = Field(
        default=(ARGMAX,), min_length=1, description="rules tried on every fit without resampling"
    )
    quick_rows: int = Field(default=6_000, ge=200, description="training rows of the quick preset")
    metric: MetricName = "macro_f1"
    validation: ValidationPolicy = ValidationPolicy()
    gate: GatePolicy = GatePolicy()
    review: Literal["required", "never"] = "required"
    reviewers: tuple[Reviewer, ...] = Field(default=(), description="who may decide; empty: anybody who gives a name")
    quorum: int = Field(default=1, ge=1, description="reviewers that must approve")
    four_eyes: bool | None = Field(
        default=None, description="who trained can't approve alone; unset means where two reviewers are declared"
    )
    expires_days: float | None = Field(default=None, gt=0, description="a request without a decision is rejected then")

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
        names += [self.target.column, self.split.holdout.column, *([folds_column] if folds_column else [])]
        names += [d.per for d in self.decisions if isinstance(d, CapacityDecision) and d.per]
        names += [*self.sensitive, *self.gate.slices]
        names += [self.gate.training_age.column] if self.gate.training_age else []
        return tuple(dict.fromkeys(names))

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
        known = {
            "model": [model.name for model in self.models],
            "strategy": [strategy.name for strategy in self.strategies],
            "features": list(self.features),
        }
        for extra in self.extra:
            for what, names in known.items():
                if getattr(extra, what) not in names:
                    raise ValueError(f"extra: no {what} {getattr(extra, what)!r}; there is: {', '.join(names)}")
            if extra.features == BASE:
                raise ValueError(f"extra: {extra.model} on {BASE} is in the grid already; name another feature set")
        named = [(extra.model, extra.strategy, extra.features) for extra in self.extra]
        if len(set(named)) < len(named):
            raise ValueError("extra: the same model, strategy and features are named twice")
        if BASE not in self.features:
            raise ValueError(f"features: one set is named {BASE}; found {', '.join(self.features)}")
        return self

    @model_validator(mode="after")
    def _review_possible(self) -> Problem:
        if self.review == "never" and self.reviewers:
            raise ValueError("review: never asks nobody, and reviewers are declared; allowed is one of the two")
        if self.quorum > max(1, len(self.reviewers)):
            raise ValueError(f"quorum: {self.quorum} approvals of {len(self.reviewers)} declared reviewers")
        if self.four_eyes and not self.reviewers:
            raise ValueError("four_eyes: nobody can be told from who trained without declared reviewers")
        return self

    @model_validator(mode="after")
    def _names_once(self) -> Problem:
        for what, names in (
            ("models", [m.name for m in self.models]),
            ("strategies", [s.name for s in self.strategies]),
            ("decisions", [d.name for d in self.decisions]),
            ("reviewers", [r.name for r in self.reviewers]),
            ("keys of reviewers", [r.fingerprint for r in self.reviewers]),
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
        named += [(f"strategies.{strategy.name}.per_class", name) for name in getattr(strategy, "per_class", {})]
    for decision in problem.decisions:
        if isinstance(decision, CapacityDecision):
            named.append((f"decisions.{decision.name}", decision.class_name))
        elif isinstance(decision, CostDecision) and isinstance(decision.costs, dict):
            for truth, row in decision.costs.items():
                named += [(f"decisions.{decision.name}.costs", name) for name in (truth, *row)]
    for where, name in named:
        if name not in classes:
            raise ProblemError(f"{where}: no class {name!r}; classes are {', '.join(classes)}")


def _allowed_keys(location: tuple[int | str, ...]) -> list[str]:
    """Keys allowed where ``location`` points, found by walking the JSON schema of :class:`Problem`."""
    schema = Problem.model_json_schema()
    node: dict[str, Any] = schema
    for step in location:
        node = _schema_step(schema, node, step)
    return sorted(_resolved(schema, node).get("properties", {}))


def _resolved(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    return node


def _schema_step(schema: dict[str, Any], node: dict[str, Any], step: int | str) -> dict[str, Any]:
    node = _resolved(schema, node)
    if isinstance(step, int):
        items: dict[str, Any] = node.get("items", {})
        return items
    if step in node.get("properties", {}):
        found: dict[str, Any] = node["properties"][step]
        return found
    mapping = node.get("discriminator", {}).get("mapping", {})
    if step in mapping:
        return {"$ref": mapping[step]}
    for option in node.get("anyOf", []):
        deeper = _schema_step(schema, option, step)
        if deeper:
            return deeper
    extra = node.get("additionalProperties")
    return extra if isinstance(extra, dict) else {}


def _sentence(error: Any) -> str:
    where = ".".join(str(step) for step in error["loc"]) or "the file"
    if error["type"] == "extra_forbidden":
        key = str(error["loc"][-1])
        allowed = _allowed_keys(error["loc"][:-1])
        near = difflib.get_close_matches(key, allowed, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        return f"{where}: unknown key{hint}; allowed: {', '.join(allowed) or 'none'}"
    if error["type"] == "missing":
        return f"{where}: required, but not there"
    message = error["msg"].removeprefix("Value error, ")
    found = "" if isinstance(error.get("input"), dict | list) else f", found {error.get('input')!r}"
    return f"{where}: {message}{found}"


def parse_problem(raw: Any, origin: str) -> Problem:
    """Read a problem from plain data.

    Parameters
    ----------
    raw : object
        What a YAML file holds.
    origin : str
        Name of the file, for messages.

    Returns
    -------
    Problem

    Raises
    ------
    ProblemError
        With every fault found: where it is, what was found and what is allowed.
    """
    if not isinstance(raw, dict):
        raise ProblemError(f"{origin}: a problem is a mapping of keys, found {type(raw).__name__}")
    try:
        return Problem.model_validate(raw)
    except ValidationError as error:
        faults = "\n".join(f"  - {_sentence(e)}" for e in error.errors())
        raise ProblemError(f"{origin} is not a valid problem:\n{faults}") from None
