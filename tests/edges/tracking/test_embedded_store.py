"""The embedded store's database: made whole or not at all, and its addresses follow a home that was moved."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time

import pytest

from evenhand.errors import StorageError
from tasks.scoring.score_file import ScoreRequest
from tasks.scoring.score_file import score as score_task
from tasks.settings import ROOT, settings
from tasks.tracking.client import connect
from tasks.tracking.embedded_store import prepare_database
from tests.edges.tiny_registry import log, registry, rows

__all__ = ["registry"]
MAKE = "from tasks.tracking.client import connect; connect().search_experiments(); print('made')"


def start(home):
    environment = {**os.environ, "EVENHAND_HOME": str(home)}
    command = [sys.executable, "-c", MAKE]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_first_start_that_is_killed_leaves_nothing_that_stops_the_next(tmp_path):
    killed = start(tmp_path)
    while killed.poll() is None and not list(tmp_path.glob(".new-mlflow-*.db")):
        time.sleep(0.02)
    time.sleep(0.3)  # while the tables are made
    killed.kill()
    killed.wait()
    assert not (tmp_path / "mlflow.db").exists()
    out, err = start(tmp_path).communicate(timeout=120)
    assert out.strip() == "made", err
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]


def test_two_first_starts_at_once_share_one_database(tmp_path):
    both = [start(tmp_path) for _ in range(2)]
    outputs = [process.communicate(timeout=120) for process in both]
    assert [out.strip() for out, _ in outputs] == ["made", "made"], outputs
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        assert database.execute("select count(*) from experiments").fetchone() == (1,)


def test_a_home_that_can_not_be_written_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "file" / "home"))
    settings.cache_clear()
    with pytest.raises(StorageError, match="can't be made: Not a directory"):
        connect()


def test_models_of_a_moved_home_are_found(registry, tmp_path, monkeypatch):
    champion = registry.champion(logged=log(["clear"]))
    moved = tmp_path / "elsewhere" / "var"
    moved.parent.mkdir()
    shutil.move(settings().home, moved)
    monkeypatch.setenv("EVENHAND_HOME", str(moved))
    settings.cache_clear()
    prepare_database.cache_clear()
    (tmp_path / "new.csv").write_text(rows(5).to_csv(index=False))
    scored = score_task.fn(ScoreRequest(problem="tiny", data=str(tmp_path / "new.csv"), out=str(tmp_path / "o.csv")))
    assert scored.version == champion.version


def test_addresses_elsewhere_are_left_alone(registry, tmp_path):
    elsewhere = (tmp_path / "gone" / "files").as_uri()
    made = registry.client.create_experiment("own", artifact_location=elsewhere)
    prepare_database.cache_clear()
    connect()
    assert registry.client.get_experiment(made).artifact_location == elsewhere
