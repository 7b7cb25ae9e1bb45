"""Permutation importance by source column, with intervals (Breiman 2001; Fisher, Rudin & Dominici 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from evenhand.evidence.bootstrap import BootstrapSettings, Interval, paired_difference
from evenhand.metrics.predictions import Predictions
from evenhand.problem import FeatureSet
from evenhand.scoring.model import FittedCandidate

ROWS = 2_000  # of the held-out ones; more make an interval narrower than a reader needs
RESAMPLES = 200


@dataclass(frozen=True)
class Importance:
    """What the model loses when the values of a source column are dealt out to other rows."""

    columns: tuple[str, ...]
    """One column, or a pair of coordinates, which mean nothing alone."""
    loss: Interval
    """Of the metric; positive: the model is worse without the column."""

    @property
    def label(self) -> str:
        """Name for people."""
        return ", ".join(self.columns)


def source_columns(features: FeatureSet) -> list[tuple[str, ...]]:
    """Return the raw columns of a feature set, coordinates in pairs.

    Examples
    --------
    >>> from evenhand.problem.columns import Coordinates
    >>> source_columns(FeatureSet(numeric=["hour"], coordinates=[Coordinates(latitude="lat", longitude="lon")]))
    [('hour',), ('lat', 'lon')]
    """
    pairs = {(pair.latitude, pair.longitude) for pair in features.coordinates}
    pairs |= {(r.latitude, r.longitude) for r in features.rates if r.latitude is not None and r.longitude is not None}
    first = {name: pair for pair in sorted(pairs) for name in pair}
    return list(dict.fromkeys(first.get(name, (name,)) for name in features.columns))


def permutation_importance(
    model: FittedCandidate, X: pd.DataFrame, y: np.ndarray, columns: Sequence[tuple[str, ...]], metric: str
) -> tuple[Importance, ...]:
    """Measure how much worse a model gets without each column.

    Parameters
    ----------
    model : FittedCandidate
    X : DataFrame of shape (n_rows, n_columns)
        Rows that it was not fitted on.
    y : ndarray of int, shape (n_rows,)
        Class codes, in the order of ``model.class_names``.
    columns : sequence of tuple of str
        Each is permuted as a whole; see :func:`source_columns`.
    metric : str
        One of ``evenhand.problem.METRICS``.

    Returns
    -------
    tuple of Importance
        The largest first. Intervals are 95 %, over rows; the same rows and model give the same numbers.

    Notes
    -----
    Of two columns that say the same, each can replace the other, so both look less important than they are together.
    """
    X, y = sample_rows(X, y)
    rng, whole = np.random.default_rng(0), _predicted(model, X, y)
    settings = replace(BootstrapSettings(), resamples=RESAMPLES)
    found = []
    for names in columns:
        order = rng.permutation(len(X))
        dealt = X.copy(deep=False)
        for name in names:
            dealt[name] = X[name].array[order]
        found.append(Importance(names, paired_difference(_predicted(model, dealt, y), whole, metric, settings)))
    return tuple(sorted(found, key=lambda one: (-one.loss.estimate, one.columns)))


def sample_rows(X: pd.DataFrame, y: np.ndarray, rows: int = ROWS) -> tuple[pd.DataFrame, np.ndarray]:
    """Return at most ``rows`` rows, drawn without replacement, in their order; the same ones each time."""
    if len(X) <= rows:
        return X, y
    chosen = np.sort(np.random.default_rng(0).choice(len(X), rows, replace=False))
    return X.iloc[chosen], y[chosen]


def _predicted(model: FittedCandidate, X: pd.DataFrame, y: np.ndarray) -> Predictions:
    names, proba = model.decide(model.raw_proba(X))
    position = {name: code for code, name in enumerate(model.class_names)}
    return Predictions(y, proba, np.array([position[name] for name in names], dtype=np.int64))
