"""One analysis while it runs: its folder, its MLflow run, its clock and its lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from evenhand.problem import Problem
from evenhand.text.printable import printable
from tasks.settings import settings
from tasks.tracking import training_runs


@dataclass
class AnalysisSession:
    """What was asked for, where its files go, and its run."""

    id: str
    folder: Path
    problem: Problem
    seed: int
    run_id: str
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    def say(self, text: str) -> None:
        """Print a line with the time."""
        print(printable(f"[{self.seconds:5.0f} s] {text}", lines=True), flush=True)  # noqa: T201

    def progress(self, what: str, of: int) -> Callable[[int], None]:
        """Return what prints a line after every quarter of the origins."""
        quarter = max(1, of // 4)

        def say(done: int) -> None:
            if done % quarter == 0 and done < of:
                self.say(f"{what}: {done} of {of} origins")

        return say


@contextmanager
def open_analysis(problem: Problem, seed: int) -> Iterator[AnalysisSession]:
    """Make the folder and the MLflow run; the run records how it ended, and a folder without a page is removed."""
    name = f"{problem.name}-analysis"
    identifier, folder = _new_folder(name)
    run_id = training_runs.start_training(
        experiment=name,
        run_name=identifier,
        params={"problem": problem.name, "seed": seed, **problem.analysis.model_dump(exclude={"tile_url"})},
        tags={"synthetic": str(problem.synthetic).lower()},
    )
    session = AnalysisSession(identifier, folder, problem, seed, run_id)
    try:
        yield session
    except BaseException as error:
        with suppress(Exception):  # the first error is the one that the user must see
            reason = printable(f"{type(error).__name__}: {error}", lines=True)
            training_runs.end_training(run_id, "FAILED" if isinstance(error, Exception) else "KILLED", reason)
        with suppress(OSError):
            folder.rmdir()  # only if it is empty
        raise
    training_runs.end_training(run_id, "FINISHED", None)


def _new_folder(name: str) -> tuple[str, Path]:
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    for attempt in count(1):
        identifier = f"{stamp}-{name}" + (f"-{attempt}" if attempt > 1 else "")
        folder = settings().runs / identifier
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return identifier, folder
    raise AssertionError("unreachable")
