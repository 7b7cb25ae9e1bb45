"""Reviewers with SSH keys, made once per test run."""

import atexit
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from evenhand.problem import parse_problem
from tasks.review.decide import ReviewAnswer, decide_review
from tasks.review.reviewers import Proof
from tests.edges.tiny_registry import MODEL, PROBLEM


@cache
def key_file(name):
    """The private key of a person, without a passphrase."""
    folder = Path(tempfile.mkdtemp(prefix="evenhand-keys-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path], check=True)
    return path


def key(name):
    """The public key of a person, as it stands in a problem file."""
    return key_file(name).with_suffix(".pub").read_text().strip()


def declared(*names):
    return [{"name": name, "key": key(name)} for name in names]


def problem_with(*names, **rules):
    """The tiny problem with reviewers who have keys; nobody is asked whether they trained it."""
    raw = {**PROBLEM.model_dump(mode="json", exclude_unset=True), "four_eyes": False}
    return parse_problem({**raw, "reviewers": declared(*names), **rules}, "tiny.yaml")


def answer(decision, name, signer=None, **more):
    return ReviewAnswer(decision, name, proof=Proof(key=str(key_file(signer or name))), **more)


def approve(registered, name, **more):
    return decide_review(MODEL, registered.version, answer("approve", name, **more))
