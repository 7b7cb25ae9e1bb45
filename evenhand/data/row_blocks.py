"""Which rows depend on each other: declared blocks, or groups of rows with the same time and place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evenhand.data.split import block_numbers
from evenhand.errors import ProblemError
from evenhand.problem import ForwardFolds, Problem

# Of the mean square of a group's size over its mean. Below it, intervals that draw single rows are at most 5 % too
# narrow, whatever the rows of a group have in common: those of 95 % cover at least 93.8 %.
LARGEST_EFFECT = 1.1


@dataclass(frozen=True, eq=False)
class RowBlocks:
    """Blocks of rows that intervals draw as a whole.

    Attributes
    ----------
    codes : ndarray of int, shape (n,)
        Block of each row; negative where unknown: such a row is a block of its own.
    name : str
        For people: ``days of occurrencedate``.
    declared : bool
        Whether the problem declares them; else they were found in the data.
    """

    codes: np.ndarray
    name: str
    declared: bool

    @property
    def largest_effect(self) -> float:
        """The design effect if the rows of a block were copies of each other (Kish 1965, section 5.4)."""
        return _largest_effect(self.codes)

    @property
    def warning(self) -> str:
        """What a training has to say of blocks that it found."""
        size = np.bincount(self.codes[self.codes >= 0])
        grouped = size[size > 1].sum() / len(self.codes)
        return (
            f"{grouped:.1%} of the held-out rows are in {self.name}, up to {size.max():,} in one: they depend on each "
            "other, so the intervals of this training, which draw single rows, are too narrow; the gate draws these "
            "groups. Declare split.blocks to have both draw blocks"
        )


def row_blocks(problem: Problem, rows: pd.DataFrame) -> RowBlocks | None:
    """Find what the gate draws: the declared blocks, else groups that the data show, else (None) single rows.

    Parameters
    ----------
    problem : Problem
    rows : DataFrame of shape (n, n_columns)
        Typed held-out rows.

    Raises
    ------
    ProblemError
        When the declared column is absent, or holds no times where a period is asked for.
    """
    blocks = problem.split.blocks
    if blocks is None:
        return found_groups(problem, rows)
    if blocks.column not in rows.columns:
        raise ProblemError(f"split.blocks: the held-out rows lack the column {blocks.column!r}")
    what = "values" if blocks.period == "value" else f"{blocks.period}s"
    return RowBlocks(block_numbers(rows[blocks.column], blocks), f"{what} of {blocks.column}", True)


def found_groups(problem: Problem, rows: pd.DataFrame) -> RowBlocks | None:
    """Find rows with the same time and place, as those of one incident, by all times and places the problem reads.

    Parameters
    ----------
    problem : Problem
    rows : DataFrame of shape (n, n_columns)

    Returns
    -------
    RowBlocks or None
        None where no time or no place is read, or the groups are so few and small that they make no difference.
    """
    times = [c for c in _time_columns(problem) if c in rows and pd.api.types.is_datetime64_any_dtype(rows[c])]
    places = [c for c in _coordinate_columns(problem) if c in rows]
    if not times or not places or rows.empty:
        return None
    columns = [*times, *places]
    known = rows[columns].notna().all(axis=1).to_numpy()
    codes = np.full(len(rows), -1, dtype=np.int64)
    codes[known] = rows.loc[known, columns].groupby(columns, sort=True).ngroup()
    if _largest_effect(codes) < LARGEST_EFFECT:
        return None
    return RowBlocks(codes, f"groups of rows with the same {', '.join(columns)}", False)


def _largest_effect(codes: np.ndarray) -> float:
    size = np.bincount(codes[codes >= 0])
    alone = int((codes < 0).sum())
    return float(((size**2).sum() + alone) / max(1, len(codes)))


def _time_columns(problem: Problem) -> list[str]:
    names = [part.column for features in problem.features.values() for part in features.time]
    names += [rate.time.column for features in problem.features.values() for rate in features.rates if rate.time]
    folds = problem.split.folds
    names += [folds.column] if isinstance(folds, ForwardFolds) else []
    names += [problem.split.holdout.order] if problem.split.holdout.order else []
    return list(dict.fromkeys(names))


def _coordinate_columns(problem: Problem) -> list[str]:
    pairs = [(p.latitude, p.longitude) for features in problem.features.values() for p in features.coordinates]
    rates = [rate for features in problem.features.values() for rate in features.rates]
    pairs += [(rate.latitude, rate.longitude) for rate in rates if rate.latitude and rate.longitude]
    return list(dict.fromkeys(name for pair in pairs for name in pair))
