"""Measure the cost of a training, part by part: ``make bench``, or ``make bench ARGS="--only grid --rows 40000"``.

All figures of a part come from one run, so that their ratios hold on a noisy machine too. The tables are also written
below ``runs/bench/``.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.serve import measure_serve
from benchmarks.speed_grid import WAYS, measure_grid
from benchmarks.speed_growth import measure_growth
from benchmarks.speed_parts import measure_capped, measure_dask, measure_scoring, measure_smotenc
from benchmarks.speed_small import measure_small
from benchmarks.speed_train import measure_train
from benchmarks.variants import own_home
from tasks.settings import settings

PARTS: dict[str, tuple[str, Callable[[Path, int | None], Iterator[str]]]] = {
    "grid": ("The standard grid on Toronto, base columns, five folds, compared with the plain script", measure_grid),
    "train": ("`make train` with its data at hand", measure_train),
    "small": ("A small set beside the plain script, and logging with 120 classes", measure_small),
    "growth": ("Growth with the rows: synthetic homicides, 15 classes", measure_growth),
    "smotenc": ("SMOTENC compared with imbalanced-learn's", measure_smotenc),
    "capped": ("Capped balancing of 1,104,000 rows", measure_capped),
    "scoring": ("Scoring a Parquet file with a registered model", measure_scoring),
    "serve": ("Serving beside MLflow's own server, the same LightGBM model on both", measure_serve),
    "dask": ("What a Dask cluster costs per unit", measure_dask),
}


def main() -> None:
    """Measure the requested parts and print the results of each in markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS), help="parts; all if not given")
    parser.add_argument("--rows", type=int, help="size of a sample of each part's data; all rows if not given")
    parser.add_argument(
        "--ways",
        nargs="*",
        choices=WAYS,
        default=list(WAYS),
        help="variants of the grid that are compared with the plain script",
    )
    asked = parser.parse_args()
    parts = {**PARTS, "grid": (PARTS["grid"][0], partial(measure_grid, ways=tuple(asked.ways)))}
    results = settings().runs / "bench"
    results.mkdir(parents=True, exist_ok=True)
    for name in asked.only:
        title, measure = parts[name]
        with tempfile.TemporaryDirectory(prefix="evenhand-bench-") as folder, own_home(Path(folder)):
            lines = [f"## {title}", ""]
            print(*lines, sep="\n", flush=True)
            for line in measure(Path(folder), asked.rows):
                print(line, flush=True)
                lines.append(line)
            print(flush=True)
        (results / f"{name}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
