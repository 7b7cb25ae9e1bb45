"""The held-out period, the folds, and the blocks that intervals draw."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from evenhand.problem.common import Frozen


class Holdout(Frozen):
    """The newest rows, never trained on: those whose ``column`` is ``start`` or later."""

    column: str
    start: int | float | date
    format: str | None = Field(default=None, description="strptime format of times; ISO 8601 without it")


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
