"""Score: new rows in, the model's class and probabilities out, with the model's version and the input's hash."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict, Field

from evenhand.data.schema import column_types, parse_columns
from evenhand.errors import GateError, SourceError, StorageError
from evenhand.postprocess.fit_rules import period_groups
from evenhand.problem import CapacityDecision, Problem
from tasks.data.problems import load_problem
from tasks.data.sources.fetch import fetch
from tasks.data.sources.fetched import Fetched
from tasks.registry.client import connect
from tasks.registry.ledger import champion_in_order
from tasks.registry.model_store import load_model
from tasks.registry.model_versions import Registered, champion, model_name, read_version, registry_errors
from tasks.settings import settings

if TYPE_CHECKING:
    from evenhand.scoring.model import FittedCandidate

AT_ONCE = 100_000
PREDICTED, NOT_SCORED = "predicted", "not_scored"


class ScoreRequest(BaseModel):
    """Give rows of a file a class and probabilities by the champion, or by the version named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str = Field(default="toronto", description="a name in problems/, or the path of a YAML file")
    data: str = Field(description="a CSV or Parquet file, or a glob")
    out: str | None = Field(
        default=None, description="a .parquet or .csv file; if not given, one under var/predictions/ named by its input"
    )
    version: str | None = Field(default=None, description="a version of the registered model instead of the champion")
    keep: tuple[str, ...] = Field(default=(), description="columns of the input to have beside the predictions")
    out_of_band: bool = Field(
        default=False, description="use a champion whose alias was moved by hand, past review and ledger"
    )


class Scored(BaseModel):
    """What was scored, by what; written as JSON beside the predictions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    model: str
    version: str
    run_id: str | None
    input: dict[str, str] = Field(description="SHA-256 of every file read")
    rows: int
    not_scored: int = Field(description="rows with a cell that can't be read; they have a reason and no class")
    classes: dict[str, int] = Field(description="rows of each predicted class")
    at: str


@task(name="score", cache_policy=NO_CACHE)
def score(request: ScoreRequest) -> Scored:
    """Score a file.

    Raises
    ------
    SourceError
        When the file can't be read, or lacks a column that the model takes.
    GateError
        When there is no champion, its alias was moved by hand, or the registry can't be used.
    StorageError
        When the predictions can't be written; no half of them is left.
    """
    problem = load_problem(request.problem, request.data)
    version = _version(problem.name, request)
    with registry_errors(f"loading {version.name} version {version.version}"):
        fitted = load_model(f"models:/{version.name}/{version.version}")
    given = fetch(problem.source, settings().cache)
    _check_columns(given, [*fitted.encoder.feature_names_in_, *request.keep], request.data, version)
    table = predictions(problem, fitted, given.frame, request.keep)
    path = _path(request, version, given)
    told = Scored(
        path=str(path),
        model=version.name,
        version=version.version,
        run_id=version.run_id,
        input={file.name: file.sha256 for file in given.files},
        rows=table.num_rows,
        not_scored=table.num_rows - table[NOT_SCORED].null_count,
        classes=_counts(table),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    _write(table, told, path)
    return told


def predictions(problem: Problem, fitted: FittedCandidate, frame: pd.DataFrame, keep: tuple[str, ...] = ()) -> pa.Table:
    """Predict every row.

    Parameters
    ----------
    problem : Problem
        Gives the columns their types, and a capacity its periods.
    fitted : FittedCandidate
    frame : DataFrame of shape (n_rows, n_columns)
        Raw cells.
    keep : tuple of str
        Columns to copy.

    Returns
    -------
    pyarrow.Table
        In the order of the rows: the kept columns, ``predicted``, ``p_<class>`` for every class, ``not_scored``.
    """
    columns = list(fitted.encoder.feature_names_in_)
    types = {name: kind for name, kind in column_types(problem).items() if name in columns}
    parts, reasons = [], np.full(len(frame), None, dtype=object)
    for start in range(0, len(frame), AT_ONCE):
        typed, unfit = parse_columns(frame[columns].iloc[start : start + AT_ONCE], types)
        for name, lost in unfit.items():
            reasons[start + np.flatnonzero(lost)] = f"{name}: not a {types[name].kind}"
        parts.append(fitted.raw_proba(typed[pd.isna(reasons[start : start + AT_ONCE])]))
    readable = pd.isna(reasons)
    names, proba = fitted.decide(np.concatenate(parts), _groups(problem, fitted, frame[readable]))
    made = {name: pa.Array.from_pandas(frame[name]) for name in keep}
    made[PREDICTED] = pa.array(_spread(names, readable, None), pa.string())
    for code, name in enumerate(fitted.class_names):
        made[f"p_{name}"] = pa.array(_spread(proba[:, code], readable, np.nan), mask=~readable)
    return pa.table(made | {NOT_SCORED: pa.array(reasons, pa.string())})


def _spread(values: np.ndarray, where: np.ndarray, otherwise: float | None) -> np.ndarray:
    spread = np.full(len(where), otherwise, dtype=values.dtype)
    spread[where] = values
    return spread


def _groups(problem: Problem, fitted: FittedCandidate, frame: pd.DataFrame) -> np.ndarray | None:
    """Code the periods that a capacity counts by, where the model's rule is one and the rows tell them."""
    named = getattr(fitted.rule, "name", None)
    for spec in problem.decisions:
        if isinstance(spec, CapacityDecision) and spec.name == named and spec.per and spec.per in frame.columns:
            typed, _ = parse_columns(frame[[spec.per]], {spec.per: column_types(problem)[spec.per]})
            return period_groups(typed[spec.per], spec)
    return None


