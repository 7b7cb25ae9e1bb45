"""What a reviewer signs: one decision as text, and its SSH signature.

The text is JSON with one field a line, so that a person can read it before signing. The signature is the one that
``ssh-keygen -Y sign -n evenhand`` makes (OpenSSH, PROTOCOL.sshsig), as for signed commits of git.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evenhand.errors import GateError
from evenhand.problem.signing_keys import NAMESPACE, parse_key

SIGNATURE_BEGIN = "-----BEGIN SSH SIGNATURE-----"


class Statement(BaseModel):
    """A decision of one reviewer, bound to everything that was decided about."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    decision: Literal["approve", "reject", "roll back"]
    model: str = Field(description="name of the registered model")
    version: str = Field(description="the version decided about; of a rollback the restored one, empty for none")
    model_sha256: str = Field(description="digest of the version's files")
    verdict_sha256: str = Field(description="digest of the verdict; empty for a rollback")
    policy_sha256: str = Field(description="digest of the gate and review rules")
    record: str = Field(description="hash of the request, or of the promotion that a rollback undoes")
    reviewer: str
    comment: str
    acknowledged: tuple[str, ...] = Field(default=(), description="undecided conditions that the reviewer accepts")
    at: str = Field(description="when it was signed, UTC (ISO 8601)")

    def text(self) -> str:
        """Return the text that is signed, with escapes for what a form hides or takes for the end of a line."""
        text = json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
        return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def parse_statement(text: str) -> Statement:
    """Read a statement back from its text.

    Raises
    ------
    GateError
    """
    try:
        return Statement.model_validate_json(text)
    except ValidationError as error:
        raise GateError(
            f"the signed text is no decision ({error.errors()[0]['msg']}): paste the whole output of `make review "
            "ARGS='... --sign'`"
        ) from None


def split_signed(pasted: str) -> tuple[str, str]:
    """Split what ``--sign`` printed into text and signature, whatever line ends and spaces a form has put around them.

    Raises
    ------
    GateError
        When there is no signature in it.
    """
    lines = "\n".join(line.rstrip() for line in pasted.lstrip("\ufeff").strip().split("\n"))
    text, begin, signature = lines.partition(SIGNATURE_BEGIN)
    if not begin:
        raise GateError(
            f"there is no signature in the signed decision: it needs the lines from {SIGNATURE_BEGIN} on as well"
        )
    return text.strip() + "\n", begin + signature.rstrip() + "\n"


def check_signature(text: str, signature: str, key: str, accepted_at: str) -> None:
    """Check that a text was signed with a reviewer's key, while the key was valid.

    Parameters
    ----------
    text, signature : str
    key : str
        As declared; see :func:`evenhand.problem.signing_keys.parse_key`.
    accepted_at : str
        When the decision was recorded (ISO 8601).

    Raises
    ------
    GateError
    """
    declared, signer = parse_key(key), _signer(text, signature)
    if signer != declared.line:
        raise GateError("the signature was made with another key than the declared one")
    if not declared.valid_at(datetime.fromisoformat(accepted_at)):
        raise GateError(f"the key was not valid on {accepted_at} (valid-after, valid-before)")


@cache
def _signer(text: str, signature: str) -> str:
    """Return the public key that has signed a text; cached, as a ledger is read often."""
    from sshsig import InvalidSignature
    from sshsig import check_signature as verified_key

    try:
        return str(verified_key(text, signature, NAMESPACE).openssh_str())
    except (InvalidSignature, NotImplementedError, ValueError, EOFError, OSError) as error:
        raise GateError(f"the signature is not valid: {str(error) or type(error).__name__}") from None
