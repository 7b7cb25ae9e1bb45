"""The held-out period, the folds, and the blocks that intervals draw."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from evenhand.problem.common import Frozen

PERIOD = re.compile(r"([1-9][0-9]{0,4}) (day|month|year)s?")


class Holdout(Frozen):
    """The newest rows, never trained on: those at ``start`` or later, or those of the ``last`` period."""

    column: str
    start: int | float | date | None = Field(default=None, description="first value that is held out")
    last: str | None = Field(
        default=None, description="in place of `start`: the newest period of the data, such as 12 months"
    )
    format: str | None = Field(default=None, description="strptime format of times; ISO 8601 without it")

    @model_validator(mode="after")
    def _one_of_two(self) -> Holdout:
        if (self.start is None) == (self.last is None):
            found = "neither is" if self.start is None else f"start {self.start} and last {self.last} are"
            raise ValueError(
                f"give start (a date or number) or last (such as 12 months), one of the two; {found} given"
            )
        if self.last is not None and not PERIOD.fullmatch(self.last):
            raise ValueError(f"last is {self.last!r}; write a number of days, months or years, such as 12 months")
        return self

    @property
    def of_times(self) -> bool:
        """Whether the column holds times, rather than numbers."""
        return self.last is not None or isinstance(self.start, date)

    @property
    def period(self) -> dict[str, Any]:
        """The ``last`` period, such as ``{"months": 12}``; empty without it."""
        found = PERIOD.fullmatch(self.last or "")
        return {f"{found[2]}s": int(found[1])} if found else {}

    @property
    def text(self) -> str:
        """Which rows they are, for people."""
        return f"with {self.column} " + (f"in the last {self.last}" if self.last else f"from {self.start} on")


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
    """Forward in time: each fold is trained on all periods before the one that it predicts."""

    kind: Literal["forward"]
    column: str
    n: int = Field(default=5, ge=1, le=20, description="the newest n periods are predicted")
    period: Literal["value", "month", "year"] = "value"
    format: str | None = Field(default=None, description="strptime format of times; ISO 8601 without it")


Folds = Annotated[StratifiedFolds | GroupFolds | ForwardFolds, Field(discriminator="kind")]


class Blocks(Frozen):
    """Related rows, such as those of one day or one place, which intervals draw together."""

    column: str
    period: Literal["value", "day", "month", "year"] = "value"


class Split(Frozen):
    """Held-out period, and folds inside the rest."""

    holdout: Holdout
    folds: Folds = StratifiedFolds(kind="stratified")
    blocks: Blocks | None = Field(default=None, description="what intervals draw instead of single rows")
