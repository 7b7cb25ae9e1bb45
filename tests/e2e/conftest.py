"""The small problem as files."""

import fcntl
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from small import small_problem, small_rows

from tasks.settings import ROOT, settings


def write_problem(folder: Path, frame=None, **changes) -> Path:
    """Write the small problem and its data into a folder; returns the YAML's path."""
    data = folder / "small.csv"
    (small_rows() if frame is None else frame).to_csv(data, index=False)
    problem = small_problem(**{"source": {"kind": "csv", "path": str(data)}, **changes})
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(problem, sort_keys=False), encoding="utf-8")
    return path


def train(*arguments, timeout=300, **environment):
    """Run the training command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "flows.train", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.fixture
def small(tmp_path):
    """Return a function that writes the problem and its data and gives the path of the YAML."""
    return lambda frame=None, **changes: write_problem(tmp_path, frame, **changes)


@dataclass(frozen=True)
class Finished:
    """A training that is done: what it was told, where it worked, and what it printed."""

    problem: Path
    environment: dict[str, str]
    stdout: str
    stderr: str


@pytest.fixture(scope="session")
def one_training(tmp_path_factory, worker_id):
    """Train the small problem once, whichever process of the tests asks first, for all that only look at the result."""
    shared = tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent
    folder = shared / "one_training"
    folder.mkdir(exist_ok=True)
    environment = {"EVENHAND_HOME": str(folder / "var"), "EVENHAND_RUNS": str(folder / "runs")}
    environment["PREFECT_HOME"] = str(folder / "var" / "prefect")
    said = folder / "said.json"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            done = train("--problem", write_problem(folder), **environment)
            assert done.returncode == 0, done.stderr + done.stdout
            said.write_text(json.dumps([done.stdout, done.stderr]), encoding="utf-8")
    return Finished(folder / "small.yaml", environment, *json.loads(said.read_text(encoding="utf-8")))


@pytest.fixture
def finished(one_training, home, monkeypatch):
    """The finished training, with this process's settings pointing at its stores."""
    for name, value in one_training.environment.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    return one_training
