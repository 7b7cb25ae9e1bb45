"""What a training costs, part by part: ``make bench``, or ``make bench ARGS="--only grid --rows 40000"``.

Everything of a part is measured in one run, so that its ratios hold on a noisy machine too. The tables also go to
``runs/bench/``.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.speed_grid import WAYS, tell_grid
from benchmarks.speed_growth import tell_growth
from benchmarks.speed_parts import tell_capped, tell_dask, tell_scoring, tell_smotenc
from benchmarks.speed_train import tell_train
from benchmarks.variants import own_home
from tasks.settings import settings

PARTS: dict[str, tuple[str, Callable[[Path, int | None], Iterator[str]]]] = {
    "grid": ("The standard grid on Toronto, base columns, five folds, against the plain script", tell_grid),
    "train": ("`make train` with its data at hand", tell_train),
    "growth": ("Growth with the rows: synthetic homicides, 15 classes", tell_growth),
    "smotenc": ("SMOTENC against imbalanced-learn's", tell_smotenc),
    "capped": ("Capped balancing of 1,104,000 rows", tell_capped),
    "scoring": ("Scoring a Parquet file with a registered model", tell_scoring),
    "dask": ("What a Dask cluster costs a unit", tell_dask),
}


def main() -> None:
    """Measure the parts asked for and print a markdown table of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rows", type=int, help="of each part's data, for a quick look; all of them if not given")
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=list(WAYS), help="of the grid, beside the script")
    asked = parser.parse_args()
    parts = {**PARTS, "grid": (PARTS["grid"][0], partial(tell_grid, ways=tuple(asked.ways)))}
    results = settings().runs / "bench"
    results.mkdir(parents=True, exist_ok=True)
    for name in asked.only:
        title, tell = parts[name]
        with tempfile.TemporaryDirectory(prefix="evenhand-bench-") as folder, own_home(Path(folder)):
            lines = [f"## {title}", ""]
            print(*lines, sep="\n", flush=True)
            for line in tell(Path(folder), asked.rows):
                print(line, flush=True)
                lines.append(line)
            print(flush=True)
        (results / f"{name}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
