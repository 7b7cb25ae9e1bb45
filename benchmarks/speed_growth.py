"""How the cost of a training grows with the rows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from benchmarks.variants import in_memory, sampled_rows, train, variant
from tasks.data.problems import load_problem

SIZES = (120_000, 240_000, 480_000, 960_000)
# A grid that ends within the hour at the largest size.
GRID = {
    "models": ["random_forest", "lightgbm"],
    "strategies": ["none", "class_weight", {"kind": "capped", "cap": 20_000}],
    "split": {"holdout": {"column": "Year", "start": 2013}, "folds": {"kind": "stratified", "n": 2}},
    "racing": False,
}


def measure_growth(folder: Path, rows: int | None) -> Iterator[str]:
    """Train at each size; ``rows`` is the largest one, 960,000 if not given."""
    yield "| rows | wall s | CPU s | CPU ms per further row | peak, MB | snapshot in memory, MB | peak / snapshot |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    sizes = [size * (rows or SIZES[-1]) // SIZES[-1] for size in SIZES]
    before: tuple[int, float] | None = None
    marginal, held = [], []
    for size in sizes:
        source = {"kind": "synthetic", "twin_of": "us_homicides", "rows": size, "seed": 42}
        path = variant("us_homicides_synthetic", folder, f"rows-{size}", source=source, **GRID)
        snapshot = in_memory(sampled_rows(load_problem(str(path)), None, folder))
        took = train(path, folder).metered
        if before is not None:
            marginal.append((took.cpu - before[1]) / (size - before[0]) * 1e3)
        shown = f"{marginal[-1]:.3f}" if marginal else ""
        before = size, took.cpu
        held.append((snapshot, took.peak))
        yield (
            f"| {size:,} | {took.wall:.0f} | {took.cpu:.0f} | {shown} | {took.peak / 1e6:.0f} | {snapshot / 1e6:.0f} | "
            f"{took.peak / snapshot:.1f} |"
        )
    yield ""
    (low, high) = next(pairwise(sizes)), tuple(sizes[-2:])
    yield (
        f"A row costs {marginal[-1] / marginal[0]:.2f} times as much from {high[0]:,} to {high[1]:,} rows as from "
        f"{low[0]:,} to {low[1]:,}."
    )
    (small, least), (large, most) = held[0], held[-1]
    slope = (most - least) / (large - small)
    yield (
        f"Each further MB of the snapshot raises the peak by {slope:.1f} MB; "
        f"{(least - slope * small) / 1e6:.0f} MB of it do not depend on the rows."
    )
