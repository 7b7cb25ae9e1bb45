"""The cost of the standard grid compared with the plain script, in one run."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.meter import Metered, metered
from benchmarks.variants import SEED, Trained, sampled_rows, train, variant
from tasks.data.ingest import ingest
from tasks.data.problems import load_problem
from tasks.data.split import split
from tasks.data.validate import validate
from tasks.settings import ROOT
from tasks.storage.store import open_store

CAP = 20_000
METRICS = ("macro_f1", "average_precision")
HEADER = (
    "variant",
    "grid, CPU s",
    "relative to the script",
    "grid, wall s",
    "whole command, CPU s",
    "peak, MB",
    "worst macro-F1",
    "worst average precision",
    "winner",
)
# The grid of the script and nothing else: base columns, the most probable class.
GRID: dict[str, Any] = {"extra": [], "decisions": ["argmax"], "suite": None}
EXACT: dict[str, Any] = {"kind": "random_forest", "exact": True}
OTHERS = [{"kind": "gradient_boosting"}, {"kind": "lightgbm"}]
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "exact": ("exact forest, no racing", {"models": [EXACT, *OTHERS], "racing": False}),
    "default": ("default forest, no racing", {"racing": False}),
    "racing": ("default forest, racing", {"racing": True}),
}


@dataclass(frozen=True)
class Script:
    """Time and memory of the plain script, and its scores by candidate."""

    metered: Metered
    scores: dict[str, dict[str, dict[str, float]]]

    @property
    def winner(self) -> str:
        """The candidate of the highest out-of-fold macro-F1."""
        return max(self.scores, key=lambda name: self.scores[name]["oof"]["macro_f1"])


def measure_grid(folder: Path, rows: int | None, ways: tuple[str, ...] = tuple(WAYS)) -> Iterator[str]:
    """Run the script, then each variant of the training; yield one line of the table as each is done."""
    problem = load_problem("toronto")
    data = sampled_rows(problem, rows, folder)
    share = 1.0 if rows is None else min(1.0, rows / ingest.fn(problem).rows)
    cut = {"kind": "capped", "cap": round(CAP * share)}
    changes = {
        **GRID,
        "source": {"kind": "parquet", "path": str(data)},
        "strategies": ["none", "class_weight", "random_over", "random_under", "smote", cut],
    }
    paths = {way: variant("toronto", folder, way, **changes, **WAYS[way][1]) for way in ways}
    script = run_script(folder, next(iter(paths.values())), cut["cap"])
    yield f"| {' | '.join(HEADER)} |"
    yield f"|{' --- |' * len(HEADER)}"
    took = script.metered
    yield (
        f"| plain script | {took.cpu:.0f} | 1 | {took.wall:.0f} | {took.cpu:.0f} | {took.peak / 1e6:.0f} | | | "
        f"{script.winner} |"
    )
    for way, path in paths.items():
        yield line(WAYS[way][0], train(path, folder), script)


def run_script(folder: Path, problem_path: Path, cap: int, *options: str) -> Script:
    """Run the plain script on the rows that the project's validation and split leave; ``options`` name its columns."""
    problem = load_problem(str(problem_path))
    parts = split.fn(validate.fn(ingest.fn(problem), problem).good, problem, None, SEED)
    train_rows, held_out = (str(open_store().local(ref.key)) for ref in (parts.train, parts.holdout))
    command = [sys.executable, "-m", "benchmarks.plain_script", "--train", train_rows, "--holdout", held_out]
    command += ["--seed", str(SEED), "--cap", str(cap), *options]
    found = metered(command, folder / "plain_script.log", os.environ, ROOT)
    lines = [json.loads(text) for text, _, _ in found.output if text.startswith("{")]
    return Script(found, {item["candidate"]: item for item in lines})


def line(title: str, trained: Trained, script: Script) -> str:
    """Write the line of one variant: its cost, and its largest loss of score against the script."""
    took, winner = trained.metered, trained.summary["winner"]
    cells = [
        title,
        f"{trained.grid_cpu:.0f}",
        f"{trained.grid_cpu / script.metered.cpu:.2f}",
        f"{trained.grid_wall:.0f}",
        f"{took.cpu:.0f}",
        f"{took.peak / 1e6:.0f}",
        *(worst(trained, script, metric) for metric in METRICS),
        f"{winner['model']} / {winner['strategy']}",
    ]
    return f"| {' | '.join(cells)} |"


def worst(trained: Trained, script: Script, metric: str) -> str:
    """Name the candidate whose out-of-fold score is furthest below the script's, of those with every fold."""
    most = max(candidate["folds_done"] for candidate in trained.summary["candidates"])
    found = {}
    for candidate in trained.summary["candidates"]:
        name = f"{candidate['model']} / {candidate['strategy']}"
        if candidate["oof"] and candidate["folds_done"] == most:
            found[name] = candidate["oof"][metric] - script.scores[name]["oof"][metric]
    name = min(found, key=lambda key: found[key])
    return f"{found[name]:+.4f} ({name})"
