"""Prefect's embedded server: when it is started, and what a user reads when it does not start."""

import os
import subprocess
import sys

import pytest

from evenhand.errors import EvenhandError
from tasks.local import embedded_server, prefect_server
from tasks.local.embedded_server import EmbeddedServer
from tasks.local.prefect_server import server_address, started_server


@pytest.fixture(autouse=True)
def empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.setenv("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    monkeypatch.setenv("PREFECT_API_URL", "")
    monkeypatch.delenv("PREFECT_API_URL")
    monkeypatch.delenv("PREFECT_PROFILES_PATH", raising=False)


def test_a_server_that_is_named_is_taken(monkeypatch):
    assert server_address() is None
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    assert server_address() == "http://127.0.0.1:9/api"
    with started_server() as server:
        assert server is None


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("prefect/profiles.toml", 'active = "work"\n[profiles.work]\nPREFECT_API_URL = "http://127.0.0.1:9/api"\n'),
        ("prefect.toml", '[api]\nurl = "http://127.0.0.1:9/api"\n'),
        (".env", "PREFECT_API_URL=http://127.0.0.1:9/api\n"),
    ],
)
def test_a_server_that_a_file_names_is_taken(tmp_path, file, text):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    code = "from tasks.local.prefect_server import server_address; print(server_address())"
    env = {**os.environ, "PYTHONPATH": str(prefect_server.__file__).split("/tasks/")[0]}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "http://127.0.0.1:9/api"


def test_a_server_that_ends_is_one_sentence_with_its_last_line(tmp_path, monkeypatch):
    monkeypatch.delenv("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL")
    dead = [sys.executable, "-c", "print('first'); raise SystemExit('no such table: flow\\x1b[2J')"]
    real = subprocess.Popen
    monkeypatch.setattr(embedded_server.subprocess, "Popen", lambda command, **how: real(dead, **how))
    server = EmbeddedServer(tmp_path)
    assert os.environ["PREFECT_API_URL"] == server.address
    with pytest.raises(EvenhandError, match=r"not start on .*exit code 1\. Its last line: no such table: flow\\x1b"):
        server.wait()
    server.end()


def test_what_a_command_leaves_behind_is_one_mark_until_its_server_answers(tmp_path, monkeypatch):
    monkeypatch.setattr(prefect_server, "EmbeddedServer", lambda home: None)
    with started_server() as server:
        assert server is not None
        assert (tmp_path / "prefect" / prefect_server.MARK).read_text() == str(os.getpid())
        assert len(list((tmp_path / "prefect" / "commands").glob("*.json"))) == 1
    assert list((tmp_path / "prefect" / "commands").glob("*.json")) == []
