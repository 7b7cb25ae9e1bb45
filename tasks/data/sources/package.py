"""CSV members of a wheel on the package index. The wheel is a zip to us: nothing in it is installed or imported."""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path

from evenhand.errors import SourceError
from evenhand.problem import Member, PackageSource
from tasks.data.sources.fetched import Fetched, described, joined
from tasks.data.sources.text import read_csv

log = logging.getLogger(__name__)
_PIP_OPTIONS = (
    "--quiet",
    "--no-input",
    "--disable-pip-version-check",
    "--no-deps",
    "--only-binary=:all:",
    "--ignore-requires-python",
)
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")


def fetch_package(source: PackageSource, cache: Path) -> Fetched:
    """Rows of the wanted members, one after the other, downloaded unless the cache holds them whole.

    Raises
    ------
    SourceError
        When the wheel can't be had, or it or a member is not what the hashes say. Nothing is cached then.
    """
    wheel = f"{source.distribution} {source.version}"
    data = package_members(source, cache)
    parts = [described(path, content, read_csv(content, f"{wheel}: {path}")) for path, content in data.items()]
    return joined(parts, f"{wheel} (wheel sha256 {source.sha256}): {', '.join(data)}")


def package_members(source: PackageSource, cache: Path) -> dict[str, bytes]:
    """Bytes of the wanted members by their path, downloaded unless the cache holds them whole.

    Raises
    ------
    SourceError
        As :func:`fetch_package`.
    """
    folder = _folder(source, cache)
    data = {member.path: _cached(folder, member) for member in source.members}
    if None in data.values():
        _download(source, folder)
        data = {member.path: _cached(folder, member) for member in source.members}
    whole = {path: content for path, content in data.items() if content is not None}
    for path in data.keys() - whole.keys():
        raise SourceError(f"{folder}: {path} was changed while it was read; try again")
    return whole


def clear_package(source: PackageSource, cache: Path) -> None:
    """Forget the members of this wheel."""
    shutil.rmtree(_folder(source, cache), ignore_errors=True)


def _folder(source: PackageSource, cache: Path) -> Path:
    return cache / "packages" / source.sha256


def _cached(folder: Path, member: Member) -> bytes | None:
    """Bytes of a member, if they are there and are what they should be."""
    try:
        data = (folder / member.sha256).read_bytes()
    except OSError:
        return None
    return data if hashlib.sha256(data).hexdigest() == member.sha256 else None


def _download(source: PackageSource, folder: Path) -> None:
    """Put every wanted member into ``folder``, each under its hash, once all of them are known to be right."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=folder.parent) as scratch:
            wheel = _wheel(source, Path(scratch))
            found = {m.sha256: _member(wheel, m) for m in source.members}
            folder.mkdir(exist_ok=True)
            for sha256, data in found.items():
                part = Path(scratch) / sha256
                part.write_bytes(data)
                part.replace(folder / sha256)
    except OSError as error:
        raise SourceError(f"the download cache {folder.parent} can't be written: {error}") from None


def _wheel(source: PackageSource, scratch: Path) -> Path:
    requirement = _requirement(source)
    log.info("downloading %s", requirement)
    done = subprocess.run(
        # Its requirements and the Python it wants do not matter: none of it runs.
        [sys.executable, "-m", "pip", "download", *_PIP_OPTIONS, "--dest", str(scratch), requirement],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    wheels = list(scratch.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        raise SourceError(
            f"{requirement} can't be downloaded: {_last_line(done.stderr)}. Is the name right, and the package index "
            "within reach? Offline, put the wheel into a folder and name that folder in PIP_FIND_LINKS"
        )
    found = hashlib.sha256(wheels[0].read_bytes()).hexdigest()
    if found != source.sha256:
        raise SourceError(f"{wheels[0].name} is not the wheel of the problem: sha256 {found}, expected {source.sha256}")
    return wheels[0]


def _requirement(source: PackageSource) -> str:
    # Anything else could be read as an option, an address or a path.
    if not _NAME.fullmatch(source.distribution):
        raise SourceError(f"source.distribution: {source.distribution!r} is no name of a package")
    if not _VERSION.fullmatch(source.version):
        raise SourceError(
            f"source.version: {source.version!r} is no version; one exact version is wanted, such as 1.5.0"
        )
    return f"{source.distribution}=={source.version}"


def _last_line(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or ["pip gave no message"])[-1].rstrip(".")


def _member(wheel: Path, member: Member) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read(member.path)
    except KeyError:
        raise SourceError(f"{wheel.name} has no member {member.path}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise SourceError(f"{wheel.name} can't be read as a wheel: {error}") from None
    found = hashlib.sha256(data).hexdigest()
    if found != member.sha256:
        raise SourceError(f"{wheel.name}: {member.path} has sha256 {found}, expected {member.sha256}")
    return data
