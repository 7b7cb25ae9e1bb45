"""The same attacks on PostgreSQL, and through a tracking server."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from tasks.settings import ROOT
from tests.edges.review.test_promotion import postgres
from tests.edges.servers import answers, executable, free_ports, serve

OWN = Path(__file__).parent


@contextmanager
def tracking_server(folder):
    """A server that leaves files to its clients, so that a test can change them."""
    (port,) = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    command = [executable("mlflow"), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--no-serve-artifacts"]
    command += ["--default-artifact-root", (folder / "artifacts").as_uri()]
    with serve(command, lambda: answers(f"{address}/health"), folder / "log", timeout=600):
        yield address


def attack(store):
    """Run the tests of this folder on a store; they use it one after the other."""
    tests = [str(path) for path in sorted(OWN.glob("test_*.py")) if path != Path(__file__)]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "EVENHAND_TEST_STORE": store}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=3_000, check=False
    )
    assert done.returncode == 0, done.stdout[-4_000:]


@pytest.mark.soak
def test_attacks_on_postgresql():
    pytest.importorskip("psycopg2")
    with postgres() as uri:
        attack(uri)


@pytest.mark.soak
def test_attacks_through_a_server(tmp_path):
    with tracking_server(tmp_path) as address:
        attack(address)
