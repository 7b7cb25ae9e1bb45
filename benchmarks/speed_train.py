"""The whole training command, by its steps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.variants import sampled_rows, train, variant
from tasks.problems import load_problem


def tell_train(folder: Path, rows: int | None) -> Iterator[str]:
    """Train Toronto at the standard preset, with nothing but its data at hand."""
    changes = {}
    if rows is not None:
        data = sampled_rows(load_problem("toronto"), rows, folder)
        changes = {"source": {"kind": "parquet", "path": str(data)}, "suite": None}
    done = train(variant("toronto", folder, "standard", **changes), folder)
    yield "| step | wall s |"
    yield "| --- | --- |"
    for step, seconds in done.summary["seconds"].items():
        yield f"| {step} | {seconds:.1f} |"
    took, winner = done.metered, done.summary["winner"]
    held_out = next(
        candidate["test"]
        for candidate in done.summary["candidates"]
        if all(candidate[key] == winner[key] for key in winner)
    )
    yield ""
    yield f"The whole command: {took.wall:.0f} s, {took.cpu:.0f} CPU s, {took.peak / 1e6:.0f} MB at its peak."
    yield (
        f"Winner: {' / '.join(winner.values())}; held-out macro-F1 {held_out['macro_f1']:.4f}, average precision "
        f"{held_out['average_precision']:.4f}."
    )
