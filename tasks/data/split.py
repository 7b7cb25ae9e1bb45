"""Split: the held-out rows apart from the rows that models are trained on."""

from __future__ import annotations

import numpy as np
import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from evenhand.data.fold_names import fold_label
from evenhand.data.holdout import first_held_out, holdout_mask
from evenhand.data.references import Reference
from evenhand.data.row_blocks import row_blocks
from evenhand.data.split import class_labels, comparable_folds, make_folds
from evenhand.data.stratified_sample import draw_per_class, proportional_sizes
from evenhand.data.uninformative import empty_in_folds, uninformative_columns
from evenhand.errors import ValidationFailed
from evenhand.problem import Problem, check_classes
from tasks.data.partition import Parts
from tasks.storage.store import read_frame, write_frame

FEWEST = 20


@task(name="split", cache_policy=NO_CACHE)
def split(good: Reference, problem: Problem, sample: int | None = None, seed: int = 42) -> Parts:
    """Hold rows out and write both parts.

    Parameters
    ----------
    good : Reference
        Typed rows.
    problem : Problem
    sample : int, optional
        Keep about this many training rows, every class at its share, and a few of each.
    seed : int
        Of the sample.

    Raises
    ------
    ProblemError, ValidationFailed
        When a side is empty or the training rows have one class.
    """
    target, by_chance = problem.target.column, problem.split.holdout.order is None
    # A row is held out by chance for its content, so that the next training holds the same ones out: by every column,
    # since another set of features must not change that.
    frame = read_frame(good, None if by_chance else problem.columns)
    frame = frame.assign(**{target: class_labels(frame[target], problem.target)}).dropna(subset=[target])
    held_out = holdout_mask(frame, problem.split.holdout, target)
    frame = frame[list(problem.columns)]
    train, holdout = frame[~held_out], frame[held_out]
    counts = train[target].value_counts()
    if len(counts) < 2:
        raise ValidationFailed(
            f"the training rows hold one class only ({counts.index[0]!r}): there is nothing to tell apart"
        )
    share = 1.0
    if sample is not None and sample < len(train):
        share = sample / len(train)
        sizes = proportional_sizes({name: counts[name] for name in sorted(counts.index)}, share, FEWEST)
        train = train.iloc[draw_per_class(train[target].to_numpy(dtype=object), sizes, seed)]
    strangers = sorted(set(holdout[target]) - set(counts.index))
    classes = sorted({*counts.index, *strangers})
    check_classes(problem, classes)
    train = train.reset_index(drop=True)
    blocks = row_blocks(problem, holdout)
    warnings = [f"class {name!r} is in the held-out rows alone: no model can know it" for name in strangers]
    warnings += [blocks.warning] if blocks is not None and not blocks.declared else []
    warnings += uninformative_columns(train, problem)
    warnings += _about_folds(train, pd.Categorical(train[target], categories=classes).codes, problem, seed)
    return Parts(
        train=write_frame(train, "splits/{sha256}/train.parquet"),
        holdout=write_frame(holdout.reset_index(drop=True), "splits/{sha256}/holdout.parquet"),
        classes=tuple(classes),
        trained_before="" if by_chance else str(first_held_out(frame, problem.split.holdout)),
        share=share,
        warnings=tuple(warnings),
    )


def _about_folds(train: pd.DataFrame, y: np.ndarray, problem: Problem, seed: int) -> list[str]:
    """Name the folds that are left out, and columns without a value in the training rows of a fold."""
    folds = make_folds(train, y, problem.split.folds, seed)
    kept = comparable_folds(folds, y)
    left_out = [fold_label(fold.number) for fold in folds if fold not in kept]
    notes = [f"{', '.join(left_out)} left out: the training rows hold one class only"] if left_out else []
    for name, numbers in empty_in_folds(train, problem, kept).items():
        notes.append(f"column {name!r} has no value in the training rows of {', '.join(map(fold_label, numbers))}")
    return notes
