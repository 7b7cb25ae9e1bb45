"""The small problem as files."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from evenhand.report.summary import Summary
from tasks.settings import ROOT, settings
from tests.e2e.small import small_problem, small_rows

SEED = 7


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
def small(tmp_path, stores):
    """Return a function that writes the problem and its data and gives the path of the YAML."""
    return lambda frame=None, **changes: write_problem(tmp_path, frame, **changes)


def stores_in(folder):
    """Return the settings for the stores of a training in a folder."""
    folders = {"EVENHAND_HOME": "var", "EVENHAND_RUNS": "runs", "PREFECT_HOME": "var/prefect"}
    return {name: str(folder / path) for name, path in folders.items()}


@dataclass(frozen=True)
class Finished:
    """A finished training: its problem, its stores, and its output."""

    problem: Path
    environment: dict[str, str]
    stdout: str
    stderr: str

    def summary(self):
        """Read the summary that its last line names."""
        return Summary.model_validate_json(Path(self.stdout.splitlines()[-1]).read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def one_training(once):
    """Train the small problem once, in an empty home, for all tests that only read the result."""

    def make(folder):
        done = train("--problem", write_problem(folder), "--seed", SEED, **stores_in(folder))
        assert done.returncode == 0, done.stderr + done.stdout
        (folder / "output.json").write_text(json.dumps([done.stdout, done.stderr]), encoding="utf-8")

    folder = once("one_training", make)
    output = json.loads((folder / "output.json").read_text(encoding="utf-8"))
    return Finished(folder / "small.yaml", stores_in(folder), *output)


def point_to(stores, monkeypatch):
    """Set the settings of this process to stores."""
    for name, value in stores.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()


@pytest.fixture
def finished(one_training, home, monkeypatch):
    """The finished training, with this process's settings pointing at its stores."""
    point_to(one_training.environment, monkeypatch)
    return one_training


@pytest.fixture
def trained_before(finished, tmp_path, monkeypatch):
    """The finished training, with settings that point at a copy of its stores for another training."""
    stores = stores_in(tmp_path)
    shutil.copytree(finished.environment["EVENHAND_HOME"], stores["EVENHAND_HOME"], symlinks=True)
    point_to(stores, monkeypatch)
    return finished
