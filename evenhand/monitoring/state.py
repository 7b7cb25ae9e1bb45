"""What is kept between two runs of the monitor: open periods, levels of the detectors, findings and alarms."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from evenhand.monitoring.summaries import KeptPeriod

AlarmKind = Literal["broken column", "rows", "drift", "class share", "performance", "expected performance"]
Action = Literal["repair", "warn", "train"]
ACTIONS: dict[str, Action] = {
    "broken column": "repair",
    "rows": "repair",
    "drift": "warn",
    "class share": "warn",
    "performance": "train",
    "expected performance": "train",
}


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MonitorAlarm(_Kept):
    """One alarm: what is wrong, since when, and what it asks for."""

    kind: AlarmKind
    subject: str = Field(description="column or class; empty for the error over all rows")
    period: str
    text: str

    @property
    def action(self) -> Action:
        """What the alarm asks for."""
        return ACTIONS[self.kind]


class ColumnFinding(_Kept):
    """How far a column of a period is from its peers."""

    column: str
    what: str
    effect: float
    deviations: float


class EstimateFinding(_Kept):
    """An estimate without labels; the ends are None where the reference is too short."""

    estimate: float
    low: float | None
    high: float | None


class ShareFinding(_Kept):
    """The share of a class among the labelled rows of a period, with the interval of one more reference period."""

    share: float
    before: float
    low: float
    high: float
    p: float


class InputFinding(_Kept):
    """What the rows of a period showed without labels."""

    period: str
    rows: int
    p_inputs: float | None = None
    p_predictions: float | None = None
    level: float = Field(default=0.0, description="of the drift detector after this period, before an alarm")
    columns: tuple[ColumnFinding, ...] = ()
    broken: dict[str, str] = {}
    expected: dict[str, EstimateFinding] = {}
    note: str = ""


class LabelFinding(_Kept):
    """What the labels of a period showed."""

    period: str
    rows: int
    labelled: int
    error: float
    macro_f1: float
    recall: dict[str, float | None] = {}
    shares: dict[str, ShareFinding] = {}
    levels: dict[str, float] = Field(default={}, description="highest level of each detector in this period")


class MonitorState(_Kept):
    """Everything a run needs of the runs before it."""

    format: Literal[1] = 1
    model: str
    version: str
    model_sha256: str
    files: dict[str, str] = Field(default={}, description="SHA-256 of what was read -> its name")
    open: dict[str, KeptPeriod] = Field(default={}, description="periods that are not complete yet")
    closed: tuple[KeptPeriod, ...] = Field(default=(), description="tested periods, which new ones are compared with")
    newest: str = Field(default="", description="day of the newest row that was read")
    drift_levels: dict[str, float] = Field(default={}, description="of the tests of inputs and of predictions")
    levels: dict[str, tuple[float, ...]] = {}
    inputs: tuple[InputFinding, ...] = ()
    labels: tuple[LabelFinding, ...] = ()
    alarms: tuple[MonitorAlarm, ...] = ()
    asked: tuple[str, ...] = Field(default=(), description="causes for which a training was asked for")

    @property
    def drift_level(self) -> float:
        """Level of the drift detector: the mean of its tests."""
        return sum(self.drift_levels.values()) / max(1, len(self.drift_levels))
