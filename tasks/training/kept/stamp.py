"""The stamp of a home: it says of a kept fit that a training of this home has fitted it.

A store may be shared, and who writes there is not always who trains here. See docs/threat-model.md.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from evenhand.errors import StorageError

FILE = "kept.key"
_BYTES = 32


def home_secret(home: Path) -> bytes:
    """Return the secret of a home, which is made with its first training and readable by its owner alone.

    Raises
    ------
    StorageError
        When it can't be read or made.
    """
    path = home / FILE
    try:
        with suppress(FileNotFoundError):
            return _checked(path)
        home.mkdir(parents=True, exist_ok=True)
        partial = home / f".{FILE}-{secrets.token_hex(8)}"
        try:
            with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
                file.write(secrets.token_bytes(_BYTES))
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):  # made by another training in the meantime
                path.hardlink_to(partial)
        finally:
            partial.unlink(missing_ok=True)
        return _checked(path)
    except OSError as error:
        raise StorageError(f"{path} can't be used: {error.strerror or error}. Mend its permissions") from None


def _checked(path: Path) -> bytes:
    secret = path.read_bytes()
    if len(secret) != _BYTES:
        raise StorageError(f"{path} is damaged: remove it, and the next training makes another")
    return secret


def stamp_of(secret: bytes, content_digest: str) -> str:
    """Return the stamp of a content, by its SHA-256."""
    return hmac.new(secret, content_digest.encode(), hashlib.sha256).hexdigest()


def has_stamp(secret: bytes, content_digest: str, stamp: str) -> bool:
    """Whether a stamp is this home's, for this content."""
    return hmac.compare_digest(stamp_of(secret, content_digest), stamp)
