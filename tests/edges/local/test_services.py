"""A dead service is one sentence within seconds, at the start of every command."""

import http.server
import socket
import subprocess
import sys
import threading
import time

import pytest
from sqlalchemy.exc import OperationalError

from evenhand.errors import EvenhandError
from tasks.local.command_line import environment_fault
from tasks.local.services import check_services
from tasks.settings import ROOT, settings
from tests.edges.servers import free_ports


@pytest.fixture
def dead():
    (port,) = free_ports(1)
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def silent():
    """An address that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def answering():
    """Return a function that starts a server which answers with a status."""
    servers = []

    def start(status):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_):
                pass

        servers.append(http.server.HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def use(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    settings.cache_clear()


@pytest.mark.parametrize("address", ["dead", "silent"])
def test_a_tracking_server_that_does_not_answer(request, monkeypatch, address):
    url = request.getfixturevalue(address)
    use(monkeypatch, "MLFLOW_TRACKING_URI", url)
    begun = time.monotonic()
    with pytest.raises(
        EvenhandError, match=r"MLflow at .* \(MLFLOW_TRACKING_URI\) can't be used: .*unset it|unset MLFLOW"
    ):
        check_services(("MLflow",))
    assert time.monotonic() - begun < 5


def test_every_dead_service_is_named_at_once(dead, monkeypatch):
    use(monkeypatch, "MLFLOW_TRACKING_URI", dead)
    use(monkeypatch, "EVENHAND_STORE", "s3://bucket/prefix")
    use(monkeypatch, "EVENHAND_S3_ENDPOINT", dead)
    with pytest.raises(EvenhandError) as failure:
        check_services(("MLflow", "store", "Prefect"))
    assert "MLFLOW_TRACKING_URI" in str(failure.value)
    assert "EVENHAND_S3_ENDPOINT" in str(failure.value)
    assert "PREFECT" not in str(failure.value)


@pytest.mark.parametrize(("status", "usable"), [(200, True), (401, True), (404, True), (502, False), (503, False)])
def test_an_answer_counts_unless_a_proxy_says_that_nobody_is_there(answering, monkeypatch, status, usable):
    use(monkeypatch, "MLFLOW_TRACKING_URI", answering(status))
    if usable:
        check_services(("MLflow",))
        return
    with pytest.raises(EvenhandError, match=f"status {status}"):
        check_services(("MLflow",))


def test_a_database_without_its_driver_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    use(monkeypatch, "MLFLOW_TRACKING_URI", "postgresql://me:secret@127.0.0.1:1/db")
    with pytest.raises(EvenhandError, match=r"driver psycopg2 is not installed .*evenhand\[postgresql\]") as failure:
        check_services(("MLflow",))
    assert "secret" not in str(failure.value)


def test_a_command_ends_with_one_sentence_and_no_traceback(dead, monkeypatch):
    use(monkeypatch, "MLFLOW_TRACKING_URI", dead)
    done = subprocess.run([sys.executable, "-m", "flows.ledger"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert f"MLflow at {dead}" in done.stderr


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(28, "No space left on device", "/tmp/x"), "No space left on device at /tmp/x"),
        (OperationalError("select 1", {}, Exception("attempt to write a readonly database")), "readonly database"),
        (ValueError("a fault of ours"), None),
    ],
)
def test_an_error_of_the_machine_is_none_of_ours(error, text):
    fault = environment_fault(error)
    assert fault is None if text is None else text in fault


def test_the_cause_of_an_error_is_read():
    error = RuntimeError("wrapped")
    error.__cause__ = PermissionError(13, "Permission denied", "/root/x")
    assert "Permission denied at /root/x" in environment_fault(error)
