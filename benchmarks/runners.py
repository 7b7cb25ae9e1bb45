"""Equal units in threads and in worker processes, in turn: ``python -m benchmarks.runners``."""

from __future__ import annotations

import argparse
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from evenhand.training.candidates import candidates, fits
from tasks.data.ingest import ingest
from tasks.data.problems import load_problem
from tasks.data.split import split
from tasks.data.validate import validate
from tasks.processes.pool import Workers
from tasks.settings import cores
from tasks.training.context import TrainingContext
from tasks.training.fit import fit

SEED = 42


def main() -> None:
    """Print wall and CPU seconds of both, round by round; the first round of processes includes their start."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problem", default="toronto")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--models", nargs="*", default=["gradient_boosting", "lightgbm"])
    asked = parser.parse_args()
    problem = load_problem(asked.problem)
    parts = split.fn(validate.fn(ingest.fn(problem), problem).good, problem, asked.rows, SEED)
    grid = [one for one in fits(candidates(problem, parts.share)) if one.model.name in asked.models]
    folds = TrainingContext(parts, problem, SEED, Path()).fold_numbers[: asked.rounds]
    print(f"{asked.rows:,} rows, {len(grid)} units per round, {cores()} cores\n")
    print("| round | threads, s | CPU s | processes, s | CPU s |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(cores()) as pool:
        folder = Path(name)
        context = TrainingContext(parts, problem, SEED, folder)
        with Workers(cores(), folder / "shared", print) as workers:
            for number, fold in enumerate(folds):
                some = [(one, fold) for one in grid]
                found = []
                for those in (None, workers):
                    wall, cpu = time.monotonic(), seconds()
                    list(pool.map(lambda one, w=those: fit.fn(context, *one, w), some))
                    found += [time.monotonic() - wall, seconds() - cpu]
                print(f"| {number + 1} | " + " | ".join(f"{value:.1f}" for value in found) + " |", flush=True)


def seconds() -> float:
    """CPU seconds so far of this process and of the workers, which are idle while threads work."""
    times = [process.cpu_times() for process in (psutil.Process(), *psutil.Process().children())]
    return sum(each.user + each.system for each in times)


if __name__ == "__main__":
    main()
