"""The store: the one place that knows a folder from S3. What is written once under a key stays as it is."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from evenhand.errors import StorageError
from evenhand.references import Reference
from tasks.settings import settings

_PARTIAL = ".partial"


class Store(Protocol):
    """Whole objects under keys such as ``snapshots/<sha256>/rows.parquet``; every error is a ``StorageError``."""

    def put(self, local: Path, key: str, overwrite: bool = False) -> None:
        """Store a file. A key that is taken is left as it is, unless ``overwrite``."""

    def put_bytes(self, data: bytes, key: str, overwrite: bool = False) -> None:
        """Store bytes. A key that is taken is left as it is, unless ``overwrite``."""

    def local(self, key: str) -> Path:
        """A local file with the object's bytes, to read and not to change."""

    def exists(self, key: str) -> bool:
        """Whether the key is taken; an unreachable store is an error, never a no."""

    def list(self, prefix: str) -> list[str]:
        """Sorted keys that start with a prefix; ``""`` lists them all."""

    def delete(self, key: str) -> None:
        """Remove an object; one that is absent is no error."""

    def uri(self, key: str) -> str:
        """The full address, for people."""


def open_store(uri: str | None = None) -> Store:
    """Open the store at a folder or ``s3://bucket/prefix``; ``EVENHAND_STORE`` when ``uri`` is None.

    Raises
    ------
    StorageError
        When ``uri`` is neither a folder nor a valid S3 address. Nothing is contacted yet.
    """
    where = settings().store_uri if uri is None else uri
    if where.startswith("s3://"):
        from tasks.storage_s3 import s3_store

        return s3_store(where, settings().s3_endpoint, settings().cache / "store")
    if "://" in where or not where.strip():
        raise StorageError(f"the store {where!r} can't be opened: EVENHAND_STORE is a folder or s3://bucket/prefix")
    return FolderStore(Path(where).expanduser().absolute())


@dataclass(frozen=True)
class FolderStore:
    """Objects as files under a folder, which is made on the first write."""

    root: Path

    def put(self, local: Path, key: str, overwrite: bool = False) -> None:
        with _explained(f"{local} can't be stored as", self.root, key), local.open("rb") as data:
            self._write(data, key, overwrite)

    def put_bytes(self, data: bytes, key: str, overwrite: bool = False) -> None:
        with _explained("can't write", self.root, key):
            self._write(io.BytesIO(data), key, overwrite)

    def local(self, key: str) -> Path:
        if not self.exists(key):
            raise StorageError(f"the store has no {self.uri(key)} (the store is set by EVENHAND_STORE)")
        return self._path(key)

    def exists(self, key: str) -> bool:
        path = self._path(key)
        with _explained("can't look for", self.root, key):
            try:
                return stat.S_ISREG(path.stat().st_mode)
            except (FileNotFoundError, NotADirectoryError):
                return False

    def list(self, prefix: str) -> list[str]:
        check_prefix(prefix)
        start = self.root / prefix.rpartition("/")[0]
        with _explained("can't list", self.root, prefix):
            found = [path for path in start.rglob("*") if path.is_file() and not path.name.endswith(_PARTIAL)]
        keys = (path.relative_to(self.root).as_posix() for path in found)
        return sorted(key for key in keys if key.startswith(prefix))

    def delete(self, key: str) -> None:
        with _explained("can't delete", self.root, key):
            self._path(key).unlink(missing_ok=True)

    def uri(self, key: str) -> str:
        return str(self._path(key))

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)

    def _write(self, data: BinaryIO, key: str, overwrite: bool) -> None:
        target = self._path(key)
        if target.exists() and not overwrite:
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(data, target, overwrite)


def sha256_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_frame(frame: pd.DataFrame, key: str) -> Reference:
    """Store rows as Parquet; the same frame gives the same bytes. The index is not kept.

    ``{sha256}`` in the key stands for the hash of the bytes: ``snapshots/{sha256}/rows.parquet``.

    Raises
    ------
    StorageError
        When a column holds values of mixed types, or the key is taken by other bytes.
    """
    sink = io.BytesIO()
    try:
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), sink, compression="zstd")
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise StorageError(f"the rows for {key} can't be written as Parquet: {error}") from None
    sha256 = hashlib.sha256(sink.getvalue()).hexdigest()
    key = key.replace("{sha256}", sha256)
    store = open_store()
    store.put_bytes(sink.getvalue(), key)
    _read_verified(store, key, sha256)  # a taken key keeps what it has, which may be something else
    return Reference(key=key, sha256=sha256, rows=len(frame))


def read_frame(ref: Reference) -> pd.DataFrame:
    """Rows of a reference, whose hash is checked before a byte of them is parsed.

    Raises
    ------
    StorageError
        When the object is absent, is not what the reference says, or is no Parquet.
    """
    data = _read_verified(open_store(), ref.key, ref.sha256)
    try:
        return pq.read_table(io.BytesIO(data)).to_pandas()
    except pa.ArrowException as error:
        raise StorageError(f"{ref.key} is not readable as Parquet: {error}") from None


def check_key(key: str) -> str:
    """The key itself when it is relative and stays inside the store, else a ``StorageError``."""
    parts = key.split("/")
    if any(part in ("", ".", "..") for part in parts) or key.endswith(_PARTIAL) or not _plain(key):
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
    """Write to a name of its own beside ``target``, then put it in place; without ``overwrite`` the first one wins."""
    partial = target.parent / f".{uuid.uuid4().hex}{_PARTIAL}"
    try:
        with partial.open("xb") as out:
            shutil.copyfileobj(data, out, 1 << 20)
            out.flush()
            os.fsync(out.fileno())
        if overwrite:
            os.replace(partial, target)
        else:
            _link(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def _link(partial: Path, target: Path) -> None:
    try:
        os.link(partial, target)
    except FileExistsError:
        return
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
            raise
        os.replace(partial, target)  # a file system without hard links


def _read_verified(store: Store, key: str, sha256: str) -> bytes:
    path = store.local(key)
    with _explained("can't read", path.parent, path.name):
        data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise StorageError(
            f"{store.uri(key)} is not what was stored: expected SHA-256 {sha256}, found {found} in {path}. "
            "It was changed or damaged, or its key was used before for other rows; restore it or write it again."
        )
    return data


def _plain(key: str) -> bool:
    return "\\" not in key and key.isprintable()


@contextmanager
def _explained(what: str, root: Path, key: str) -> Iterator[None]:
    """Turn an error of the file system into one paragraph."""
    try:
        yield
    except OSError as error:
        reasons = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up"}
        unwritable = {errno.EACCES, errno.EPERM, errno.EROFS}
        reason = reasons.get(error.errno or 0, error.strerror or str(error))
        reason = f"no permission ({reason})" if error.errno in unwritable else reason
        raise StorageError(
            f"{what} {root / key}: {reason} at {error.filename or root}. "
            "The store is the folder in EVENHAND_STORE (by default EVENHAND_HOME/store); free space, mend its "
            "permissions or name another folder."
        ) from None
