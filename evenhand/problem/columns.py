"""What is predicted from what."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from evenhand.problem.common import TIME_PARTS, Frozen, TimeFormat
from evenhand.problem.detectors import Detector
from evenhand.problem.text import TextFeature, as_text


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
    def _either_or(self) -> Outliers:
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
    format: TimeFormat = None
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
    format: TimeFormat = None
    parts: tuple[Literal[TIME_PARTS], ...] = Field(min_length=1)  # type: ignore[valid-type]


class Rate(Frozen):
    """How often each class occurs by what is named here, crossed: columns, parts of a time, a cell of a grid."""

    columns: tuple[str, ...] = ()
    steps: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default={}, description="numeric column -> width: 3 makes one category of the hours 0 to 2"
    )
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
        strangers = sorted(set(self.steps) - set(self.columns))
        if strangers:
            raise ValueError(f"steps: {', '.join(strangers)} is none of the columns: {', '.join(self.columns)}")
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
    text: tuple[Annotated[TextFeature, BeforeValidator(as_text)], ...] = ()
    rates: tuple[Annotated[Rate, BeforeValidator(_as_rate)], ...] = ()
    anomaly: tuple[Detector, ...] = Field(default=(), description="detectors whose scores are added as columns")

    @model_validator(mode="after")
    def _each_column_in_one_role(self) -> FeatureSet:
        names = [part.column for role in (self.categorical, self.numeric, self.time, self.cyclic) for part in role]
        names += [name for pair in self.coordinates for name in (pair.latitude, pair.longitude)]
        named = names + [part.column for part in self.text]
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise ValueError(f"column {', '.join(twice)} has two roles; give it one")
        if not named and not self.rates and self.extend is None:
            raise ValueError("a feature set names at least one column")
        if self.anomaly and not names and self.extend is None:
            raise ValueError("anomaly: needs a column of the set that is no rate and no text")
        detectors = [spec.name for spec in self.anomaly]
        twice = sorted({name for name in detectors if detectors.count(name) > 1})
        if twice:
            raise ValueError(f"anomaly: {', '.join(twice)} is named twice")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Raw columns read, each once, in the order of the encoded array."""
        names = [*(part.column for part in self.categorical), *(part.column for part in self.numeric)]
        names += [*(part.column for part in self.time), *(part.column for part in self.cyclic)]
        names += [name for pair in self.coordinates for name in (pair.latitude, pair.longitude)]
        names += [part.column for part in self.text]
        names += [name for rate in self.rates for name in rate.read]
        return tuple(dict.fromkeys(names))

    def after(self, first: FeatureSet) -> FeatureSet:
        """Return one set with the columns of ``first`` and then those of this one."""
        roles = [role for role in type(self).model_fields if role != "extend"]
        return FeatureSet(**{role: getattr(first, role) + getattr(self, role) for role in roles})
