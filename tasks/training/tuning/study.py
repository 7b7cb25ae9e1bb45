"""A study: Optuna proposes settings, inner folds evaluate them, and every finished trial is kept in a file.

A study that was killed resumes after its last finished trial, with the same result: an unfinished trial leaves nothing,
and the sampler of a trial is seeded by its number.
"""

from __future__ import annotations

import fcntl
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from evenhand.data.fold_names import HOLDOUT_FOLD, fold_label
from evenhand.errors import EvenhandError, StorageError
from evenhand.problem import LOWER_IS_BETTER, Setting, Tuning
from evenhand.problem.models import Params
from evenhand.text.printable import printable
from evenhand.training.candidates import Candidate
from evenhand.training.experiment import Experiment
from evenhand.training.tuned_settings import Chosen, State, TrialRecord
from evenhand.training.tuning import inner_experiment, judged_trial, suggested
from tasks.training.context import TrainingContext

if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import BasePruner
    from optuna.trial import FrozenTrial

STARTUP = 6  # random trials before the sampler uses the results of earlier ones
STUDY = "study"
_STATES: dict[str, State] = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}


class StudyEnded(EvenhandError):
    """A study ended with its training; another training resumes it."""


def study_fold(
    context: TrainingContext, candidate: Candidate, fold: int, path: Path, ended: Event | None = None
) -> Chosen:
    """Choose a candidate's settings on the training rows of a fold, and print every better trial.

    Raises
    ------
    StudyEnded
        Before the next trial, once ``ended`` is set.
    """
    tuning = tuning_of(candidate)
    inner, seen, notes = inner_experiment(context.experiment, fold, context.problem.split.folds, tuning.folds)

    def report(trials: Sequence[TrialRecord]) -> None:
        if ended is not None and ended.is_set():
            raise StudyEnded(f"{candidate.name}, {study_rows(fold)}: not done, the training is being ended")
        newest = trials[-1]
        if newest.value is not None and Chosen(fold, tuning.metric, tuple(trials), seen).best == newest:
            what = f"trial {newest.number + 1} of {tuning.trials}" if newest.number else "as declared"
            line = f"{candidate.name}, {study_rows(fold)}: {tuning.metric} {newest.value:.4f} {what}"
            print(f"          {printable(line)}", flush=True)  # noqa: T201

    trials = run_study(path, inner, candidate, context.seed, report)
    return Chosen(fold, tuning.metric, trials, seen, tuning.max_seconds is None, tuple(notes))


def tuning_of(candidate: Candidate) -> Tuning:
    """Return how a candidate is tuned; the caller knows that it is."""
    assert candidate.tuning is not None  # noqa: S101 - or there is nothing to study
    return candidate.tuning


def study_rows(fold: int) -> str:
    """Name the rows of a study in messages."""
    return "all training rows" if fold == HOLDOUT_FOLD else fold_label(fold)


def run_study(
    path: Path,
    inner: Experiment,
    candidate: Candidate,
    seed: int,
    report: Callable[[Sequence[TrialRecord]], None],
) -> tuple[TrialRecord, ...]:
    """Run the trials that the file of a study does not have yet; the first one has the declared settings.

    Parameters
    ----------
    path : Path
        Of the file; it is for one set of rows, one candidate and one space.
    inner : Experiment
    candidate : Candidate
        With a ``tuning``.
    seed : int
    report : callable
        Called with the trials so far after each one.
    """
    tuning = tuning_of(candidate)
    space = tuning.space_of(candidate.model)
    with _alone(path):
        stored, live = _studies(path, tuning)
        known, records, begun = stored.get_trials(deepcopy=False), list[TrialRecord](), time.monotonic()
        while _within_budget(tuning, records, time.monotonic() - begun):
            number = len(records)
            if number < len(known):
                live.add_trial(known[number])
            else:
                _run_trial(live, inner, candidate, space, number, seed)
                stored.add_trial(live.trials[number])
            records.append(_record(live.trials[number]))
            report(records)
    return tuple(records)


def _within_budget(tuning: Tuning, records: Sequence[TrialRecord], seconds: float) -> bool:
    if not records:  # the declared settings are always evaluated
        return True
    spent = sum(trial.rounds for trial in records)
    in_rounds = tuning.rounds is None or spent < tuning.rounds
    in_time = tuning.max_seconds is None or seconds < tuning.max_seconds
    return len(records) < tuning.trials and in_rounds and in_time


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Lock the file of a study against other trainings, and cut off what a killed one left half-written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".alone").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            content = path.read_bytes()
            end = content.rfind(b"\n") + 1
            if end < len(content):
                with path.open("r+b") as file:
                    file.truncate(end)
        yield


def _studies(path: Path, tuning: Tuning) -> tuple[Study, Study]:
    """Open the stored study, which keeps finished trials, and the one in memory that proposes new ones."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    direction: Literal["minimize", "maximize"] = "minimize" if tuning.metric in LOWER_IS_BETTER else "maximize"
    backend = JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path)))
    try:
        stored = optuna.create_study(
            storage=JournalStorage(backend), study_name=STUDY, direction=direction, load_if_exists=True
        )
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"{path}: not the trials of a study ({error}); remove the file to make them again"
        ) from error
    return stored, optuna.create_study(direction=direction, pruner=_pruner(tuning))


def _pruner(tuning: Tuning) -> BasePruner:
    from optuna.pruners import MedianPruner, NopPruner, SuccessiveHalvingPruner

    if tuning.pruning == "halving":
        return SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
    return MedianPruner(n_startup_trials=STARTUP // 2) if tuning.pruning == "median" else NopPruner()


def _run_trial(
    live: Study, inner: Experiment, candidate: Candidate, space: Mapping[str, Setting], number: int, seed: int
) -> None:
    import optuna
    from optuna.trial import TrialState

    own = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        live.sampler = optuna.samplers.TPESampler(seed=own, n_startup_trials=STARTUP, multivariate=False)
    trial = live.ask()

    def goes_on(step: int, mean: float) -> bool:
        trial.report(mean, step)
        return not trial.should_prune()

    params: Params = suggested(space, trial) if number else {}
    done = judged_trial(inner, candidate, number, params, goes_on)
    for name in ("fold_values", "rounds", "seconds", "reason"):
        trial.set_user_attr(name, getattr(done, name))
    states = {mine: TrialState[theirs] for theirs, mine in _STATES.items()}
    live.tell(trial, done.value, state=states[done.state])


def _record(trial: FrozenTrial) -> TrialRecord:
    state = _STATES[trial.state.name]
    attributes = trial.user_attrs
    return TrialRecord(
        number=trial.number,
        state=state,
        params=cast("Params", dict(trial.params)),
        value=trial.value if state == "complete" else None,
        fold_values=tuple(attributes["fold_values"]),
        rounds=attributes["rounds"],
        seconds=attributes["seconds"],
        reason=attributes["reason"],
    )
