"""Where rows come from: one file a source, one function for all of them."""

from __future__ import annotations

from functools import singledispatch
from pathlib import Path

from evenhand.problem import PackageSource
from evenhand.problem import Source
from tasks.sources.fetched import Fetched, SourceFile
from tasks.sources.package import clear_package, fetch_package

__all__ = ["Fetched", "SourceFile", "clear_cache", "fetch"]


@singledispatch
def fetch(source: Source, cache: Path) -> Fetched:
    """Fetch a data set.

    Parameters
    ----------
    source : Source
        The ``source`` of a problem; its class decides what is done.
    cache : Path
        Folder for downloads; made when needed, every file in it checked before it is used.

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
def clear_cache(source: Source, cache: Path) -> None:
    """Forget what was downloaded for a source; one that downloads nothing has nothing to forget."""


fetch.register(PackageSource, fetch_package)
clear_cache.register(PackageSource, clear_package)
