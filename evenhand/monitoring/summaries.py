"""What is kept of a period, and the reference that a training leaves: summaries only, no row."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, InstanceOf, PlainSerializer, ValidationError

from evenhand.errors import EvenhandError
from evenhand.monitoring.columns import ColumnBins
from evenhand.monitoring.periods import Period

FORMAT = 1


@dataclass(frozen=True, eq=False)
class PeriodSummary:
    """Counts of one period.

    Attributes
    ----------
    name : str
    rows : int
    inputs : dict of str to ndarray of shape (slots,)
        By column.
    predicted : ndarray of shape (K,)
        Rows by predicted class; empty where the rows were not predicted by this model.
    expected : ndarray of shape (K, K)
        Expected confusions by the calibrated probabilities, truth in rows; empty likewise.
    confusion : ndarray of shape (K, K)
        Of the rows with a label, truth in rows; empty where there is none.
    """

    name: str
    rows: int
    inputs: Mapping[str, np.ndarray] = field(default_factory=dict)
    predicted: np.ndarray = field(default_factory=lambda: np.zeros(0))
    expected: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    confusion: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))

    def plus(self, more: PeriodSummary) -> PeriodSummary:
        """Add the counts of further rows of the same period."""
        inputs = {name: counts + more.inputs[name] for name, counts in self.inputs.items()}
        return PeriodSummary(
            self.name,
            self.rows + more.rows,
            inputs,
            _sum(self.predicted, more.predicted),
            _sum(self.expected, more.expected),
            _sum(self.confusion, more.confusion),
        )

    def to_record(self) -> dict[str, object]:
        """Return plain data for JSON."""
        return {
            "name": self.name,
            "rows": self.rows,
            "inputs": {name: counts.astype(int).tolist() for name, counts in self.inputs.items()},
            "predicted": self.predicted.astype(int).tolist(),
            "expected": np.round(self.expected, 4).tolist(),
            "confusion": self.confusion.astype(int).tolist(),
        }

    @classmethod
    def from_record(cls, record: PeriodRecord) -> PeriodSummary:
        """Read what :meth:`to_record` returned."""

        def square(values: list[list[float]] | list[list[int]]) -> np.ndarray:
            return np.asarray(values, dtype=float).reshape(len(values), len(values))

        return cls(
            record.name,
            record.rows,
            {name: np.asarray(counts, dtype=np.int64) for name, counts in record.inputs.items()},
            np.asarray(record.predicted, dtype=float),
            square(record.expected),
            square(record.confusion),
        )


class PeriodRecord(BaseModel):
    """The form of a period in JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    rows: int
    inputs: dict[str, list[int]]
    predicted: list[int]
    expected: list[list[float]]
    confusion: list[list[int]]


def _read(value: object) -> object:
    return value if isinstance(value, PeriodSummary) else PeriodSummary.from_record(PeriodRecord.model_validate(value))


KeptPeriod = Annotated[InstanceOf[PeriodSummary], BeforeValidator(_read), PlainSerializer(PeriodSummary.to_record)]
"""A period in a model that is stored as JSON."""


class _Stored(BaseModel):
    """The form of a reference in JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    period: Period
    classes: tuple[str, ...]
    columns: tuple[ColumnBins, ...]
    left_out: dict[str, str]
    held_out: tuple[KeptPeriod, ...]
    earlier: tuple[KeptPeriod, ...]


@dataclass(frozen=True, eq=False)
class MonitorReference:
    """What new periods are compared with.

    Attributes
    ----------
    period : str
    classes : tuple of str
    bins : dict of str to ColumnBins
    held_out : tuple of PeriodSummary
        Periods of the held-out rows, oldest first, with predictions, expected and true confusions.
    earlier : tuple of PeriodSummary
        Periods of the training rows, oldest first, with inputs only.
    left_out : dict of str to str
        Columns that are not compared, and why.
    """

    period: Period
    classes: tuple[str, ...]
    bins: Mapping[str, ColumnBins]
    held_out: tuple[PeriodSummary, ...]
    earlier: tuple[PeriodSummary, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows_per_period(self) -> float:
        """Median number of rows of the held-out periods."""
        return float(np.median([one.rows for one in self.held_out])) if self.held_out else 0.0

    def to_bytes(self) -> bytes:
        """Write compressed JSON; the same reference gives the same bytes."""
        content = {
            "format": FORMAT,
            "period": self.period,
            "classes": list(self.classes),
            "columns": [one.model_dump(mode="json") for one in self.bins.values()],
            "left_out": dict(self.left_out),
            "held_out": [one.to_record() for one in self.held_out],
            "earlier": [one.to_record() for one in self.earlier],
        }
        return gzip.compress(json.dumps(content, separators=(",", ":"), allow_nan=False).encode(), 6, mtime=0)

    @classmethod
    def from_bytes(cls, data: bytes) -> MonitorReference:
        """Read what :meth:`to_bytes` has written.

        Raises
        ------
        EvenhandError
            When it is something else, or of a newer version.
        """
        try:
            stored = _Stored.model_validate_json(gzip.decompress(data))
        except (OSError, EOFError, ValidationError) as error:
            raise EvenhandError(f"the reference of the model can't be read: {type(error).__name__}") from None
        if stored.format != FORMAT:
            raise EvenhandError(f"the reference of the model has format {stored.format}; this version reads {FORMAT}")
        bins = {one.name: one for one in stored.columns}
        return cls(stored.period, stored.classes, bins, stored.held_out, stored.earlier, stored.left_out)


def _sum(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    if not first.size or not second.size:
        return first if first.size else second
    return first + second
