"""API keys: the environment has their SHA-256, and a request is compared with each of them in constant time."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re

from evenhand.errors import EvenhandError

VARIABLE = "EVENHAND_SERVE_KEYS"
_ENTRY = re.compile(r"([A-Za-z0-9._-]{1,64}):([0-9a-f]{64})")
_HOW = (
    f"{VARIABLE} is a list such as alice:<sha256>,bob:<sha256>: the names of callers, each with the SHA-256 of a key "
    "(printf %s KEY | sha256sum)"
)


class Keys:
    """The callers that may ask for predictions; without any, everybody on this machine may.

    Parameters
    ----------
    text : str
        ``name:sha256`` of each key, separated by commas or spaces.

    Raises
    ------
    EvenhandError
        On an entry of another form, or two of one name.
    """

    def __init__(self, text: str) -> None:
        entries = re.split(r"[,\s]+", text.strip()) if text.strip() else []
        found = [_ENTRY.fullmatch(entry) for entry in entries]
        for number, match in enumerate(found, start=1):
            if match is None:  # the entry itself may be a key, which no message shows
                raise EvenhandError(f"entry {number} of {VARIABLE} is not of the form name:sha256. {_HOW}")
        pairs = [(match[1], match[2].encode()) for match in found if match is not None]
        self._digests = dict(pairs)
        if len(self._digests) < len(pairs):
            raise EvenhandError(f"{VARIABLE} names a caller twice. {_HOW}")

    def __bool__(self) -> bool:
        """Whether there is any key."""
        return bool(self._digests)

    def caller(self, headers: dict[bytes, bytes]) -> str | None:
        """Return the name of the caller whose key a request has; None for no key or a wrong one.

        Parameters
        ----------
        headers : dict of bytes to bytes
            Lower-case names. The key is in ``Authorization: Bearer`` or ``X-API-Key``.
        """
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        key = given.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"")
        digest, caller = hashlib.sha256(key).hexdigest().encode(), None
        for name, known in self._digests.items():  # all of them: the time does not depend on which one it is
            if hmac.compare_digest(digest, known):
                caller = name
        return caller


def check_address(host: str, keys: Keys) -> None:
    """Refuse to listen on more than loopback without keys.

    Raises
    ------
    EvenhandError
    """
    if not keys and not is_loopback(host):
        raise EvenhandError(f"HOST={host} is open to other machines, and no API key is set. {_HOW}; or HOST=127.0.0.1")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
