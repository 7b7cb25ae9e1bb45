"""What data and models must pass, and who decides."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from evenhand.problem.common import Frozen
from evenhand.problem.signing_keys import parse_key
from evenhand.text.person_names import clean_person_name, name_key


class Freshness(Frozen):
    """The newest row must be no older than ``max_age_days`` on ``as_of``."""

    column: str
    as_of: date
    max_age_days: int = Field(gt=0)


class ValidationPolicy(Frozen):
    """What the rows must be before the flow goes on."""

    max_quarantined: float = Field(default=0.02, ge=0, lt=1, description="share of the rows")
    freshness: Freshness | None = Field(default=None, description="off for historical sets")
    min_class_rows: int | None = Field(
        default=None, ge=2, description="good rows that every class needs; as the suite says (10) if not given"
    )


class ReportPolicy(Frozen):
    """Limits of the light on the first screen of a report: a class beyond one of them makes it amber."""

    min_recall: float = Field(default=0.3, ge=0, le=1, description="share of a class's rows that is found")
    min_precision_lift: float = Field(default=2.0, ge=1, description="precision of a class, as a multiple of its share")
    max_fall: float = Field(default=0.1, ge=0, le=1, description="fall of a recall from out of fold to held out")
    hour: str | None = Field(
        default=None, description="column with the hour of the day, 0 to 23, where the hold-out column has none"
    )
    review_after_days: int = Field(default=365, ge=1, description="days after a training that its card gives")


class Floor(Frozen):
    """The least that a class must reach on the held-out rows, whatever the champion does."""

    recall: float | None = Field(default=None, ge=0, le=1)
    average_precision: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _of_something(self) -> Floor:
        if self.recall is None and self.average_precision is None:
            raise ValueError("give recall, average_precision or both")
        return self


class Slice(Frozen):
    """A column whose groups are compared; numbers may be put together, such as the hours of a day by six."""

    column: str
    step: float | None = Field(default=None, gt=0, description="width of a group of numbers, counted from 0")

    @property
    def name(self) -> str:
        """How it is called where groups are shown."""
        return self.column if self.step is None else f"{self.column} in steps of {self.step:g}"


def _as_slice(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


class GatePolicy(Frozen):
    """When a challenger has proved to be better, and what must hold beside it; None turns a condition off."""

    margin: float = Field(default=0.005, ge=0, description="the least difference worth a new model")
    confidence: float = Field(
        default=0.95,
        gt=0.5,
        lt=1,
        description="of all evaluations on the same held-out rows together; each gets a part",
    )
    evaluations: int = Field(default=10, ge=1, le=100, description="most evaluations on the same held-out rows")
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
    slices: tuple[Annotated[Slice, BeforeValidator(_as_slice)], ...] = Field(
        default=(), description="columns whose groups are compared, beside `sensitive`; a number's with a `step`"
    )
    min_slice_rows: int = Field(default=1000, ge=1, description="a group with fewer held-out rows is left out")
    slice_tolerance: float | None = Field(
        default=0.05, ge=0, le=1, description="the most that the gap between groups may grow against the champion's"
    )
    max_slice_gap: float | None = Field(default=None, ge=0, le=1, description="the largest gap between groups")
    promise_tolerance: float | None = Field(
        default=0.02, ge=0, le=1, description="the most that the champion's score may differ from what it promised"
    )
    max_unknown: float | None = Field(
        default=0.2, ge=0, le=1, description="the largest share of a column's cells that a model may not know"
    )
    training_age: Freshness | None = Field(
        default=None, description="how old the newest training row may be; off for historical sets"
    )
    min_rows_per_second: float | None = Field(default=None, gt=0, description="scoring speed, as measured when judged")
    max_model_mb: float | None = Field(default=None, gt=0, description="size of the stored model, in 1e6 bytes")


class Reviewer(Frozen):
    """A person who may decide, and the proof of who they are: their SSH key, or their login to the tracking server."""

    name: Annotated[str, AfterValidator(clean_person_name)]
    key: str | None = Field(
        default=None,
        description="public Ed25519 key: the line of ~/.ssh/id_ed25519.pub, or an entry of an allowed_signers file, "
        "which may have valid-after and valid-before",
    )
    user: str | None = Field(
        default=None,
        min_length=1,
        description="account under which they train, where it is not their name; without a key, the tracking "
        "server's user as whom they decide",
    )

    @field_validator("key")
    @classmethod
    def _is_a_public_key(cls, key: str | None) -> str | None:
        if key is not None:
            parse_key(key)
        return key

    @model_validator(mode="after")
    def _has_a_proof(self) -> Reviewer:
        if self.key is None and self.user is None:
            raise ValueError(f"{self.name}: give a key (a public SSH key), or the tracking server's user")
        return self


REVIEW_KEYS = ("review", "reviewers", "quorum", "four_eyes", "expires_days")


class ReviewPolicy(Frozen):
    """Who must agree before the alias moves; read from the keys of the problem of the same names."""

    review: Literal["required", "never"] = "required"
    reviewers: tuple[Reviewer, ...] = ()
    quorum: int = 1
    four_eyes: bool = False
    expires_days: float | None = None

    @property
    def has_keys(self) -> bool:
        """Whether a reviewer has declared a key, so that decisions are signed."""
        return any(reviewer.key is not None for reviewer in self.reviewers)

    def find(self, name: str) -> Reviewer | None:
        """Find a declared reviewer by name."""
        return next((reviewer for reviewer in self.reviewers if name_key(reviewer.name) == name_key(name)), None)


_RATE = re.compile(r"1 in ([1-9][0-9]{0,3}) (day|week|month|year)s?")
_YEARS = {"day": 1 / 365.25, "week": 7 / 365.25, "month": 1 / 12, "year": 1.0}


class MonitorPolicy(Frozen):
    """How a champion is watched, and how rarely an alarm may be a false one."""

    false_alarm: str = Field(default="1 in 5 years", description="mean time between false alarms of each consequence")
    period: Literal["day", "week", "month", "year", "value"] | None = Field(
        default=None, description="what is compared; unset means week, or value where there are no times"
    )
    id: str | None = Field(default=None, description="column that names a row in predictions and late labels")
    label_delay: str = Field(default="0 days", description="how long after a period its labels are complete")
    min_labelled: float = Field(
        default=0.8, gt=0, le=1, description="share of a period's rows that need a label before its labels count"
    )
    rise: float = Field(
        default=0.05, gt=0, lt=0.5, description="rise of the error or of a class's misses that must be found soon"
    )
    min_effect: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="smallest change of a column that is worth a warning: Jensen-Shannon distance, standard deviations "
        "or share of missing cells",
    )
    keep_days: int = Field(default=400, ge=1, description="how long predictions are kept for their labels")

    @field_validator("false_alarm")
    @classmethod
    def _is_a_rate(cls, text: str) -> str:
        if not _RATE.fullmatch(text):
            raise ValueError(f"{text!r} is no rate; write such as 1 in 5 years, 1 in 18 months or 1 in 26 weeks")
        return text

    @field_validator("label_delay")
    @classmethod
    def _is_a_delay(cls, text: str) -> str:
        if not re.fullmatch(r"[0-9]{1,4} days?", text):
            raise ValueError(f"{text!r} is no delay; write a number of days, such as 30 days")
        return text

    @property
    def years_between(self) -> float:
        """Mean number of years between false alarms."""
        found = _RATE.fullmatch(self.false_alarm)
        assert found is not None  # noqa: S101 - it was checked
        return int(found[1]) * _YEARS[found[2]]

    @property
    def delay_days(self) -> int:
        """Days after the end of a period from which on its labels count."""
        return int(self.label_delay.split()[0])
