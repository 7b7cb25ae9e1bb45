"""References to the training rows and the held-out rows, and their classes."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from evenhand.data.references import Reference


class TransferRows(BaseModel):
    """Rows of other data on which a model's fit begins, in this training's columns and classes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    rows: Reference
    left_out: int = Field(ge=0, description="newer than the training rows, or among this training's own")


class Parts(BaseModel):
    """Training rows and held-out rows, with class names in the target column."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: Reference
    holdout: Reference
    classes: tuple[str, ...] = Field(min_length=2)
    trained_before: str = Field(
        default="", description="first value that is held out, an ISO date or a number: no training row has it"
    )
    share: float = Field(default=1.0, gt=0, le=1, description="of the training rows that is used")
    warnings: tuple[str, ...] = ()
    transfer: tuple[TransferRows, ...] = ()
    shared: Path | None = Field(
        default=None, description="a folder where the processes of this training map rows that one of them made"
    )
