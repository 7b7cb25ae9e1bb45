"""Identity of reviewers: a declared reviewer is identified by a key, or by the login to the tracking server."""

from __future__ import annotations

import hashlib
import hmac
import os

from evenhand.audit.review_state import find_reviewer
from evenhand.errors import GateError
from evenhand.problem import Reviewer, ReviewPolicy
from tasks.registry.accounts import tracking_user

MIN_KEY_LENGTH = 32  # characters; a shorter key could be guessed from its fingerprint


def clean_name(reviewer: str) -> str:
    """Remove superfluous spaces from a reviewer's name.

    Raises
    ------
    GateError
        When the name is empty.
    """
    name = " ".join(reviewer.split())
    if not name:
        raise GateError("a decision needs the name of its reviewer; the given name is empty")
    return name


def prove_identity(policy: ReviewPolicy, reviewer: str, digest: str, signature: str | None) -> dict[str, str]:
    """Check that a decision comes from the reviewer.

    Parameters
    ----------
    policy : ReviewPolicy
    reviewer : str
    digest : str
        Of the decision.
    signature : str, optional
        Made elsewhere. None signs here, or asks the tracking server for the authenticated user.

    Returns
    -------
    dict of str to str
        The proof, for the facts of the ledger's record.

    Raises
    ------
    GateError
        When the reviewer can't be identified.
    """
    if policy.reviewers and _declared(policy, reviewer).key is None:
        return {"signature": "", "tracking_user": _check_user(_declared(policy, reviewer), signature)}
    signed = signature if signature is not None else sign(policy, reviewer, digest)
    check_signature(policy, reviewer, digest, signed)
    return {"signature": signed}


def has_server_account(policy: ReviewPolicy, reviewer: str) -> bool:
    """Whether a reviewer is identified by the tracking server."""
    declared = find_reviewer(policy, reviewer)
    return declared is not None and declared.key is None


def sign(policy: ReviewPolicy, reviewer: str, digest: str) -> str:
    """Sign a digest with the key of a declared reviewer; empty when no reviewers are declared.

    Returns
    -------
    str
        HMAC-SHA256 (RFC 2104), hexadecimal.

    Raises
    ------
    GateError
        When the reviewer is not declared, or the key is missing or differs from the declared one.
    """
    if not policy.reviewers:
        return ""
    return hmac.new(_key(_declared(policy, reviewer)), digest.encode(), hashlib.sha256).hexdigest()


def check_signature(policy: ReviewPolicy, reviewer: str, digest: str, signature: str) -> None:
    """Check a signature with the reviewer's key.

    Raises
    ------
    GateError
        When the signature is not the reviewer's signature of this digest.
    """
    if not hmac.compare_digest(sign(policy, reviewer, digest).encode(), signature.encode()):
        raise GateError(f"the signature is not that of {reviewer} on this decision")


def _declared(policy: ReviewPolicy, name: str) -> Reviewer:
    found = find_reviewer(policy, name)
    if found is None:
        allowed = ", ".join(reviewer.name for reviewer in policy.reviewers)
        raise GateError(f"{name} is not among the declared reviewers; allowed: {allowed}")
    return found


def _check_user(reviewer: Reviewer, signature: str | None) -> str:
    if signature is not None:  # from a form or another machine: our own login does not identify its author
        raise GateError(_login_required(reviewer))
    found = tracking_user()
    if found != reviewer.user:
        raise GateError(
            f"{reviewer.name} is user {reviewer.user} of the tracking server, and the login is that of {found}"
        )
    return found


def _login_required(reviewer: Reviewer) -> str:
    return (
        f"{reviewer.name} is declared without a key, so no code is accepted: decide at a terminal, logged in to the "
        f"tracking server as {reviewer.user}"
    )


def _key(reviewer: Reviewer) -> bytes:
    if reviewer.key is None or reviewer.fingerprint is None:
        raise GateError(_login_required(reviewer))
    kind, _, name = reviewer.key.partition(":")
    value = os.environ.get(name, "") if kind == "env" else _read_secret_block(name)
    if not value:
        raise GateError(f"the key of {reviewer.name} is required, and {reviewer.key} is empty or missing")
    if len(value) < MIN_KEY_LENGTH:
        raise GateError(
            f"the key of {reviewer.name} has {len(value)} characters; at least {MIN_KEY_LENGTH} are required"
        )
    key = value.encode()
    if not hmac.compare_digest(hashlib.sha256(key).hexdigest(), reviewer.fingerprint):
        raise GateError(f"the key in {reviewer.key} does not match the declared fingerprint of {reviewer.name}")
    return key


def _read_secret_block(name: str) -> str:
    from prefect.blocks.system import Secret

    try:
        block = Secret.load(name)
        return str(block.get()) if isinstance(block, Secret) else ""
    except Exception as error:  # noqa: BLE001 - errors of Prefect may quote the secret
        raise GateError(f"block:{name} can't be read from Prefect: {type(error).__name__}") from None