def _version(problem_name: str, request: ScoreRequest) -> Registered:
    name = model_name(problem_name)
    if request.version is not None:
        with registry_errors(f"looking for version {request.version} of {name}"):
            return read_version(connect(), name, request.version)
    found = champion(problem_name)
    if found is None:
        raise GateError(f"{name} has no champion: approve a version (make review), or name one with --version")
    if not request.out_of_band and not champion_in_order(problem_name):
        raise GateError(
            f"version {found.version} of {name} became champion past review and ledger; `make ledger` tells when. "
            "Put the champion right (make rollback), or score with it all the same: --out-of-band"
        )
    return found


def _check_columns(given: Fetched, needed: list[str], data: str, version: Registered) -> None:
    absent = [name for name in needed if name not in given.frame.columns]
    if absent:
        raise SourceError(
            f"{data} lacks {', '.join(absent)}; version {version.version} of {version.name} takes "
            f"{', '.join(needed)}. Found: {', '.join(given.frame.columns)}"
        )


def _counts(table: pa.Table) -> dict[str, int]:
    counted = table[PREDICTED].drop_null().value_counts().to_pylist()
    return {item["values"]: item["counts"] for item in sorted(counted, key=lambda item: item["values"])}


def _path(request: ScoreRequest, version: Registered, given: Fetched) -> Path:
    if request.out is None:
        of_input = hashlib.sha256("".join(file.sha256 for file in given.files).encode()).hexdigest()[:12]
        return settings().home / "predictions" / f"{version.name}-v{version.version}-{of_input}.parquet"
    path = Path(request.out).expanduser()
    if path.suffix not in {".parquet", ".csv"}:
        raise StorageError(f"{path} ends in {path.suffix!r}; predictions are written as .parquet or .csv")
    return path


def _write(table: pa.Table, told: Scored, path: Path) -> None:
    """Write predictions, then the note beside them; each whole or not at all."""
    about = {"evenhand": told.model_dump_json()}
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".csv":
            pa_csv.write_csv(table, partial)
        else:
            pq.write_table(table.replace_schema_metadata(about), partial, compression="zstd")
        partial.replace(path)
        note = path.with_name(f"{path.name}.json")
        partial.write_text(json.dumps(told.model_dump(mode="json"), indent=2) + "\n", encoding="utf-8")
        partial.replace(note)
    except OSError as error:
        raise StorageError(f"{path} can't be written: {error.strerror or error}") from None
    finally:
        partial.unlink(missing_ok=True)
