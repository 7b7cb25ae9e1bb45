"""The held-out period, the folds, and the blocks that intervals draw."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from evenhand.problem.common import Frozen, TimeFormat

PERIOD = re.compile(r"([1-9][0-9]{0,4}) (day|month|year)s?")


class Holdout(Frozen):
    """Rows that are never trained on: those at ``start`` or later, those of the ``last`` period, or a random share."""

    column: str | None = Field(
        default=None, description="time or number that orders the rows; of a share: whose values stay on one side"
    )
    start: int | float | date | None = Field(default=None, description="first value that is held out")
    last: str | None = Field(
        default=None, description="in place of `start`: the newest period of the data, such as 12 months"
    )
    share: float | None = Field(
        default=None, gt=0, lt=1, description="in place of both, for rows without a time: this part of them, at random"
    )
    format: TimeFormat = None

    @model_validator(mode="after")
    def _one_of_three(self) -> Holdout:
        given = {key: getattr(self, key) for key in ("start", "last", "share") if getattr(self, key) is not None}
        if len(given) != 1:
            found = " and ".join(f"{key} {value}" for key, value in given.items()) or "none"
            raise ValueError(
                f"give start (a date or number), last (such as 12 months) or share (such as 0.25), one of the three; "
                f"{found} {'are' if len(given) > 1 else 'is'} given"
            )
        if self.last is not None and not PERIOD.fullmatch(self.last):
            raise ValueError(f"last is {self.last!r}; write a number of days, months or years, such as 12 months")
        if self.column is None and self.share is None:
            raise ValueError("start and last need the column that orders the rows: give column")
        return self

    @property
    def of_times(self) -> bool:
        """Whether the column holds times, rather than numbers or groups."""
        return self.last is not None or isinstance(self.start, date)

    @property
    def order(self) -> str | None:
        """The column by which rows are newer; None where they are held out at random."""
        return None if self.share is not None else self.column

    @property
    def period(self) -> dict[str, Any]:
        """The ``last`` period, such as ``{"months": 12}``; empty without it."""
        found = PERIOD.fullmatch(self.last or "")
        return {f"{found[2]}s": int(found[1])} if found else {}

    @property
    def text(self) -> str:
        """Which rows they are, for people."""
        if self.share is not None:
            return f"{self.share:.0%} chosen at random" + (f", whole groups of {self.column}" if self.column else "")
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
    format: TimeFormat = None


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
