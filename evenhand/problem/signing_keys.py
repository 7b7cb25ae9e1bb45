"""Public keys of reviewers, written as OpenSSH writes them: a key, or an entry of an ``allowed_signers`` file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

NAMESPACE = "evenhand"
ALLOWED = "ssh-ed25519"
_MAKE_ONE = "make one with `ssh-keygen -t ed25519` and write the line of its .pub file"


@dataclass(frozen=True)
class SigningKey:
    """A public Ed25519 key and the time in which it is valid."""

    line: str
    """``ssh-ed25519 AAAA...``, without comment."""
    after: datetime | None = None
    before: datetime | None = None

    def valid_at(self, when: datetime) -> bool:
        """Whether the key may sign at this time."""
        return (self.after is None or self.after <= when) and (self.before is None or when < self.before)


def parse_key(text: str) -> SigningKey:
    """Parse a public key or an entry of an ``allowed_signers`` file (``man ssh-keygen``, ALLOWED SIGNERS).

    Raises
    ------
    ValueError
        When it is neither, is no Ed25519 key, is a certificate authority, or is for other namespaces.

    Examples
    --------
    >>> key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKUGQQRuZqMDQxfUEFAZ6+P1VhJZpJrxcb6GSNLZbW"
    >>> parse_key(f'ann valid-before="20270101Z" {key} ann@laptop').before.year
    2027
    """
    line, options = text.strip(), dict[str, str]()
    if "PRIVATE KEY" in line:
        raise ValueError(f"a private key, which stays with its owner; allowed: the public one ({_MAKE_ONE})")
    if not line.startswith("ssh-") and not line.startswith("sk-"):
        line, options = _signer(line)
    kind = line.split()[0] if line.split() else "nothing"
    if kind != ALLOWED:
        raise ValueError(f"a key of kind {kind}; allowed: {ALLOWED} ({_MAKE_ONE})")
    if "cert-authority" in options:
        raise ValueError("a certificate authority; allowed: the key of one person")
    spaces = options.get("namespaces", NAMESPACE).split(",")
    if NAMESPACE not in spaces:
        raise ValueError(f"a key for the namespaces {', '.join(spaces)}; needed: {NAMESPACE}")
    return SigningKey(_canonical(line), _time(options, "valid-after"), _time(options, "valid-before"))


def _signer(line: str) -> tuple[str, dict[str, str]]:
    from sshsig.allowed_signers import AllowedSigner

    try:
        found = AllowedSigner.parse(line)
    except (ValueError, IndexError) as error:
        reason = f" ({error})" if isinstance(error, ValueError) else ""
        raise ValueError(f"no public key and no entry of an allowed_signers file{reason}; {_MAKE_ONE}") from None
    return f"{found.key_type} {found.base64_key}", {str(k): str(v) for k, v in (found.options or {}).items()}


def _canonical(line: str) -> str:
    from sshsig import PublicKey

    try:
        return str(PublicKey.from_openssh_str(line).openssh_str())
    except (ValueError, NotImplementedError, IndexError, OSError) as error:
        raise ValueError(f"no public key: {str(error) or 'it is cut off or damaged'}; {_MAKE_ONE}") from None


def _time(options: dict[str, str], name: str) -> datetime | None:
    """Read a time of ssh-keygen, ``YYYYMMDD[HHMM[SS]][Z]``; always as UTC, so that it is the same on every machine."""
    text = options.get(name)
    if text is None:
        return None
    digits = text.removesuffix("Z")
    for layout in ("%Y%m%d", "%Y%m%d%H%M", "%Y%m%d%H%M%S"):
        try:
            return datetime.strptime(digits, layout).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise ValueError(f"{name} is {text!r}; allowed: YYYYMMDD or YYYYMMDDHHMMSS, in UTC")
