"""The leak sentinel: row lineage proves that no evaluated row had a part in making the model.

Every row of a training has two identities: its position among the training's rows, and the hash of its content. The
position is followed through encoder, sampler and decision rule; the hash reveals copied and made-up rows that were
added before the folds were made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from evenhand.data.lineage import RowsSeen, rows_seen
from evenhand.data.out_of_fold import counted, shared_rows
from evenhand.data.split import Fold
from evenhand.strategies import TrainingRows

LEAK_SENTINEL = "leak_sentinel"  # tag of a training and of a model version
CLEAN = "clean"
NOT_CHECKED = (
    "whether a column is known before the class, unless it gives the class alone",
    "copies that the source had already",
    "whether somebody chose by the held-out rows",
)
ROWS_AT_ONCE = 100_000  # hashed at a time, to bound memory


class Lineage(NamedTuple):
    """Where the rows of one fit come from."""

    encoder: RowsSeen | None
    """What the encoder was fitted on."""
    encoded: np.ndarray
    """The fold's training rows in numbers, shape (n_train, n_features)."""
    fitted: TrainingRows
    """What the model was fitted on."""
    n_predicted: int
    """Number of rows that it predicted."""


@dataclass(frozen=True)
class Twins:
    """Evaluated rows of a fold that equal a training row; natural twins, since no row was copied."""

    judged: int
    twins: int


