"""What a small set costs: start, fits and logging apart, beside the plain script; and logging with many classes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from benchmarks.speed_grid import run_script
from benchmarks.variants import SEED, Trained, train
from tasks.data.problems import load_problem

ROWS, CLASSES = 1_000, 5
MANY_ROWS, MANY_CLASSES = 4_000, 120
CATEGORICAL, NUMERIC = ["area", "kind"], ["hour", "age", "x", "y"]
STRATEGIES = ["none", "class_weight", "random_over", "random_under", "smote"]
# Lines that a training prints: the first one, and those at which a part begins or ends.
FIRST, STEPS, FITS, LEAKS, LOG, REGISTER, REVIEW, TABLES = (
    "Train on", "] fetch", "] fit ", "] look for leaks", "] log ", "] register", "] request", "Baseline against",
)  # fmt: skip


def measure_small(folder: Path, rows: int | None) -> Iterator[str]:
    """Train 18 candidates on made-up rows, 1,000 if not given, and run the plain script on the same."""
    cut = max(10, (rows or ROWS) // 10)
    grid = {"strategies": [*STRATEGIES, {"kind": "capped", "cap": cut}]}
    path = made_up(folder, "small", rows or ROWS, CLASSES, **grid)
    columns = ["--target", "crime", "--when", "when", "--categorical", *CATEGORICAL, "--numeric", *NUMERIC]
    script = run_script(folder, path, cut, *columns).metered
    done = train(path, folder)
    yield "| | CPU s | relative to the script | wall s |"
    yield "| --- | --- | --- | --- |"
    yield f"| plain script | {script.cpu:.1f} | 1 | {script.wall:.1f} |"
    for name, begin, end in (
        ("to the first line", None, FIRST),
        ("start: libraries and Prefect's server", None, STEPS),
        ("fits and scores", FITS, LEAKS),
        ("logging of the candidates", LOG, REGISTER),
        ("pages and logging of the training", REVIEW, TABLES),
    ):
        cpu, wall = between(done, begin, end)
        yield f"| {name} | {cpu:.1f} | {cpu / script.cpu:.2f} | {wall:.1f} |"
    took = done.metered
    yield f"| whole command | {took.cpu:.1f} | {took.cpu / script.cpu:.2f} | {took.wall:.1f} |"
    yield ""
    yield from _many_classes(folder)


def _many_classes(folder: Path) -> Iterator[str]:
    models = [{"kind": "random_forest"}, {"kind": "lightgbm", "params": {"n_estimators": 10}}]
    split = {"holdout": {"column": "when", "start": "2023-03-01"}, "folds": {"kind": "stratified", "n": 2}}
    path = made_up(folder, "many", MANY_ROWS, MANY_CLASSES, models=models, strategies=STRATEGIES[:4], split=split)
    done = train(path, folder)
    (fits, fits_wall), (log, log_wall) = between(done, FITS, LEAKS), between(done, LOG, REGISTER)
    yield (
        f"{MANY_CLASSES} classes, {MANY_ROWS:,} rows, {len(done.summary['candidates'])} candidates: fits and scores "
        f"{fits:.1f} CPU s ({fits_wall:.1f} s of wall time), their logging {log:.1f} CPU s ({log_wall:.1f} s)."
    )


def between(done: Trained, begin: str | None, end: str) -> tuple[float, float]:
    """Return CPU and wall seconds from a line, or from the start, to another one."""
    before = done.metered.until(begin) if begin else (0.0, 0.0)
    after = done.metered.until(end)
    return after[0] - before[0], after[1] - before[1]


def made_up(folder: Path, name: str, rows: int, classes: int, **changes: Any) -> Path:
    """Write made-up rows with words, numbers and times, and a problem of them; the last class is the rarest."""
    generator = np.random.default_rng(SEED)
    share = 1 / np.arange(1, classes + 1)
    crime = generator.choice(classes, rows, p=share / share.sum())
    hours = np.sort(generator.integers(0, 4 * 365 * 24, rows))
    frame = pd.DataFrame(
        {
            "when": (pd.Timestamp("2020-01-01") + pd.to_timedelta(hours, unit="h")).astype(str),
            "area": [f"area {number}" for number in (crime * 3 + generator.integers(0, 12, rows)) % 25],
            "kind": np.array(["street", "house", "shop", "car"])[(crime + generator.integers(0, 3, rows)) % 4],
            "hour": (crime * 2 + generator.integers(0, 14, rows)) % 24,
            "age": (30 + crime % 7 * 3 + generator.normal(0, 10, rows)).round(1),
            "x": generator.normal(crime % 5, 2).round(4),
            "y": generator.normal(0, 1, rows).round(4),
            "crime": [f"crime {number:03d}" for number in crime],
        }
    )
    frame.to_csv(folder / f"{name}.csv", index=False)
    problem = {
        "name": name,
        "title": f"{rows:,} made-up rows of {classes} classes",
        "source": {"kind": "csv", "path": str(folder / f"{name}.csv")},
        "target": {"column": "crime"},
        "features": {
            "base": {
                "categorical": CATEGORICAL,
                "numeric": NUMERIC,
                "time": [{"column": "when", "parts": ["year", "month", "dayofweek"]}],
            }
        },
        "split": {"holdout": {"column": "when", "start": "2023-03-01"}, "folds": {"kind": "stratified", "n": 5}},
        "models": ["random_forest", "gradient_boosting", "lightgbm"],
        "racing": False,  # the script runs every fold
        **changes,
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(problem, sort_keys=False), encoding="utf-8")
    load_problem(str(path))
    return path
