"""One file of a Kaggle data set, through kagglehub and a cache of our own."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from evenhand.errors import SourceError
from evenhand.problem import KaggleSource
from tasks.data.sources.fetched import Fetched, brief, described, joined
from tasks.data.sources.files import read_bytes
from tasks.data.sources.text import read_csv

_DATASET = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)
_VERSION = re.compile(r"/versions/(\d+)/")
_BY_HAND = "It can also be fetched in a browser and given as a csv source"


def fetch_kaggle(source: KaggleSource, cache: Path) -> Fetched:
    """Rows of the file; a version that is in the cache is used as it is, without asking for a newer one.

    Raises
    ------
    SourceError
        When Kaggle can't be reached, refuses, has no such file, or the file is not what its hash says.
    """
    folder = _folder(source, cache)
    version = _cached_version(source, folder)
    path = _download(source, cache, version)
    data = read_bytes(path)
    if version is not None and not _right(source, data):
        clear_kaggle(source, cache)
        path = _download(source, cache, None)
        data = read_bytes(path)
    if not _right(source, data):
        clear_kaggle(source, cache)
        found = hashlib.sha256(data).hexdigest()
        raise SourceError(f"Kaggle {source.dataset}: {source.file} has sha256 {found}, expected {source.sha256}")
    number = _VERSION.search(path.as_posix())
    origin = f"Kaggle {source.dataset}{f' version {number[1]}' if number else ''}: {source.file}"
    return joined([described(source.file, data, read_csv(data, origin))], origin)


def clear_kaggle(source: KaggleSource, cache: Path) -> None:
    """Forget every version of the data set."""
    shutil.rmtree(_folder(source, cache), ignore_errors=True)


def _folder(source: KaggleSource, cache: Path) -> Path:
    """Where kagglehub keeps the data set; checked, since it is deleted as a whole."""
    file = PurePosixPath(source.file)
    if not _DATASET.fullmatch(source.dataset) or file.is_absolute() or ".." in file.parts:
        raise SourceError(f"{source.dataset}: {source.file} is no file of a Kaggle data set, which is owner/name")
    return cache / "kaggle" / "datasets" / source.dataset


def _cached_version(source: KaggleSource, folder: Path) -> int | None:
    """Find the newest version of the file that was downloaded whole, by kagglehub's own marker."""
    markers = folder.glob(f".complete/*/{glob.escape(source.file)}.complete")
    numbers = [int(name) for marker in markers if (name := marker.relative_to(folder).parts[1]).isdecimal()]
    return max((n for n in numbers if (folder / "versions" / str(n) / source.file).is_file()), default=None)


def _download(source: KaggleSource, cache: Path, version: int | None) -> Path:
    import kagglehub

    handle = source.dataset if version is None else f"{source.dataset}/versions/{version}"
    with _cache_at(cache / "kaggle"):
        try:
            return Path(kagglehub.dataset_download(handle, path=source.file))
        except Exception as error:  # kagglehub promises no set of errors; whatever it is, there is no file
            raise SourceError(f"Kaggle {source.dataset}: {_reason(error, source)}. {_BY_HAND}") from error


def _reason(error: Exception, source: KaggleSource) -> str:
    import requests

    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403) or "redential" in type(error).__name__ or "Unauthenticated" in type(error).__name__:
        return (
            "Kaggle refused; set KAGGLE_API_TOKEN to an API token of your account, or accept the data set's terms there"
        )
    if status == 404 or "NotFound" in type(error).__name__:
        return f"there is no such data set, or no file {source.file!r} in it"
    if isinstance(error, requests.ConnectionError | requests.Timeout):
        return "kaggle.com can't be reached from here"
    return f"the download failed: {brief(error)}"


def _right(source: KaggleSource, data: bytes) -> bool:
    return source.sha256 is None or hashlib.sha256(data).hexdigest() == source.sha256


@contextmanager
def _cache_at(folder: Path) -> Iterator[None]:
    """Lend kagglehub a cache folder; it takes it from the environment alone."""
    before = os.environ.get("KAGGLEHUB_CACHE")
    os.environ["KAGGLEHUB_CACHE"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["KAGGLEHUB_CACHE"]
        else:
            os.environ["KAGGLEHUB_CACHE"] = before
