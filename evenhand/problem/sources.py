"""Where the rows come from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from evenhand.problem.common import Frozen


class Member(Frozen):
    """One CSV inside a package."""

    path: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class PackageSource(Frozen):
    """CSV members of a wheel on the package index, both pinned by hash. The package is never imported."""

    kind: Literal["package"]
    distribution: str
    version: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    members: tuple[Member, ...] = Field(min_length=1)


class KaggleSource(Frozen):
    """One file of a Kaggle data set, through kagglehub."""

    kind: Literal["kaggle"]
    dataset: str = Field(pattern=r"^[^/]+/[^/]+$", description="owner/name")
    file: str
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


class CsvSource(Frozen):
    """A CSV file or a glob of them, plain or gzipped."""

    kind: Literal["csv"]
    path: str
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8"


class ParquetSource(Frozen):
    """A Parquet file or a glob of them."""

    kind: Literal["parquet"]
    path: str


class PoliceUkSource(Frozen):
    """A folder tree of monthly street-level CSVs as data.police.uk publishes them."""

    kind: Literal["police_uk"]
    path: str
    force: str = Field(default="*", description="force name as in the file names, such as west-yorkshire")


class SyntheticSource(Frozen):
    """A seeded twin of a data set that can't be fetched here. Everything made of it says synthetic."""

    kind: Literal["synthetic"]
    twin_of: Literal["us_homicides"] = "us_homicides"
    rows: int = Field(default=638_454, ge=100)
    seed: int = 42


Source = Annotated[
    PackageSource | KaggleSource | CsvSource | ParquetSource | PoliceUkSource | SyntheticSource,
    Field(discriminator="kind"),
]


def source_text(source: Source) -> str:
    """Write where rows come from, for people.

    Examples
    --------
    >>> source_text(CsvSource(kind="csv", path="mytown.csv"))
    'csv mytown.csv'
    """
    if isinstance(source, PackageSource):
        return f"package {source.distribution} {source.version}"
    if isinstance(source, KaggleSource):
        return f"kaggle {source.dataset}, {source.file}"
    if isinstance(source, SyntheticSource):
        return f"synthetic twin of {source.twin_of}, {source.rows:,} rows, seed {source.seed}"
    return f"{source.kind} {source.path}"
