"""A kept fit as bytes: a line of digests, a line of JSON, and the bytes of an array or a model. Nothing is a pickle."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from tasks.training.kept.stamp import has_stamp, stamp_of

_MAGIC = b"evenhand-kept-1"


class Damaged(ValueError):
    """The bytes are not those that were kept."""


@dataclass(frozen=True)
class KeptFile:
    """What a fit has left.

    Attributes
    ----------
    key : str
        Of the fit; the file is worth nothing under another one.
    record : dict
        Plain data.
    payload : bytes
        An array in NumPy's format or a model in that of skops; empty for a fit that was skipped.
    own : bool
        Whether this home has kept it.
    """

    key: str
    record: dict[str, Any]
    payload: bytes
    own: bool = True


def to_bytes(kept: KeptFile, secret: bytes) -> bytes:
    """Write it, stamped with the home's secret."""
    header = json.dumps({"key": kept.key, "record": kept.record}, sort_keys=True).encode()
    body = header + b"\n" + kept.payload
    digest = hashlib.sha256(body).hexdigest()
    return b" ".join([_MAGIC, digest.encode(), stamp_of(secret, digest).encode()]) + b"\n" + body


def from_bytes(data: bytes, key: str, secret: bytes) -> KeptFile:
    """Read it again.

    Raises
    ------
    Damaged
        When it is truncated, was changed, or is that of another key.
    """
    line, _, body = data.partition(b"\n")
    magic, _, digests = line.partition(b" ")
    digest, _, stamp = digests.decode("ascii", "replace").partition(" ")
    if magic != _MAGIC or hashlib.sha256(body).hexdigest() != digest:
        raise Damaged("damaged or incomplete")
    header, _, payload = body.partition(b"\n")
    try:
        content = json.loads(header)
        found, record = content["key"], dict(content["record"])
    except (ValueError, TypeError, KeyError) as error:
        raise Damaged(f"not a record: {error!r}") from None
    if found != key:
        raise Damaged("kept under another key")
    return KeptFile(key, record, payload, has_stamp(secret, digest, stamp))
