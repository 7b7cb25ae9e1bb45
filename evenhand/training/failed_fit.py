"""Why a unit failed: its candidate, its fold, and the columns or the settings at fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pandas as pd
from lightgbm.basic import LightGBMError
from sklearn.base import ClassifierMixin, clone

from evenhand.data.fold_names import HOLDOUT_FOLD, fold_label
from evenhand.data.lineage import Encoder
from evenhand.data.number_range import LARGEST
from evenhand.errors import ProblemError
from evenhand.models.fit_rows import fit_rows
from evenhand.strategies import TrainingRows

FAILURES = (ValueError, TypeError, ArithmeticError, LightGBMError)
"""What libraries raise on rows or settings that they can't use."""

_HARMLESS_ROWS_PER_CLASS = 60
_LISTED = 5


@contextmanager
def naming(candidate: str, fold: int) -> Iterator[None]:
    """Put candidate and fold before the message of what is raised inside."""
    try:
        yield
    except (ProblemError, *FAILURES) as error:
        raise ProblemError(f"{candidate}, {fold_label(fold)}: {error}") from error


def encoding_failure(encoder: Encoder, rows: pd.DataFrame, y: np.ndarray, error: Exception) -> ProblemError:
    """Write which columns can't be encoded: those whose own step fails on the same rows.

    Parameters
    ----------
    encoder : Encoder
    rows : DataFrame of shape (n_rows, n_columns)
    y : ndarray of str, shape (n_rows,)
        Class names.
    error : Exception
        What the encoder raised.
    """
    for _, step, columns in encoder.steps[0][1].transformers:
        try:
            clone(step).fit_transform(rows[columns], y)
        except (ProblemError, *FAILURES):
            return ProblemError(f"{_named(columns)} can't be encoded: {error}")
    return ProblemError(f"{_named(list(rows.columns))} can't be encoded together: {error}")


def fit_failure(
    candidate: str,
    fold: int,
    fresh: Callable[[int], ClassifierMixin],
    rows: TrainingRows,
    names: Sequence[str],
    error: Exception,
) -> ProblemError:
    """Write whether the settings or the rows are at fault: settings that can't be used fail on harmless rows as well.

    Parameters
    ----------
    candidate : str
    fold : int
    fresh : callable
        Makes the unfitted model for a number of rows.
    rows : TrainingRows
    names : sequence of str
        Of the encoded columns.
    error : Exception
        What the fit raised.
    """
    if _fails_on_harmless_rows(fresh, rows):
        return ProblemError(f"{candidate} can't be fitted with its settings: {error} ({fold_label(fold)})")
    columns = suspect_columns(rows.X, names)
    where = f"; {columns}" if columns else f"; its columns are {', '.join(map(repr, names[:_LISTED]))}"
    trained = "all training rows" if fold == HOLDOUT_FOLD else f"the training rows of {fold_label(fold)}"
    return ProblemError(f"{candidate} can't be fitted on {trained}: {error}{where}")


def suspect_columns(X: np.ndarray, names: Sequence[str]) -> str:
    """Name the encoded columns that a library may refuse, worst first; empty where there is none.

    Examples
    --------
    >>> suspect_columns(np.array([[1.0, np.inf, 7.0], [2.0, 3.0, 7.0]]), ["age", "x", "const"])
    "too large: column 'x'; one value: column 'const'"
    """
    known = np.isfinite(X)
    ordered = np.where(known, X, np.nan)
    faults = {
        "too large": (np.isinf(X) | (np.abs(X) > LARGEST)).any(axis=0),
        "without a value": np.isnan(X).all(axis=0),
        "one value": known.all(axis=0) & (ordered == ordered[:1]).all(axis=0),
    }
    found = [(what, [name for name, at in zip(names, mask, strict=True) if at]) for what, mask in faults.items()]
    return "; ".join(f"{what}: {_named(columns)}" for what, columns in found if columns)


def _fails_on_harmless_rows(fresh: Callable[[int], ClassifierMixin], rows: TrainingRows) -> bool:
    y = np.repeat(np.unique(rows.y), _HARMLESS_ROWS_PER_CLASS)
    X = np.random.default_rng(0).integers(0, 9, (len(y), rows.X.shape[1])).astype(float)
    X[:, 0] = y  # so that any model is better than chance
    weight = None if rows.weight is None else np.ones(len(y))
    try:
        fit_rows(fresh(len(y)), TrainingRows(X, y, np.arange(len(y)), weight))
    except FAILURES:
        return True
    return False


def _named(columns: Sequence[str]) -> str:
    more = f" and {len(columns) - _LISTED} more" if len(columns) > _LISTED else ""
    return f"column{'s' * (len(columns) > 1)} {', '.join(map(repr, columns[:_LISTED]))}{more}"
