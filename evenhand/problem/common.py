"""Base class, metric names and constants of all parts of a problem."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

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

TimeFormat = Annotated[
    str | tuple[str, ...] | None,
    Field(
        description="strptime format, `epoch seconds` or `epoch milliseconds`, or a list of these, of which the first "
        "that reads a cell is taken; ISO 8601 without it"
    ),
]
EPOCHS: dict[Any, Literal["s", "ms"]] = {"epoch seconds": "s", "epoch milliseconds": "ms"}
"""Formats of times that are numbers: seconds or milliseconds since 1970-01-01 in UTC; and their units."""


class Frozen(BaseModel):
    """A part of a problem: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def as_kind(value: Any) -> Any:
    """Accept the name alone for a kind without settings."""
    return {"kind": value} if isinstance(value, str) else value
