"""Effect curves: partial dependence of each class's probability on one column (Friedman 2001)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evenhand.scoring.model import FittedCandidate
from evenhand.text.cell_text import text_of

POINTS = 12  # values of a column
ROWS = 100  # whose other columns are kept
FEWEST = 5  # rows with a value that is shown: of fewer, a reader might know who they are


@dataclass(frozen=True)
class Effect:
    """Mean probability of each class when every row had the same value of one column."""

    column: str
    values: tuple[str, ...]
    """As text, in the order of the curve."""
    numbers: tuple[float, ...] | None
    """The values where they are numbers; None where they are categories."""
    probabilities: Mapping[str, tuple[float, ...]]
    """By class."""

    @property
    def range(self) -> float:
        """The largest change of a probability over the values."""
        return max(max(curve) - min(curve) for curve in self.probabilities.values())


def effect_curve(model: FittedCandidate, X: pd.DataFrame, column: str) -> Effect | None:
    """Compute the effect of one column.

    Parameters
    ----------
    model : FittedCandidate
    X : DataFrame of shape (n_rows, n_columns)
        Rows that it was not fitted on; an even sample of them keeps its other columns.
    column : str
        A number or a category.

    Returns
    -------
    Effect or None
        None for a time, and where fewer than two values have enough rows.
    """
    found = _values(X[column])
    if found is None:
        return None
    values, numbers = found
    rows = X.iloc[np.unique(np.linspace(0, len(X) - 1, min(ROWS, len(X))).astype(int))]
    repeated = rows.iloc[np.tile(np.arange(len(rows)), len(values))].copy(deep=False)
    repeated[column] = values.repeat(len(rows)).set_axis(repeated.index)
    means = model.predict_proba(repeated).reshape(len(values), len(rows), -1).mean(axis=1)
    curves = {name: tuple(map(float, means[:, code])) for code, name in enumerate(model.class_names)}
    return Effect(column, tuple(str(text) for text in text_of(values)), numbers, curves)


def _values(cells: pd.Series) -> tuple[pd.Series, tuple[float, ...] | None] | None:
    """Return values of a column to compute the effect at; numbers by their quantiles, categories by their rows."""
    known = cells.dropna()
    if pd.api.types.is_datetime64_any_dtype(known):
        return None
    counted = known.value_counts()
    if not pd.api.types.is_numeric_dtype(known) or pd.api.types.is_bool_dtype(known):
        common = counted[counted >= FEWEST].index[:POINTS]
        return (
            (known[known.isin(common)].drop_duplicates().set_axis(range(len(common))), None)
            if len(common) > 1
            else None
        )
    if len(counted) <= POINTS:
        chosen = np.sort(counted[counted >= FEWEST].index.to_numpy())
    else:
        chosen = np.unique(np.quantile(known.to_numpy(float), np.linspace(0.025, 0.975, POINTS), method="nearest"))
    if len(chosen) < 2:
        return None
    return pd.Series(chosen).astype(known.dtype), tuple(float(value) for value in chosen)
