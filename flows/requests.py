"""What long flows may be asked for: read in a moment, so that a command can answer before it loads its libraries."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from evenhand.problem.presets import Preset
from tasks.settings import RunnerName


class TrainRequest(BaseModel):
    """Train every candidate of a problem, compare them, register the winner and judge it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str = Field(default="toronto", description="a name in problems/, or the path of a YAML file")
    data: str | None = Field(
        default=None,
        description="a CSV, Parquet, Excel or GeoJSON file, a glob or a folder, in the place of the problem's source",
    )
    preset: Preset = Field(
        default="standard",
        description="standard: the problem's own grid; full: with it, every strategy there is; quick: the grid on a "
        "sample of the training rows and three folds, for a first look, with an experiment and a registered model of "
        "its own",
    )
    seed: int = Field(default=42, ge=0, description="of folds, samplers and models")
    tune: bool = Field(default=False, description="tune what the problem's `tuning` names, too")
    runner: RunnerName | None = Field(
        default=None,
        description="where fits run: threads, processes (one a core), dask (EVENHAND_DASK_ADDRESS), or auto, which is "
        "processes from 20,000 training rows on; unset means EVENHAND_RUNNER, or auto. The result is the same, but "
        "for a model that is `distributed`",
    )
    no_reuse: bool = Field(
        default=False, description="fit everything again; otherwise finished fits of earlier trainings are read"
    )
    cause: str = Field(
        default="",
        pattern=r"^([0-9a-f]{64})?$",
        description="the alarm of the monitor that this training answers; one training per alarm",
    )
    clear_cache: bool = Field(default=False, description="fetch the data and build the balanced sets again")


class AnalyseRequest(BaseModel):
    """Map where and when recorded crime is likely in the coming weeks, judged against plain counts of the past."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str = Field(default="toronto", description="a name in problems/, or the path of a YAML file")
    data: str | None = Field(
        default=None,
        description="a CSV, Parquet, Excel or GeoJSON file, a glob or a folder, in the place of the problem's source",
    )
    seed: int = Field(default=42, ge=0, description="of models and of intervals")
    clear_cache: bool = Field(default=False, description="fetch the data again")
