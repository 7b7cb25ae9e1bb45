"""Cells of new rows that a fitted encoder does not know: categories never seen, and values that became missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

OWN_STEPS = ("categorical", "numeric", "time", "cyclic", "place", "columns")  # rates, text and detectors know all cells
UNSEEN = -1


def unknown_cells(encoder: Any, X: pd.DataFrame) -> dict[str, float]:
    """Return the share of cells of each raw column that an encoder does not know.

    A category that no training row had is unknown. Of numbers, times and coordinates, missing values are: by how much
    their share is above that of the training rows, whether they were missing in the file or became so when it was read
    (text in place of a number, a time in another format, a point outside of the box).

    Parameters
    ----------
    encoder : Encoder or ColumnTransformer
        Fitted.
    X : DataFrame of shape (n_rows, n_columns)
        Raw or typed columns, at least one row.

    Returns
    -------
    dict of str to float
        By raw column; 0 where every cell is known. Columns that only class rates, text or detectors read are left out.
    """
    steps = [step for _, step in encoder.steps] if isinstance(encoder, Pipeline) else [encoder]
    found: dict[str, float] = {}
    for columns in (step for step in steps if isinstance(step, ColumnTransformer)):
        usual = _missing_in_training(steps, columns)
        for name, transformer, names in columns.transformers_:
            if not name.startswith(OWN_STEPS) or not len(names):
                continue
            cells = np.asarray(transformer.transform(X[list(names)]), dtype=float)
            unknown = cells == UNSEEN if name.startswith("categorical") else np.isnan(cells)
            before = np.zeros(cells.shape[1]) if usual is None else usual[columns.output_indices_[name]]
            share = np.maximum(0.0, unknown.mean(axis=0) - np.where(name.startswith("categorical"), 0.0, before))
            found |= _by_column([str(one) for one in names], share)
    return found


def _missing_in_training(steps: list[Any], columns: ColumnTransformer) -> np.ndarray | None:
    """Return the share of missing values of each encoded column in the training rows; None if nothing recorded it."""
    after = [step for step in steps[steps.index(columns) + 1 :] if hasattr(step, "missing_share_")]
    return np.asarray(after[0].missing_share_) if after else None


def _by_column(names: list[str], share: np.ndarray) -> dict[str, float]:
    """Give encoded columns to raw ones: each its own, first in order; all to one where there is one."""
    if len(names) == 1:
        return {names[0]: float(share.max(initial=0.0))}
    return dict(zip(names, map(float, share), strict=False))
