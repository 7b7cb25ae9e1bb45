"""One training: its folder, its MLflow run, its clock and its messages."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from evenhand.errors import LeakFound, StorageError
from evenhand.problem import REVIEW_KEYS, Problem
from evenhand.problem.presets import Preset, registered_name
from evenhand.text.printable import printable
from evenhand.training.leak_checks import LEAK_SENTINEL
from tasks.data.partition import Parts
from tasks.processes.command_start import command_start
from tasks.processes.memory import give_back
from tasks.processes.training_folder import NEW, new_folder, opened, remove_unfinished
from tasks.registry.champion_alias import check_problem_file
from tasks.registry.model_versions import ModelName, model_name
from tasks.settings import ROOT, settings
from tasks.tracking import training_runs
from tasks.training.context import TrainingContext
from tasks.training.kept.kept_fits import KeptFits

T = TypeVar("T")

LIBRARIES = (
    "scikit-learn",
    "imbalanced-learn",
    "lightgbm",
    "optuna",
    "pandas",
    "numpy",
    "mlflow",
    "prefect",
    "evenhand",
)
# A change of one of these may change a score, so their versions are part of a training's identity.
DECISIVE = ("scikit-learn", "imbalanced-learn", "lightgbm", "numpy", "pandas", "scipy")
_DESCRIPTIVE = ("source", "title", "about", "licence", "analysis")  # keys of a problem that change no result


def say(text: str) -> None:
    """Print a line for the person who waits."""
    print(printable(text, lines=True), flush=True)  # noqa: T201


@dataclass
class Training:
    """One training while it runs: what was asked for, its folder, its MLflow run and its clock."""

    id: str
    folder: Path
    problem: Problem
    preset: Preset
    seed: int
    model_name: ModelName
    """Of its registered model."""
    run_id: str
    kept: KeptFits | None = None
    """Fits of earlier trainings; None keeps none."""
    seconds: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)
    open_folder: ExitStack = field(default_factory=ExitStack)
    """Closing it removes what the units have left in the folder."""

    def context(self, parts: Parts) -> TrainingContext:
        """Return what steps and workers are given."""
        return TrainingContext(parts, self.problem, self.seed, self.folder)

    def say(self, text: str) -> None:
        """Print a line for the person who waits."""
        say(text)

    @property
    def elapsed(self) -> float:
        """Seconds since the command began."""
        return round(time.monotonic() - self.started, 2)

    def step(self, name: str, doing: str, work: Callable[..., T], *args: Any) -> T:
        """Print that a step begins, do it, and time it."""
        self.say(f"[{self.elapsed:5.0f} s] {doing}")
        give_back()  # memory of the last step
        begun = time.monotonic()
        done = work(*args)
        self.seconds[name] = round(time.monotonic() - begun, 2)
        return done


# Steps by what they are spent on; everything else is data and orchestration.
SPENT_ON = {
    "start": ("start",),
    "fitting": ("tune", "cross_validate", "refit"),
    "evaluation": ("evaluate", "stack", "score", "leak_sentinel", "compare", "explain", "gate"),
    "logging and reports": ("log", "register", "report", "log_training"),
}


def breakdown(training: Training) -> list[str]:
    """Sum up where the time of a training went: start, fits, their evaluation, logging, and everything else."""
    took, total = training.seconds, training.elapsed
    sums = {what: sum(took.get(name, 0.0) for name in names) for what, names in SPENT_ON.items()}
    steps = ", ".join(f"{name} {value:.0f}" for name, value in took.items() if name != "total")
    spent = ", ".join(f"{what} {seconds:.0f}" for what, seconds in sums.items())
    rest = total - sum(sums.values())
    read, fitted = training.kept.counts if training.kept else (0, 0)
    kept = [f"{read + fitted} fits: {fitted} made here, {read} kept from earlier trainings"] if read else []
    return [
        *kept,
        f"\nSeconds by step: {steps}",
        f"Of {total:.0f} seconds: {spent}, data and orchestration {rest:.0f}",
    ]


@contextmanager
def open_training(problem: Problem, preset: Preset, seed: int, reuse: bool = True) -> Iterator[Training]:
    """Make the training's folder and MLflow run; the run records how it ended.

    With ``reuse`` False, kept fits are not read.

    Yields
    ------
    Training

    Raises
    ------
    ProblemError
        When another file governs the registered model; see
        :func:`tasks.registry.problem_rules.check_governing_file`.
    """
    begun, name = command_start(), registered_name(problem.name, preset)
    check_problem_file(problem, model_name(name))
    kept = KeptFits(say, reuse)
    folder = new_folder(settings().runs, f"{datetime.now(UTC).strftime('%Y%m%d-%H%M%S')}-{name}")
    identifier = folder.name
    run_id = training_runs.start_training(
        experiment=name,
        run_name=identifier,
        params={"problem": problem.name, "preset": preset, "seed": seed, "metric": problem.metric},
        tags={"synthetic": str(problem.synthetic).lower(), "training": identifier, "code": code_hash()},
    )
    training = Training(identifier, folder, problem, preset, seed, model_name(name), run_id, kept, started=begun)
    training.seconds["start"] = training.elapsed
    training.open_folder.enter_context(opened(folder))
    stopped = False
    try:
        yield training
    except BaseException as error:
        stopped = not isinstance(error, Exception)  # by ctrl-c or a signal
        reason = printable(f"{type(error).__name__}: {error}", lines=True)
        with suppress(Exception):  # the first error is the one that the user must see
            if isinstance(error, LeakFound):
                training_runs.log_training(run_id, {}, {LEAK_SENTINEL: str(error)})
            training_runs.end_training(run_id, "KILLED" if stopped else "FAILED", reason)
        raise
    finally:
        training.open_folder.close()  # what is finished is kept in the store
        if stopped:
            remove_unfinished(folder)
        with suppress(StorageError):
            kept.prune()
    training_runs.end_training(run_id, "FINISHED", None)


def identity(training: Training, rows: Sequence[str], tuned: Mapping[str, object] | None = None) -> str:
    """Hash what determines the result of a training: validated rows, problem, preset, seed and code.

    ``tuned`` are the settings that a study chose for the winner; with a time limit they may differ between runs.
    """
    decisive = {
        "rows": list(rows),
        "problem": training.problem.model_dump(mode="json", exclude={*_DESCRIPTIVE, *REVIEW_KEYS}),
        "preset": training.preset,
        "seed": training.seed,
        "code": code_hash(),
        **({} if tuned is None else {"tuned": dict(tuned)}),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in DECISIVE}},
    }
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def code_hash() -> str:
    """Hash the source code."""
    digest = hashlib.sha256()
    for path in sorted(p for package in ("evenhand", "tasks", "flows") for p in (ROOT / package).rglob("*.py")):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that results depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def point_latest(folder: Path) -> None:
    """Let ``runs/latest`` point at a training's folder, atomically."""
    temporary = folder.parent / f"{NEW}{os.getpid()}-latest"  # the next start removes it after a kill
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(folder.name, target_is_directory=True)
    temporary.replace(folder.parent / "latest")
