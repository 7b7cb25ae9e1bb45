"""What `make analyse` may be asked; every key has a default, and columns are proposed from the problem's own."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, field_validator

from evenhand.problem.common import Frozen, TimeFormat

Share = Annotated[float, Field(gt=0, lt=1)]
Weeks = Annotated[int, Field(ge=1, le=52)]


class Analysis(Frozen):
    """Where and when recorded crime is likely: columns, periods, hotspots, and what is not shown."""

    time: str | None = Field(default=None, description="column of the time of an event")
    format: TimeFormat = None
    hour: str | None = Field(default=None, description="column of the hour of the day, 0 to 23, if the time has none")
    area: str | None = Field(default=None, description="column of areas, such as a neighbourhood; squares without one")
    area_cell: float = Field(default=2000.0, ge=200, le=50_000, description="side of such a square in metres")
    latitude: str | None = Field(default=None, description="column of degrees north")
    longitude: str | None = Field(default=None, description="column of degrees east")
    start: date | None = Field(default=None, description="earlier events are left out")
    period: Literal["day", "week", "month"] = Field(default="week", description="of the forecasts")
    horizons: int = Field(default=8, ge=1, le=13, description="periods that are forecast")
    backtest_years: int = Field(default=3, ge=1, le=10, description="years of past origins that methods are judged on")
    counted_years: int = Field(default=3, ge=1, le=10, description="years that plain counts count")
    cell: float = Field(default=250.0, ge=50, le=5000, description="side of a cell in metres")
    windows: tuple[Weeks, ...] = Field(default=(1, 4, 13), min_length=1, description="weeks hotspots are judged on")
    shares: tuple[Share, ...] = Field(
        default=(0.005, 0.01, 0.02, 0.05), min_length=1, description="shares of the area that hotspots are judged on"
    )
    map_weeks: Weeks = Field(default=4, description="window of the map, by which its method is chosen")
    map_share: Share = Field(default=0.01, description="share of the area of the map, by which its method is chosen")
    discovered: dict[str, str] = Field(
        default={}, description="category that police work discovers -> the reason why it gets hotspots all the same"
    )
    refused: tuple[str, ...] = Field(default=(), description="further categories that get no hotspots")
    suppress_below: int = Field(default=5, ge=0, description="smaller counts of a cell are not shown")
    masked: tuple[str, ...] = Field(default=(), description="areas whose cells and counts are not shown")
    tile_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s'\"<>;]+$",
        description="map tiles below the cells, from a server",
    )

    @field_validator("discovered")
    @classmethod
    def _with_reasons(cls, given: dict[str, str]) -> dict[str, str]:
        for category, reason in given.items():
            if len(reason.split()) < 3:
                raise ValueError(f"{category}: give the reason in a sentence, which the page repeats; found {reason!r}")
        return given

    @property
    def all_windows(self) -> tuple[int, ...]:
        """Windows with that of the map, in order."""
        return tuple(sorted({*self.windows, self.map_weeks}))

    @property
    def all_shares(self) -> tuple[float, ...]:
        """Shares with that of the map, in order."""
        return tuple(sorted({*self.shares, self.map_share}))
