"""Identity of reviewers: a declared reviewer signs with a key, or has logged in to the tracking server."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evenhand.audit.requests import SIGNATURE, STATEMENT, TRACKING_USER
from evenhand.audit.statements import Statement, check_signature, parse_statement, split_signed
from evenhand.errors import GateError
from evenhand.problem import Reviewer
from evenhand.problem.signing_keys import NAMESPACE, parse_key
from evenhand.text.person_names import clean_person_name, name_key
from tasks.registry.accounts import tracking_user
from tasks.registry.model_versions import now

KEY_OPTION = "--key ~/.ssh/id_ed25519"


@dataclass(frozen=True)
class Proof:
    """How a person at a terminal or a form proves who they are.

    Attributes
    ----------
    signed : str, optional
        A decision that was signed before, text and signature; the output of ``--sign``.
    key : str, optional
        File of a private key of this machine; None looks in ``~/.ssh`` and asks the SSH agent.
    here : bool
        Whether keys and the login of this machine are the person's own; False in a form.
    """

    signed: str | None = None
    key: str | None = None
    here: bool = True


AT_THIS_MACHINE = Proof()


def clean_name(reviewer: str) -> str:
    """Return a reviewer's name in one form.

    Raises
    ------
    GateError
        When the name is empty, can't be seen as it is, or imitates letters of another script.
    """
    try:
        return clean_person_name(reviewer)
    except ValueError as fault:
        raise GateError(f"a decision needs the name of its reviewer: {fault}") from None


def find_declared(reviewers: Sequence[Reviewer], name: str) -> Reviewer | None:
    """Find a declared reviewer; None when no reviewers are declared.

    Raises
    ------
    GateError
        When the name is not among them.
    """
    if not reviewers:
        return None
    found = next((reviewer for reviewer in reviewers if name_key(reviewer.name) == name_key(name)), None)
    if found is None:
        allowed = ", ".join(reviewer.name for reviewer in reviewers)
        raise GateError(f"{name} is not among the declared reviewers; allowed: {allowed}")
    return found


def prove(reviewer: Reviewer | None, statement: Statement, proof: Proof) -> tuple[Statement, dict[str, str]]:
    """Prove that a decision comes from its reviewer.

    Parameters
    ----------
    reviewer : Reviewer or None
        As declared; None when no reviewers are declared.
    statement : Statement
        What is decided.
    proof : Proof

    Returns
    -------
    statement : Statement
        As it was signed.
    facts : dict of str to str
        The proof, for the ledger's record.

    Raises
    ------
    GateError
        When the reviewer can't be identified, or has signed another decision.
    """
    acknowledged = {"acknowledged": json.dumps(statement.acknowledged)} if statement.acknowledged else {}
    if reviewer is None:
        return statement, acknowledged
    if reviewer.key is None:
        return statement, {TRACKING_USER: _check_user(reviewer, proof), **acknowledged}
    if proof.signed is None and not proof.here:
        raise GateError(f"{reviewer.name} has declared a key: paste the signed decision, the output of --sign")
    pasted = proof.signed if proof.signed is not None else sign(statement, reviewer.key, proof.key)
    text, signature = split_signed(pasted)
    try:
        check_signature(text, signature, reviewer.key, now())
    except GateError as fault:
        raise GateError(f"the decision is not signed by {reviewer.name}: {fault}") from None
    signed = parse_statement(text)
    own = {name: getattr(signed, name) for name in ("comment", "acknowledged", "at")}
    if signed != statement.model_copy(update=own):
        raise GateError(f"what {reviewer.name} signed is another decision: {_difference(signed, statement)}")
    acknowledged = {"acknowledged": json.dumps(signed.acknowledged)} if signed.acknowledged else {}
    return signed, {STATEMENT: text, SIGNATURE: signature, **acknowledged}


def read_signed(path: str | None) -> str | None:
    """Read the file that ``--signed`` names; None for none.

    Raises
    ------
    GateError
        When it can't be read.
    """
    if path is None:
        return None
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise GateError(f"--signed: {path} can't be read: {error}; it is a file with what --sign printed") from None


def sign(statement: Statement, declared_key: str, key_file: str | None = None) -> str:
    """Sign a statement with a private key of this machine or of its SSH agent; return text and signature.

    Raises
    ------
    GateError
        When the private key is not here, or ``ssh-keygen`` refuses.
    """
    text, public = statement.text(), parse_key(declared_key).line
    with tempfile.TemporaryDirectory() as folder:
        agent_key = Path(folder, "key.pub")  # with a public key, ssh-keygen asks the agent for the private one
        agent_key.write_text(f"{public}\n", encoding="utf-8")
        path = Path(key_file).expanduser() if key_file else _find_private(public) or agent_key
        origin = "the SSH agent" if path == agent_key else str(path)
        if not path.is_file():
            raise GateError(f"there is no key {path}; name the private key of the declared one: {KEY_OPTION}")
        command = ["ssh-keygen", "-Y", "sign", "-n", NAMESPACE, "-f", str(path)]
        try:
            done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
        except OSError as error:
            raise GateError(f"ssh-keygen can't be run ({error.strerror}); install OpenSSH to sign a decision") from None
    if done.returncode:
        reason = " ".join(done.stderr.decode(errors="replace").split())
        raise GateError(f"{origin} can't sign the decision: {reason}; name the private key: {KEY_OPTION}")
    return text + done.stdout.decode()


def _find_private(public: str) -> Path | None:
    """Find the private key in ``~/.ssh`` that belongs to a public one."""
    for path in sorted(Path("~/.ssh").expanduser().glob("*.pub")):
        try:
            same = parse_key(path.read_text(encoding="utf-8")).line == public
        except (OSError, UnicodeDecodeError, ValueError):
            continue
        if same and path.with_suffix("").is_file():
            return path.with_suffix("")
    return None


def _difference(signed: Statement, expected: Statement) -> str:
    names = [name for name in type(signed).model_fields if getattr(signed, name) != getattr(expected, name)]
    return ", ".join(
        f"{name} {getattr(signed, name)!r} instead of {getattr(expected, name)!r}"
        for name in names
        if name not in ("comment", "acknowledged", "at")
    )


def _check_user(reviewer: Reviewer, proof: Proof) -> str:
    if not proof.here or proof.signed is not None:  # our own login does not identify who filled in a form
        raise GateError(
            f"{reviewer.name} is declared without a key, so nothing signed is accepted: decide at a terminal, "
            f"logged in to the tracking server as {reviewer.user}"
        )
    found = tracking_user()
    if found != reviewer.user:
        raise GateError(
            f"{reviewer.name} is user {reviewer.user} of the tracking server, and the login is that of {found}"
        )
    return found
