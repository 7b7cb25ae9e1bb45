"""Score a file: classes and probabilities of a registered version, with the version and the hashes of the input."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict, Field

from evenhand.data.headers import respelled
from evenhand.errors import SourceError, StorageError
from evenhand.problem import Problem
from tasks.data.problems import load_problem
from tasks.data.sources.fetch import fetch
from tasks.data.sources.fetched import Fetched
from tasks.registry.load_model import load_model
from tasks.registry.model_versions import model_name, registry_errors
from tasks.scoring.choose_version import ChosenVersion, choose_version
from tasks.scoring.kept_predictions import digest_of, forget_old, keep_predictions, kept_rows, predictions_folder
from tasks.scoring.predictions import NOT_SCORED, predict_table, rows_per_class, write_predictions
from tasks.settings import settings


class ScoreRequest(BaseModel):
    """Predict class and probabilities for the rows of a file, with the champion or with another version."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str = Field(default="toronto", description="a name in problems/, or the path of a YAML file")
    data: str = Field(description="a CSV, Parquet, Excel or GeoJSON file, a glob or a folder")
    out: str | None = Field(
        default=None,
        description="a .parquet or .csv file; by default in var/predictions/, named after model, version and input",
    )
    version: str | None = Field(default=None, description="version of the registered model; the champion if not given")
    keep: tuple[str, ...] = Field(default=(), description="columns of the input to copy to the output")


class ScoringResult(BaseModel):
    """What was scored with which version; written as JSON next to the predictions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    model: str
    version: str
    run_id: str | None
    input: dict[str, str] = Field(description="SHA-256 of each file that was read")
    rows: int
    not_scored: int = Field(description="rows with a cell that can't be used; they have a reason and no class")
    classes: dict[str, int] = Field(description="number of rows of each predicted class")
    at: str


@task(name="score", cache_policy=NO_CACHE)
def score(request: ScoreRequest) -> ScoringResult:
    """Score a file.

    Raises
    ------
    SourceError
        When the file can't be read, or lacks a column of the model.
    GateError
        When there is no champion, MLflow has another one than the ledger, its files were changed, or the registry
        can't be used.
    StorageError
        When the predictions can't be written; no partial file is left.
    """
    problem = load_problem(request.problem, request.data)
    version = choose_version(model_name(problem.name), request.version)
    with registry_errors(f"loading {version.name} version {version.version}"):
        fitted = load_model(f"models:/{version.name}/{version.version}", version.model_sha256)
    source = fetch(problem.source, settings().cache)
    needed = [*fitted.encoder.feature_names_in_, *request.keep]
    frame = source.frame.rename(columns=respelled(list(source.frame.columns), needed))
    _check_columns(list(frame.columns), needed, request.data, version)
    table = predict_table(problem, fitted, frame, request.keep)
    path = _output_path(request, version, source)
    result = ScoringResult(
        path=str(path),
        model=version.name,
        version=version.version,
        run_id=version.run_id,
        input={file.name: file.sha256 for file in source.files},
        rows=table.num_rows,
        not_scored=table.num_rows - table[NOT_SCORED].null_count,
        classes=rows_per_class(table),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    write_predictions(table, result.model_dump_json(), path)
    if problem.monitor.id is None or problem.monitor.id in frame:  # without its id no label would find a row
        kept = kept_rows(problem, frame, table, list(fitted.encoder.feature_names_in_))
        _keep(problem, version, kept, source)
    return result


def _keep(problem: Problem, version: ChosenVersion, kept: pd.DataFrame, source: Fetched) -> None:
    """Keep predictions in the store for late labels, and forget those that are too old."""
    folder = predictions_folder(version.name, version.version)
    keep_predictions(folder, digest_of([file.sha256 for file in source.files]), kept)
    forget_old(folder, problem.monitor.keep_days)


def _check_columns(found: list[str], needed: list[str], data: str, version: ChosenVersion) -> None:
    missing = [name for name in needed if name not in found]
    if missing:
        raise SourceError(
            f"{data} lacks {', '.join(missing)}; version {version.version} of {version.name} needs "
            f"{', '.join(needed)}. Found: {', '.join(found)}"
        )


def _output_path(request: ScoreRequest, version: ChosenVersion, source: Fetched) -> Path:
    if request.out is None:
        digest = hashlib.sha256("".join(file.sha256 for file in source.files).encode()).hexdigest()[:12]
        return settings().home / "predictions" / f"{version.name}-v{version.version}-{digest}.parquet"
    path = Path(request.out).expanduser()
    if path.suffix.lower() not in {".parquet", ".csv"}:
        raise StorageError(f"{path} ends in {path.suffix!r}; allowed: .parquet, .csv")
    return path
