"""Weights that halve with the age of a row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from evenhand.strategies import TrainingRows


def recency_weights(when: pd.Series, half_life_days: float) -> np.ndarray:
    """Weigh rows by how much older they are than the newest of them (exponential forgetting).

    Parameters
    ----------
    when : Series of timestamps, shape (n_rows,)
        A row without one counts as the oldest.
    half_life_days : float

    Returns
    -------
    ndarray of shape (n_rows,)
        Mean 1.

    Examples
    --------
    >>> when = pd.Series(pd.to_datetime(["2020-01-11", "2020-01-01", "2020-01-11"]))
    >>> recency_weights(when, 10)
    array([1.2, 0.6, 1.2])
    """
    days = (when.max() - when).dt.total_seconds().to_numpy() / 86_400
    weight = 0.5 ** (np.where(np.isnan(days), np.nanmax(days), days) / half_life_days)
    return weight / weight.mean()


def aged(rows: TrainingRows, when: pd.Series, half_life_days: float) -> TrainingRows:
    """Multiply the weights of resampled rows by the recency of the rows that they come from.

    Parameters
    ----------
    rows : TrainingRows
    when : Series of timestamps, shape (n_given_rows,)
        Time of the rows that the strategy was given.
    half_life_days : float
    """
    weight = recency_weights(when, half_life_days)[rows.source]
    note = f"a row weighs half as much for every {half_life_days:g} days of age"
    return replace(
        rows,
        weight=weight if rows.weight is None else weight * rows.weight,
        adaptations=(*rows.adaptations, note),
    )
