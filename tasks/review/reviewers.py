"""Who somebody is: the accounts of who trains, and how a declared reviewer proves to be the one they say."""

from __future__ import annotations

import hashlib
import hmac
import os

from evenhand.audit.review_state import find_reviewer
from evenhand.errors import GateError
from evenhand.problem import Reviewer, ReviewPolicy
from tasks.registry.accounts import tracking_user

SHORTEST_KEY = 32  # a shorter one could be found from its fingerprint


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


def prove(policy: ReviewPolicy, reviewer: str, digest: str, signature: str | None) -> dict[str, str]:
    """Make sure that a decision is the reviewer's.

    Parameters
    ----------
    policy : ReviewPolicy
    reviewer : str
    digest : str
        Of the decision.
    signature : str, optional
        Made elsewhere; None makes it here, or asks the tracking server who we are.

    Returns
    -------
    dict of str to str
        What the ledger keeps of the proof.

    Raises
    ------
    GateError
        When it can't be proved.
    """
    if policy.reviewers and _declared(policy, reviewer).key is None:
        return {"signature": "", "tracking_user": _as_user(_declared(policy, reviewer), signature)}
    signed = signature if signature is not None else sign(policy, reviewer, digest)
    check_signature(policy, reviewer, digest, signed)
    return {"signature": signed}


def has_account(policy: ReviewPolicy, reviewer: str) -> bool:
    """Tell whether it is the tracking server that says who a reviewer is."""
    known = find_reviewer(policy, reviewer)
    return known is not None and known.key is None


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


def _as_user(reviewer: Reviewer, signature: str | None) -> str:
    if signature is not None:  # of a form or from elsewhere: who we are says nothing about who gave it
        raise GateError(_only_as_user(reviewer))
    found = tracking_user()
    if found != reviewer.user:
        raise GateError(f"{reviewer.name} is user {reviewer.user} of the tracking server, which knows us as {found}")
    return found


def _only_as_user(reviewer: Reviewer) -> str:
    return (
        f"{reviewer.name} has no key and needs no code: they decide at a terminal, as user {reviewer.user} of the "
        "tracking server"
    )


def _key(reviewer: Reviewer) -> bytes:
    if reviewer.key is None or reviewer.fingerprint is None:
        raise GateError(_only_as_user(reviewer))
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
