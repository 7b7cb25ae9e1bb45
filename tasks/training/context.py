"""The context of a training: its rows by reference, its problem, seed and folder. Steps and workers are given it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.data.split import Fold, comparable_folds, make_folds
from evenhand.models.transfer.transfer_data import TransferData
from evenhand.problem import Problem
from evenhand.training.experiment import Experiment
from evenhand.training.fold_cache import OnceCache
from tasks.data.partition import Parts, TransferRows
from tasks.processes.mapped_rows import mapped_rows
from tasks.storage.store import read_frame

_experiments = OnceCache(size=1)


@dataclass(frozen=True)
class TrainingContext:
    """What all steps and units of a training have in common; small, so that it can be sent to other processes.

    Attributes
    ----------
    parts : Parts
        References to the training rows and the held-out rows.
    problem : Problem
    seed : int
    folder : Path
        Of the training. Probabilities are written below ``units/``.
    """

    parts: Parts
    problem: Problem
    seed: int
    folder: Path

    @property
    def experiment(self) -> Experiment:
        """Rows and folds, read once per process and kept for the last training that asked."""
        key = (self.parts, self.problem.model_dump_json(), self.seed)
        found: Experiment = _experiments.get(key, lambda: read_experiment(self.parts, self.problem, self.seed))
        return found

    @property
    def fold_numbers(self) -> list[int]:
        """Folds inside the training rows, without that of the held-out period."""
        return [number for number in self.experiment.folds if number != HOLDOUT_FOLD]

    @property
    def units(self) -> Path:
        """Folder of what the units leave."""
        return self.folder / "units"


def read_experiment(parts: Parts, problem: Problem, seed: int) -> Experiment:
    """Read the rows and make the folds; the held-out period is fold -1."""

    def read() -> pd.DataFrame:
        return pd.concat([read_frame(parts.train), read_frame(parts.holdout)], ignore_index=True)

    shared, target = parts.shared, problem.target.column
    frame = mapped_rows(shared, read) if shared else read()
    train = frame.iloc[: parts.train.rows]
    y = class_codes(frame, parts, target)
    inner = comparable_folds(make_folds(train, y[: len(train)], problem.split.folds, seed), y)
    outer = Fold(HOLDOUT_FOLD, np.arange(len(train)), np.arange(len(train), len(frame)))
    columns = [str(name) for name in frame.columns if name != target]
    rows: pd.DataFrame | Callable[[], pd.DataFrame]
    rows = partial(mapped_rows, shared, read, columns) if shared else frame[columns]
    return Experiment(
        rows,
        y,
        parts.classes,
        [*inner, outer],
        problem.features,
        seed,
        _when(frame, problem),
        transfer={borrowed.name: _transfer_data(borrowed, parts, problem) for borrowed in parts.transfer},
    )


def _transfer_data(borrowed: TransferRows, parts: Parts, problem: Problem) -> TransferData:
    rows, target = read_frame(borrowed.rows), problem.target.column
    return TransferData(rows.drop(columns=target), class_codes(rows, parts, target), _when(rows, problem))


def _when(rows: pd.DataFrame, problem: Problem) -> pd.Series | None:
    order = problem.split.holdout.order
    return None if order is None else rows[order]


def class_codes(rows: pd.DataFrame, parts: Parts, target: str) -> np.ndarray:
    """Return the class code of each row, in the order of the classes, shape (n_rows,)."""
    return np.asarray(pd.Categorical(rows[target], categories=list(parts.classes)).codes.astype(np.int64))
