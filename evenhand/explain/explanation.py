"""What a model goes by, as the pages show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evenhand.explain.effects import Effect, effect_curve
from evenhand.explain.importance import Importance, permutation_importance, source_columns
from evenhand.problem import FeatureSet
from evenhand.scoring.model import FittedCandidate

CURVES = 5


@dataclass(frozen=True)
class Explanation:
    """Importance of every source column, and the curves of those that matter most."""

    metric: str
    importances: tuple[Importance, ...]
    effects: tuple[Effect, ...]


def explain(
    model: FittedCandidate, X: pd.DataFrame, y: np.ndarray, features: Sequence[FeatureSet], metric: str
) -> Explanation:
    """Explain a model on rows that it was not fitted on.

    Parameters
    ----------
    model : FittedCandidate
    X : DataFrame of shape (n_rows, n_columns)
    y : ndarray of int, shape (n_rows,)
        Class codes.
    features : sequence of FeatureSet
        Those that the model reads.
    metric : str
    """
    known = set(model.encoder.feature_names_in_)
    columns = dict.fromkeys(names for one in features for names in source_columns(one) if set(names) <= known)
    importances = permutation_importance(model, X, y, list(columns), metric)
    curves = (effect_curve(model, X, one.columns[0]) for one in importances if len(one.columns) == 1)
    effects: list[Effect] = []
    for curve in curves:
        if curve is not None and curve.range > 0:
            effects.append(curve)
        if len(effects) == CURVES:
            break
    return Explanation(metric, importances, tuple(effects))
