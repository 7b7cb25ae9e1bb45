"""Open the store, a folder or S3, and read and write frames in it. What is stored under a key is not changed."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from evenhand.data.references import Reference
from evenhand.errors import StorageError
from tasks.settings import settings
from tasks.storage.folder import FolderStore, Store


def open_store(uri: str | None = None, profile: str | None = None) -> Store:
    """Open the store at a folder or ``s3://bucket/prefix``; ``EVENHAND_STORE`` when ``uri`` is None.

    ``profile`` names the AWS profile whose credentials are used for S3; None takes those of the environment.

    Raises
    ------
    StorageError
        When ``uri`` is neither a folder nor a valid S3 address. Nothing is contacted yet.
    """
    where = settings().store_uri if uri is None else uri
    if where.startswith("s3://"):
        from tasks.storage.s3 import s3_store  # boto3 takes half a second, and a folder does not need it

        return replace(s3_store(where, settings().s3_endpoint, settings().cache / "store"), profile=profile)
    if "://" in where or not where.strip():
        raise StorageError(
            f"the store {where!r} can't be opened: EVENHAND_STORE must be a folder or s3://bucket/prefix"
        )
    return FolderStore(Path(where).expanduser().absolute())


def write_frame(frame: pd.DataFrame, key: str) -> Reference:
    """Store rows as Parquet; the same frame gives the same bytes. The index is not kept.

    ``{sha256}`` in the key is replaced by the hash of the bytes: ``snapshots/{sha256}/rows.parquet``.

    Raises
    ------
    StorageError
        When a column holds values of mixed types, or other bytes are stored under the key.
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
    read_verified(store, key, sha256)  # an object that exists is kept, and may be another
    return Reference(key=key, sha256=sha256, rows=len(frame))


def read_frame(ref: Reference, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read the rows of a reference; their hash is checked before they are parsed.

    Parameters
    ----------
    ref : Reference
    columns : sequence of str, optional
        Only these, in this order.

    Raises
    ------
    StorageError
        When the object is absent, has another hash, or is no Parquet.
    """
    data = read_verified(open_store(), ref.key, ref.sha256)
    try:
        return pq.read_table(io.BytesIO(data), columns=None if columns is None else list(columns)).to_pandas()
    except pa.ArrowException as error:
        raise StorageError(f"{ref.key} is not readable as Parquet: {error}") from None


def read_verified(store: Store, key: str, sha256: str) -> bytes:
    """Read the bytes of an object and check their hash.

    Raises
    ------
    StorageError
        When the object is absent or has another hash.
    """
    path = store.local(key)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StorageError(f"{store.uri(key)} can't be read from {path}: {error.strerror or error}") from None
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise StorageError(
            f"{store.uri(key)} is not what was stored: expected SHA-256 {sha256}, found {found} in {path}. It was "
            "changed or damaged, or its key was used before for other rows. Restore it or write it under a key of its "
            "own; if that file is a copy in the cache, delete the copy first."
        )
    return data
