"""Who somebody is: the accounts of who trains, and the keys by which a declared reviewer signs."""

from __future__ import annotations

import getpass
import hashlib
import hmac
import os
from contextlib import suppress

from evenhand.errors import GateError
from evenhand.history import find_reviewer
from evenhand.problem import Reviewer, ReviewPolicy

SHORTEST_KEY = 32  # a shorter one could be found from its fingerprint


def who_trains() -> str:
    """Name every account that this process can be told by; ``EVENHAND_USER`` adds a name and takes none away."""
    names = {os.environ.get("EVENHAND_USER", "").strip()}
    with suppress(OSError, KeyError, ImportError):
        names.add(getpass.getuser())
    with suppress(KeyError, ImportError):
        import pwd

        names.add(pwd.getpwuid(os.getuid()).pw_name)
    return ", ".join(sorted(names - {""}))


def named(reviewer: str) -> str:
    """Tidy a reviewer's name.

    Raises
    ------
    GateError
        When nothing is left of it.
    """
    name = " ".join(reviewer.split())
    if not name:
        raise GateError("a decision needs the name of its reviewer; the one given is empty")
    return name


def sign(policy: ReviewPolicy, reviewer: str, digest: str) -> str:
    """Sign a digest with the key of a declared reviewer; empty where no reviewers are declared.

    Returns
    -------
    str
        HMAC-SHA256 (RFC 2104), hexadecimal.

    Raises
    ------
    GateError
        When the reviewer is not declared, or the key is missing or another one than the declared.
    """
    if not policy.reviewers:
        return ""
    return hmac.new(_key(_declared(policy, reviewer)), digest.encode(), hashlib.sha256).hexdigest()


def check_signature(policy: ReviewPolicy, reviewer: str, digest: str, signature: str) -> None:
    """Refuse a signature that the reviewer's key does not give.

    Raises
    ------
    GateError
    """
    if not hmac.compare_digest(sign(policy, reviewer, digest).encode(), signature.encode()):
        raise GateError(f"the signature is not the one of {reviewer} on this decision")


def _declared(policy: ReviewPolicy, name: str) -> Reviewer:
    found = find_reviewer(policy, name)
    if found is None:
        allowed = ", ".join(reviewer.name for reviewer in policy.reviewers)
        raise GateError(f"{name} is not among the declared reviewers; allowed: {allowed}")
    return found


def _key(reviewer: Reviewer) -> bytes:
    kind, _, name = reviewer.key.partition(":")
    value = os.environ.get(name, "") if kind == "env" else _from_block(name)
    if not value:
        raise GateError(f"the key of {reviewer.name} is needed, and {reviewer.key} is empty or not there")
    if len(value) < SHORTEST_KEY:
        raise GateError(f"the key of {reviewer.name} has {len(value)} characters; {SHORTEST_KEY} or more are allowed")
    key = value.encode()
    if not hmac.compare_digest(hashlib.sha256(key).hexdigest(), reviewer.fingerprint):
        raise GateError(f"the key in {reviewer.key} is not the one that is declared for {reviewer.name}")
    return key


def _from_block(name: str) -> str:
    from prefect.blocks.system import Secret

    try:
        block = Secret.load(name)
        return str(block.get()) if isinstance(block, Secret) else ""
    except Exception as error:  # noqa: BLE001 - Prefect's errors may quote what they read
        raise GateError(f"block:{name} can't be read from Prefect: {type(error).__name__}") from None
