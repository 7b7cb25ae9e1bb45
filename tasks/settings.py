"""Where things are on this machine, from the environment; the defaults need no server and no account."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import ByteSize, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

RunnerName = Literal["auto", "threads", "processes", "dask"]
ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Read once from ``EVENHAND_*`` and ``MLFLOW_TRACKING_URI``."""

    model_config = SettingsConfigDict(env_prefix="EVENHAND_", frozen=True, extra="ignore")

    home: Path = Field(default=ROOT / "var", description="embedded store, databases and caches")
    runs: Path = Field(default=ROOT / "runs", description="one folder a training, and `latest`")
    problems: Path = Field(default=ROOT / "problems", description="problem files")
    expectations: Path = Field(default=ROOT / "expectations", description="expectation suites")
    store: str = Field(default="", description="a folder or s3://bucket/prefix; empty means <home>/store")
    witness: str = Field(
        default="", description="a second copy of the ledger: a folder or s3://bucket/prefix; empty: <home>/witness"
    )
    witness_profile: str = Field(
        default="", description="AWS profile for the witness, where its credentials are others"
    )
    s3_endpoint: str | None = Field(default=None, description="an S3 endpoint other than AWS")
    tracking_uri: str = Field(
        default="", validation_alias="MLFLOW_TRACKING_URI", description="empty means SQLite in home"
    )
    runner: RunnerName = Field(
        default="auto",
        description="where units of work run: in threads, worker processes or on Dask; auto goes by the rows",
    )
    units_limit: ByteSize = Field(
        default=ByteSize(5_000_000_000),
        description="size of the finished fits that the store keeps for later trainings, such as 500MB; the oldest go",
    )
    dask_address: str = Field(default="", description="scheduler of a Dask cluster, for the runner dask")
    dask_units: int = Field(default=64, ge=1, description="units that are asked of a Dask cluster at a time")
    serve_keys: str = Field(default="", description="API keys of `make serve`: name:sha256 of each, with commas")
    serve_log: str = Field(
        default="", description="column that identifies a row: `make serve` keeps its predictions in the store"
    )

    @property
    def store_uri(self) -> str:
        """Where snapshots and reports are kept."""
        return self.store or str(self.home / "store")

    @property
    def witness_uri(self) -> str:
        """Where the witness of the ledger is."""
        return self.witness or str(self.home / "witness")

    @property
    def cache(self) -> Path:
        """Downloads, kept between trainings."""
        return self.home / "cache"

    @property
    def mlflow_uri(self) -> str:
        """Where runs and models are tracked."""
        return self.tracking_uri or f"sqlite:///{self.home / 'mlflow.db'}"

    @property
    def artifacts(self) -> Path:
        """Where the embedded tracking store keeps artifacts."""
        return self.home / "artifacts"


@cache
def settings() -> Settings:
    """Return the settings of this process; ``settings.cache_clear()`` reads the environment again."""
    return Settings()


def cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
