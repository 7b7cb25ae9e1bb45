"""Ingest: the rows of a source become an immutable snapshot, named by its hash, with a manifest of their origin."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from evenhand.data.references import Reference
from evenhand.errors import StorageError
from evenhand.problem import Problem
from tasks.data.sources.fetch import clear_downloads, fetch
from tasks.data.sources.fetched import Fetched, SourceFile
from tasks.settings import settings
from tasks.storage.store import open_store, write_frame


class Manifest(BaseModel):
    """Where a snapshot came from. If the same rows are ingested again, the first manifest is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    problem: str = Field(description="name of the problem the rows were first fetched for")
    origin: str
    licence: str
    synthetic: bool = Field(description="whether the rows are made up")
    files: tuple[SourceFile, ...]
    rows: int = Field(ge=0)
    columns: tuple[str, ...]
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of rows.parquet")
    ingested: AwareDatetime = Field(description="when the snapshot was first made, UTC")
    evenhand: str = Field(description="version that made it")


@task(cache_policy=NO_CACHE)
def ingest(problem: Problem, clear_cache: bool = False) -> Reference:
    """Fetch a problem's rows into the store.

    The manifest is written last: a snapshot with a manifest is complete, and one without is completed here.

    Raises
    ------
    SourceError
        When the rows can't be fetched, read or trusted; the store is untouched then.
    StorageError
        When the store can't be written, or holds something else under the snapshot's key.
    """
    cache = settings().cache
    if clear_cache:
        clear_downloads(problem.source, cache)
    fetched = fetch(problem.source, cache)
    rows = write_frame(fetched.frame, "snapshots/{sha256}/rows.parquet")
    manifest = _manifest(problem, fetched, rows)
    open_store().put_bytes(manifest.model_dump_json(indent=2).encode(), _manifest_key(rows))
    return rows


def read_manifest(ref: Reference) -> Manifest:
    """Read where the rows of a snapshot came from.

    Raises
    ------
    StorageError
        When ``ref`` is not a snapshot, or its manifest is absent, unreadable or of other rows.
    """
    key = _manifest_key(ref)
    try:
        manifest = Manifest.model_validate_json(open_store().local(key).read_bytes())
    except (OSError, ValidationError) as error:
        raise StorageError(f"{key} can't be read as a manifest: {error}") from None
    if manifest.sha256 != ref.sha256:
        raise StorageError(f"{key} is of other rows: sha256 {manifest.sha256}, expected {ref.sha256}")
    return manifest


def _manifest_key(ref: Reference) -> str:
    if ref.key != f"snapshots/{ref.sha256}/rows.parquet":
        raise StorageError(f"{ref.key} is not a snapshot, so it has no manifest")
    return f"snapshots/{ref.sha256}/manifest.json"


def _manifest(problem: Problem, fetched: Fetched, rows: Reference) -> Manifest:
    return Manifest(
        problem=problem.name,
        origin=fetched.origin,
        licence=problem.licence,
        synthetic=fetched.synthetic,
        files=fetched.files,
        rows=rows.rows,
        columns=tuple(fetched.frame.columns),
        sha256=rows.sha256,
        ingested=datetime.now(UTC),
        evenhand=_own_version(),
    )


def _own_version() -> str:
    try:
        return version("evenhand")
    except PackageNotFoundError:
        return "unknown"
