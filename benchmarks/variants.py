"""Problems cut to the size of a benchmark, and metered runs of the training command in a home of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from benchmarks.meter import Metered, metered
from evenhand.problem import Problem
from tasks.data.ingest import ingest
from tasks.data.problems import load_problem
from tasks.settings import ROOT, settings
from tasks.storage.store import read_frame

SEED = 42
# Of the lines that a training prints: its fits begin after the first, and all its scores are known at the second.
BEFORE_GRID, AFTER_GRID = "] fit ", "] look for leaks"
# Servers and stores of the user, which a benchmark does not use.
USERS = ("MLFLOW_TRACKING_URI", "PREFECT_API_URL", "EVENHAND_STORE", "EVENHAND_S3_ENDPOINT")


@dataclass(frozen=True)
class Trained:
    """A metered training."""

    metered: Metered
    summary: dict[str, Any]

    @property
    def grid_cpu(self) -> float:
        """CPU seconds of what the plain script does, too: fits out of fold and on all rows, and their scores."""
        begun, _ = self.metered.until(BEFORE_GRID)
        ended, _ = self.metered.until(AFTER_GRID)
        return ended - begun

    @property
    def grid_wall(self) -> float:
        """Wall seconds of the same."""
        return self.metered.until(AFTER_GRID)[1] - self.metered.until(BEFORE_GRID)[1]


def sampled_rows(problem: Problem, rows: int | None, folder: Path) -> Path:
    """Write a problem's rows, or a stratified sample of ``rows`` of them, as a Parquet file."""
    frame = read_frame(ingest.fn(problem))
    if rows is not None and rows < len(frame):
        generator = np.random.default_rng(SEED)
        order = frame.assign(order=generator.random(len(frame))).sort_values("order").index
        ranked = frame.loc[order].groupby(problem.target.column, sort=False).cumcount()
        sizes = frame[problem.target.column].map(frame[problem.target.column].value_counts())
        frame = frame[(ranked.sort_index() < np.ceil(sizes * rows / len(frame)))]
    path = folder / f"{problem.name}-{len(frame)}.parquet"
    frame.to_parquet(path, index=False)
    return path


def variant(name: str, folder: Path, file: str, **changes: Any) -> Path:
    """Write a problem with some of its keys changed; a key that is None is left out."""
    raw = yaml.safe_load((settings().problems / f"{name}.yaml").read_text(encoding="utf-8"))
    raw = {key: value for key, value in {**raw, **changes}.items() if value is not None}
    path = folder / f"{file}.yaml"
    path.write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
    load_problem(str(path))  # a wrong key is an error before anything is measured
    return path


@contextmanager
def own_home(folder: Path) -> Iterator[None]:
    """Work in a home below ``folder`` with nothing but downloads in it, and never in the user's stores or registry."""
    home = folder / "home"
    home.mkdir()
    settings().cache.mkdir(parents=True, exist_ok=True)
    (home / "cache").symlink_to(settings().cache.resolve(), target_is_directory=True)
    stores = _stores(home, folder / "runs")
    before = {name: os.environ.get(name) for name in (*stores, *USERS)}
    os.environ.update(stores)
    for name in USERS:
        os.environ.pop(name, None)
    settings.cache_clear()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        settings.cache_clear()


def _stores(home: Path, runs: Path) -> dict[str, str]:
    return {"EVENHAND_HOME": str(home), "EVENHAND_RUNS": str(runs), "PREFECT_HOME": str(home / "prefect")}


def train(problem: Path, folder: Path, *arguments: str) -> Trained:
    """Run the training command in a home with nothing but downloads and Prefect's database.

    Making that database takes the first command on a machine eight seconds, which are not measured.
    """
    home = folder / f"home-{problem.stem}"
    home.mkdir()
    (home / "cache").symlink_to(settings().cache.resolve(), target_is_directory=True)
    command = [sys.executable, "-m", "flows.train", "--problem", str(problem), "--seed", str(SEED), *arguments]
    environment = {**os.environ, **_stores(home, folder / f"runs-{problem.stem}")}
    upgrade = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
    subprocess.run(upgrade, env=environment, check=True, capture_output=True)
    found = metered(command, folder / f"{problem.stem}.log", environment, ROOT)
    summary = json.loads(Path(found.output[-1][0]).read_text(encoding="utf-8"))
    return Trained(found, summary)


def in_memory(path: Path) -> int:
    """Return the bytes of a snapshot as a frame."""
    return int(pd.read_parquet(path).memory_usage(deep=True).sum())
