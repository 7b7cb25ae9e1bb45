"""Fetch the rows of a source, whatever its kind, or forget what was downloaded for it."""

from __future__ import annotations

from functools import singledispatch
from pathlib import Path

from evenhand.problem import (
    CsvSource,
    ExcelSource,
    GeoJsonSource,
    KaggleSource,
    PackageSource,
    ParquetSource,
    PoliceUkSource,
    Source,
    SyntheticSource,
)
from tasks.data.sources.fetched import Fetched
from tasks.data.sources.files import fetch_csv, fetch_excel, fetch_geojson, fetch_parquet
from tasks.data.sources.kaggle import clear_kaggle, fetch_kaggle
from tasks.data.sources.package import clear_package, fetch_package
from tasks.data.sources.police_uk import fetch_police_uk
from tasks.data.sources.synthetic.fetch import fetch_synthetic


@singledispatch
def fetch(source: Source, cache: Path) -> Fetched:
    """Fetch a data set.

    Parameters
    ----------
    source : Source
        The ``source`` of a problem; its class selects the function.
    cache : Path
        Folder for downloads; made when needed. Every file in it is checked before it is used.

    Returns
    -------
    Fetched

    Raises
    ------
    SourceError
        When the rows can't be fetched, read or trusted.
    """
    raise TypeError(f"no source of kind {type(source).__name__}")


@singledispatch
def clear_downloads(source: Source, cache: Path) -> None:
    """Forget what was downloaded for a source; one that downloads nothing has nothing to forget."""


fetch.register(CsvSource, fetch_csv)
fetch.register(ExcelSource, fetch_excel)
fetch.register(GeoJsonSource, fetch_geojson)
fetch.register(KaggleSource, fetch_kaggle)
fetch.register(PackageSource, fetch_package)
fetch.register(ParquetSource, fetch_parquet)
fetch.register(PoliceUkSource, fetch_police_uk)
fetch.register(SyntheticSource, fetch_synthetic)
clear_downloads.register(KaggleSource, clear_kaggle)
clear_downloads.register(PackageSource, clear_package)