@dataclass(frozen=True)
class LeakReport:
    """What was checked. It exists only if nothing was found."""

    rows: int
    fits: int
    twins: Mapping[str, Twins]
    """By fold label. Two crimes of one kind at one place and hour are two rows."""
    columns_alone: Mapping[str, float] | None = None
    """Cross-validated macro-F1 of each column alone, on training rows."""
    not_checked: tuple[str, ...] = NOT_CHECKED
    leak_sentinel: str = CLEAN

    def to_record(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {**asdict(self), "not_checked": list(self.not_checked)}


def row_hashes(frame: pd.DataFrame, labels: Sequence[str] | np.ndarray) -> np.ndarray:
    """Hash the content of every row, its label included.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        The order of its columns makes no difference.
    labels : array-like of str, shape (n_rows,)

    Returns
    -------
    ndarray of uint64, shape (n_rows,)
        Equal rows have equal hashes. Among 240,992 rows two different ones collide with a probability of 2e-9.

    Examples
    --------
    >>> frame = pd.DataFrame({"place": ["bar", "park", "bar"], "hour": [1.0, 2.0, 1.0]})
    >>> first, second, third = row_hashes(frame, ["Theft", "Theft", "Theft"])
    >>> first == third, first == second
    (np.True_, np.False_)
    """
    named, columns = np.asarray(labels, dtype=object), sorted(frame.columns)
    hashes = np.empty(len(frame), dtype=np.uint64)
    for start in range(0, len(frame), ROWS_AT_ONCE):  # each text becomes an object meanwhile
        some = slice(start, start + ROWS_AT_ONCE)
        rows = frame.iloc[some][columns]
        whole = rows.assign(**{"": pd.Series(named[some], rows.index)})
        hashes[some] = pd.util.hash_pandas_object(whole, index=False).to_numpy()
    return hashes


def made_rows(hashes: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Find the rows that the validated data does not have: copied or made-up rows.

    Parameters
    ----------
    hashes : ndarray of uint64, shape (n_rows,)
        Rows of a training.
    source : ndarray of uint64, shape (n_source_rows,)
        Rows of the validated snapshot they were taken from.

    Returns
    -------
    ndarray of int, shape (n_made,)
        Positions; of equal rows, those beyond the number that the source has.

    Examples
    --------
    >>> made_rows(np.array([7, 7, 8, 9, 7]), np.array([7, 8, 7])).tolist()
    [3, 4]
    """
    rows = pd.Series(hashes)
    allowed = rows.map(pd.Series(source).value_counts()).fillna(0)
    return np.flatnonzero(rows.groupby(rows).cumcount() >= allowed)


def natural_twins(hashes: np.ndarray, fold: Fold) -> Twins:
    """Count the evaluated rows of a fold that equal one of its training rows.

    Parameters
    ----------
    hashes : ndarray of uint64, shape (n_rows,)
    fold : Fold
    """
    return Twins(len(fold.valid), int(pd.Series(hashes[fold.valid]).isin(hashes[fold.train]).sum()))


def fold_leaks(folds: Iterable[Fold], held_out: np.ndarray) -> Iterator[str]:
    """Check that no fold inside the training rows holds a held-out row.

    Parameters
    ----------
    folds : iterable of Fold
        Inside the training rows.
    held_out : ndarray of int
        Positions.
    """
    for fold in folds:
        for rows, use in ((fold.train, "trains on"), (fold.valid, "is evaluated on")):
            shared = shared_rows(rows, held_out)
            if len(shared):
                yield f"fold {fold.number + 1} {use} {counted(shared, 'held-out row')}"


def unit_leaks(fold: Fold, y: np.ndarray, lineage: Lineage) -> tuple[str, ...]:
    """Check one fit: none of the rows it predicts is among the rows that made it.

    Parameters
    ----------
    fold : Fold
    y : ndarray of int, shape (n_rows,)
        Class codes of all rows of the training.
    lineage : Lineage

    Returns
    -------
    tuple of str
        Findings; empty where nothing was found. What can't be checked is a finding.
    """
    return tuple([*_of_fold(fold, lineage), *_of_encoder(fold, lineage), *_of_sampler(fold, y, lineage)])


def study_leaks(fold: Fold, seen: RowsSeen | None) -> tuple[str, ...]:
    """Check that settings were chosen on a fold's training rows alone.

    Parameters
    ----------
    fold : Fold
    seen : RowsSeen or None
        The rows of the study; None where there was none.

    Returns
    -------
    tuple of str
        Findings.
    """
    if seen is None or seen == rows_seen(pd.DataFrame(index=fold.train)):
        return ()
    return (f"its settings were chosen on {seen.n:,} rows that are not the fold's {len(fold.train):,} training rows",)


# --- parts of a fit -------------------------------------------------------------------------------------------------


def _of_fold(fold: Fold, lineage: Lineage) -> Iterator[str]:
    shared = shared_rows(fold.train, fold.valid)
    if len(shared):
        yield f"trained and evaluated on {counted(shared, 'row')}"
    if len(lineage.encoded) != len(fold.train) or lineage.n_predicted != len(fold.valid):
        yield (
            f"{len(lineage.encoded):,} encoded and {lineage.n_predicted:,} predicted rows where the fold has "
            f"{len(fold.train):,} and {len(fold.valid):,}"
        )


def _of_encoder(fold: Fold, lineage: Lineage) -> Iterator[str]:
    if lineage.encoder is None:
        yield "the rows that its encoder was fitted on are not known"
    elif lineage.encoder != rows_seen(pd.DataFrame(index=fold.train)):
        yield (
            f"its encoder was fitted on {lineage.encoder.n:,} rows that are not the fold's {len(fold.train):,} "
            "training rows"
        )


def _of_sampler(fold: Fold, y: np.ndarray, lineage: Lineage) -> Iterator[str]:
    rows = lineage.fitted
    if rows.given is not lineage.encoded:
        n = "unknown" if rows.given is None else f"{len(rows.given):,}"
        yield f"its sampler was given {n} rows that are not the fold's {len(fold.train):,} training rows"
        return
    known = np.flatnonzero(rows.source >= 0)
    source = rows.source[known]
    if len(rows.source) != len(rows.y) or (len(source) and source.max() >= len(fold.train)):
        yield f"{len(rows.y):,} fitted rows come from rows that the fold does not have"
        return
    other = known[y[fold.train[source]] != rows.y[known]]
    if len(other):
        yield f"{counted(other, 'fitted row')} of another class than the row it comes from"
