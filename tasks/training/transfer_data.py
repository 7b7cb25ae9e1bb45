"""Transfer data: rows of another data set that models begin on. They are trained on and never evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from evenhand.data.holdout import before_start, read_boundary
from evenhand.data.references import Reference
from evenhand.data.schema import column_types
from evenhand.data.split import class_labels
from evenhand.data.stratified_sample import stratified_rows
from evenhand.models.transfer.transfer_data import (
    check_same_classes,
    check_same_columns,
    named_transfer_data,
    without_own,
)
from evenhand.problem import Problem
from evenhand.training.candidates import Candidate
from tasks.data.ingest import ingest
from tasks.data.partition import Parts, TransferRows
from tasks.data.problems import load_problem, with_data
from tasks.data.validate import validate
from tasks.storage.store import open_store, read_frame, write_frame
from tasks.tracking.run_inputs import log_input
from tasks.training.training import Training


class TransferSource(NamedTuple):
    """Another data set: the name it has in this problem, its own problem and its good rows."""

    name: str
    problem: Problem
    good: pd.DataFrame


def needs_transfer_data(grid: Sequence[Candidate]) -> bool:
    """Whether any model begins on other data."""
    return bool(named_transfer_data([candidate.model for candidate in grid]))


def check_transfer_data(problem: Problem, grid: Sequence[Candidate]) -> None:
    """Refuse, before any data is read, other problems that do not exist or do not go together with this one.

    Raises
    ------
    ProblemError
    """
    for name, declared in named_transfer_data([candidate.model for candidate in grid]).items():
        check_same_columns(problem, _other(problem, declared), name, _sets(grid))


def add_transfer_data(training: Training, parts: Parts, grid: Sequence[Candidate], clear_cache: bool = False) -> Parts:
    """Fetch and validate the data that models begin on, and write what may be trained on.

    Rows of the held-out period, rows without a time and rows that this training has, too, are left out.

    Returns
    -------
    Parts
        With the other data beside its own.

    Raises
    ------
    ProblemError
        When the other data have other columns or classes, or are this training's own.
    """
    problem = training.problem
    own = pd.concat([read_frame(parts.train), read_frame(parts.holdout)], ignore_index=True)
    found = []
    for name, declared in named_transfer_data([candidate.model for candidate in grid]).items():
        other = _other(problem, declared)
        good = validate(ingest(other, clear_cache), other).good
        borrowed = take(TransferSource(name, other, read_frame(good)), problem, parts, own, _sets(grid))
        taken = f"{borrowed.rows.rows:,} rows of {name} to begin on"
        left = f"{borrowed.left_out:,} left out: newer than the training rows, or this training's own"
        training.say(f"          {taken}; {left}")
        _log(training, borrowed.rows, name)
        found.append(borrowed)
    return parts.model_copy(update={"transfer": tuple(found)})


def take(
    source: TransferSource, problem: Problem, parts: Parts, own: pd.DataFrame, sets: Sequence[str]
) -> TransferRows:
    """Write the rows of other data that a training may begin on.

    Parameters
    ----------
    source : TransferSource
    problem : Problem
        Of the training.
    parts : Parts
    own : DataFrame
        Every row of ``parts``.
    sets : sequence of str
        Feature sets whose columns are wanted.

    Raises
    ------
    ProblemError
        See :func:`add_transfer_data`.
    """
    target, name, frame, other = problem.target.column, source.name, source.good, source.problem
    labels = class_labels(frame[other.target.column], other.target)
    columns = dict.fromkeys(column for one in sets for column in problem.features[one].columns)
    order = problem.split.holdout.order
    columns |= {} if order is None else {order: None}
    rows = frame[list(columns)].assign(**{target: labels}).dropna(subset=[target])
    check_same_classes(name, sorted(rows[target].unique()), parts.classes)
    older = rows if order is None else rows[before_start(rows[order], read_boundary(parts.trained_before))]
    kept = without_own(older, own, [*columns, target], name)
    left_out = len(rows) - len(kept)
    if parts.share < 1:
        codes = np.unique(kept[target], return_inverse=True)[1]
        kept = kept.iloc[stratified_rows(codes, round(parts.share * len(kept)), seed=0)]
    written = write_frame(kept.reset_index(drop=True), "transfer/{sha256}/rows.parquet")
    return TransferRows(name=name, rows=written, left_out=left_out)


def _other(problem: Problem, declared: dict[str, str]) -> Problem:
    if "data" in declared:
        return with_data(problem, declared["data"])
    return load_problem(declared["problem"])


def _sets(grid: Sequence[Candidate]) -> list[str]:
    """Name the feature sets of the candidates that begin on other data."""
    return sorted({candidate.features for candidate in grid if named_transfer_data([candidate.model])})


def _log(training: Training, rows: Reference, name: str) -> None:
    kinds = {column: kind.kind for column, kind in column_types(training.problem).items()}
    uri = open_store().uri(rows.key)
    log_input(training.run_id, f"{name} first rounds", uri, rows, kinds, "first rounds")
