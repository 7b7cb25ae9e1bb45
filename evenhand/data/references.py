"""What tasks exchange in the place of frames: where rows are stored, how many they are, and their hash."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Reference(BaseModel):
    """Rows in the store.

    ``key`` is relative to the store, so a reference holds on every machine that can open the store.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = Field(description="where in the store, such as snapshots/<sha256>/rows.parquet")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="hash of the stored bytes")
    rows: int = Field(ge=0)
