"""Prefect's embedded server: when it is started, and what a user reads when it does not start."""

import os
import subprocess
import sys

import pytest

from evenhand.errors import EvenhandError
from tasks.local import prefect_server
from tasks.local.prefect_server import EmbeddedServer, server_address, start_server


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
    assert start_server() is None


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


def test_a_server_that_ends_is_one_sentence_with_its_last_line(monkeypatch):
    monkeypatch.delenv("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL")
    dead = [sys.executable, "-c", "print('first'); raise SystemExit('no such table: flow\\x1b[2J')"]
    real = subprocess.Popen
    started = []
    monkeypatch.setattr(
        prefect_server.subprocess, "Popen", lambda command, **how: started.append(command) or real(dead, **how)
    )
    server = start_server()
    assert isinstance(server, EmbeddedServer)
    assert os.environ["PREFECT_API_URL"] == server.address
    with pytest.raises(
        EvenhandError, match=r"did not start on .*exit code 1\. Its last line: no such table: flow\\x1b"
    ):
        server.wait()
    assert len(started) == prefect_server.STARTS
    assert len({command[command.index("--port") + 1] for command in started}) > 1
