"""The interface of a store, valid keys and atomic writes, and the store that is a folder."""

from __future__ import annotations

import errno
import io
import os
import shutil
import stat
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from typing_extensions import override

from evenhand.errors import StorageError

_PARTIAL = ".partial"
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}
_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "no permission",
    errno.EPERM: "no permission",
    errno.EROFS: "the file system is read-only",
}


class StoredObject(NamedTuple):
    """An object of a store: its key, its size and when it was written, in seconds since 1970."""

    key: str
    bytes: int
    modified: float


class Store(Protocol):
    """Objects under keys such as ``snapshots/<sha256>/rows.parquet``; every error is a ``StorageError``."""

    def put(self, local: Path, key: str, overwrite: bool = False) -> None:
        """Store a file. An object that exists is kept, unless ``overwrite``."""

    def put_bytes(self, data: bytes, key: str, overwrite: bool = False) -> None:
        """Store bytes. An object that exists is kept, unless ``overwrite``."""

    def local(self, key: str) -> Path:
        """Return a local file with the object's bytes, for reading only."""

    def read_bytes(self, key: str) -> bytes | None:
        """Return the object's bytes, which no cache keeps; None where there is no such object."""

    def exists(self, key: str) -> bool:
        """Return whether the key exists; an unreachable store is an error, never False."""

    def list(self, prefix: str) -> list[str]:
        """Return the sorted keys that start with a prefix; ``""`` lists all of them."""

    def objects(self, prefix: str) -> Sequence[StoredObject]:
        """Return the objects whose keys start with a prefix, with size and time, in no order."""

    def delete(self, key: str) -> None:
        """Remove an object; a missing one is no error."""

    def uri(self, key: str) -> str:
        """Return the full address, for messages."""


@dataclass(frozen=True)
class FolderStore(Store):
    """Objects as files below a folder, which is made on the first write."""

    root: Path

    @override
    def put(self, local: Path, key: str, overwrite: bool = False) -> None:
        with _explained(f"{local} can't be stored as", self.root, key), local.open("rb") as data:
            self._write(data, key, overwrite)

    @override
    def put_bytes(self, data: bytes, key: str, overwrite: bool = False) -> None:
        with _explained("can't write", self.root, key):
            self._write(io.BytesIO(data), key, overwrite)

    @override
    def local(self, key: str) -> Path:
        if not self.exists(key):
            raise StorageError(f"the store has no {self.uri(key)} (the store is set by EVENHAND_STORE)")
        return self._path(key)

    @override
    def read_bytes(self, key: str) -> bytes | None:
        with _explained("can't read", self.root, key):
            try:
                return self._path(key).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None

    @override
    def exists(self, key: str) -> bool:
        path = self._path(key)
        with _explained("can't look for", self.root, key):
            try:
                return stat.S_ISREG(path.stat().st_mode)
            except (FileNotFoundError, NotADirectoryError):
                return False

    @override
    def list(self, prefix: str) -> list[str]:
        check_prefix(prefix)
        start = self.root / prefix.rpartition("/")[0]
        with _explained("can't list", self.root, prefix):
            found = [path for path in start.rglob("*") if path.is_file() and not path.name.endswith(_PARTIAL)]
        keys = (path.relative_to(self.root).as_posix() for path in found)
        return sorted(key for key in keys if key.startswith(prefix))

    @override
    def objects(self, prefix: str) -> Sequence[StoredObject]:
        found = []
        for key in self.list(prefix):
            with suppress(FileNotFoundError):  # removed in the meantime
                known = self._path(key).stat()
                found.append(StoredObject(key, known.st_size, known.st_mtime))
        return found

    @override
    def delete(self, key: str) -> None:
        with _explained("can't delete", self.root, key):
            if self.exists(key):
                self._path(key).unlink(missing_ok=True)

    @override
    def uri(self, key: str) -> str:
        return str(self._path(key))

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)

    def _write(self, data: BinaryIO, key: str, overwrite: bool) -> None:
        target = self._path(key)
        if overwrite or not self.exists(key):
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(data, target, overwrite)


def check_key(key: str) -> str:
    """Return the key when it is relative and stays inside the store, else raise ``StorageError``."""
    empty_or_dots = any(part in ("", ".", "..") for part in key.split("/"))
    if empty_or_dots or "\\" in key or not key.isprintable() or key.endswith(_PARTIAL):
        raise StorageError(
            f"{key!r} is no key of the store: it must be relative, such as snapshots/rows.parquet, without empty, "
            f"'.' or '..' parts, backslashes or control characters, and not end in {_PARTIAL}"
        )
    return key


def check_prefix(prefix: str) -> None:
    """Refuse a prefix that no key can start with."""
    if prefix:
        check_key(prefix.removesuffix("/"))


def write_atomically(data: BinaryIO, target: Path, overwrite: bool) -> None:
    """Write to a temporary name in the same folder, then rename it; without ``overwrite`` an existing file stays."""
    partial = target.parent / f".{uuid.uuid4().hex}{_PARTIAL}"
    try:
        with partial.open("xb") as out:
            shutil.copyfileobj(data, out, 1 << 20)
            out.flush()
            os.fsync(out.fileno())
        if overwrite:
            partial.replace(target)
        else:
            _link(partial, target)
        _sync_folder(target.parent)
    finally:
        partial.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Let a new name survive a loss of power, where the file system can promise that."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _link(partial: Path, target: Path) -> None:
    try:
        target.hardlink_to(partial)
    except FileExistsError:
        return
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        partial.replace(target)  # on a file system without hard links


@contextmanager
def _explained(what: str, root: Path, key: str) -> Iterator[None]:
    """Turn an error of the file system into one paragraph."""
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0) or error.strerror or str(error)
        raise StorageError(
            f"{what} {root / key}: {reason} at {error.filename or root}. The store is the folder in EVENHAND_STORE (by "
            "default EVENHAND_HOME/store): free space, mend its permissions or name another folder."
        ) from None
