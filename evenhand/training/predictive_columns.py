"""Columns that alone give the class: an outcome that was written down after the class was known.

What the police made of a case, the code of an offence beside its name, a date that only one class has: a model of such
a column is perfect in every evaluation and worthless for a new row, which lacks it. Where its values come from is not
in the data. What is there is how much it knows: alone, it errs at most a tenth as often as all other columns together.
A fact that is known beforehand, such as place, hour or age, hardly ever does (``python -m benchmarks.predictive``).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

from evenhand.data.stratified_sample import stratified_rows
from evenhand.errors import ProblemError
from evenhand.features.encoder import build_encoder
from evenhand.problem import FeatureSet, Problem

LEAST = 0.95
"""Macro-F1 below which no column is suspected, and from which on the others are good enough to need no such column."""
TIMES = 10
"""How many times as often the other columns together must err."""
ROWS = 6_000
FOLDS = 3


@dataclass(frozen=True)
class ColumnScores:
    """Cross-validated macro-F1 of each column alone, and of the others together where one was suspected."""

    alone: Mapping[str, float]
    others: float | None
    rows: int
    suspected: tuple[str, ...] = ()


def single_columns(features: Mapping[str, FeatureSet]) -> dict[str, FeatureSet]:
    """Return a feature set for each column that a model reads, in the first role that it has.

    Examples
    --------
    >>> base = FeatureSet(categorical=["place"], rates=[["place", "street"]])
    >>> {name: one.categorical[0].column for name, one in single_columns({"base": base}).items()}
    {'place': 'place', 'street': 'street'}
    """
    found: dict[str, FeatureSet] = {}
    for one in features.values():
        for role in ("categorical", "numeric", "time", "cyclic", "text"):
            for part in getattr(one, role):
                found.setdefault(part.column, FeatureSet(**{role: (part,)}))
        degrees = [name for pair in one.coordinates for name in (pair.latitude, pair.longitude)]
        for rate in one.rates:
            degrees += [name for name in (rate.latitude, rate.longitude) if name is not None]
            for name in rate.columns:
                found.setdefault(name, FeatureSet(categorical=(name,)))
            if rate.time is not None:
                found.setdefault(rate.time.column, FeatureSet(time=(rate.time.model_dump(),)))
        for name in degrees:
            found.setdefault(name, FeatureSet(numeric=(name,)))
    return found


def score_columns(problem: Problem, frame: pd.DataFrame, y: np.ndarray, seed: int) -> ColumnScores:
    """Score every column alone, and find those that alone give the class.

    Parameters
    ----------
    problem : Problem
        Columns of its ``allow_predictive`` are not suspected.
    frame : DataFrame of shape (n_rows, n_columns)
        Training rows, typed; a stratified sample of them is read.
    y : ndarray of int, shape (n_rows,)
        Class codes.
    seed : int
        Of sample, folds and models.

    Returns
    -------
    ColumnScores
    """
    few = stratified_rows(y, ROWS, seed)
    rows, codes, sets = frame.iloc[few].reset_index(drop=True), y[few], single_columns(problem.features)
    tree = DecisionTreeClassifier(random_state=seed)
    alone = {}
    for name, one in sets.items():
        with suppress(ProblemError):  # a text without words: the fits say what is wrong with it
            alone[name] = _cross_validated(tree, one, rows, codes, seed)
    strong = [name for name, score in alone.items() if score >= LEAST]
    suspects = [name for name in strong if name not in problem.allow_predictive]
    if not suspects:
        return ColumnScores(alone, None, len(rows))
    # Outcomes come in pairs, a name and its code: none of them counts among the others.
    rest = [one for name, one in sets.items() if name not in strong and name not in problem.allow_predictive]
    forest = RandomForestClassifier(100, random_state=seed)
    others = _cross_validated(forest, _together(rest), rows, codes, seed) if rest else _of_the_largest_class(codes)
    found = [name for name in suspects if others < LEAST and TIMES * (1 - alone[name]) <= 1 - others]
    return ColumnScores(alone, others, len(rows), tuple(found))


def describe_suspected(scores: ColumnScores, target: str) -> str:
    """Write which columns alone give the class, and the ways out."""
    named = ", ".join(f"{name!r} (macro-F1 {scores.alone[name]:.3f})" for name in scores.suspected)
    columns = ", ".join(scores.suspected)
    return (
        f"{named} alone {'gives' if len(scores.suspected) == 1 else 'give'} the class {target!r}, cross-validated on "
        f"{scores.rows:,} training rows, where all other columns together reach {scores.others:.3f}. Such a column is "
        f"mostly written after the class is known, and a new row would lack it: list it under `leaks: [{columns}]` and "
        f"take it out of `features`. If it is known beforehand, write `allow_predictive: [{columns}]` into the problem "
        "file"
    )


def _cross_validated(
    model: ClassifierMixin, features: FeatureSet, rows: pd.DataFrame, y: np.ndarray, seed: int
) -> float:
    columns, predicted = list(features.columns), np.empty_like(y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class of fewer rows than folds
        folds = StratifiedKFold(min(FOLDS, int(np.bincount(y).max())), shuffle=True, random_state=seed)
        for train, valid in folds.split(y, y):
            encoder = build_encoder(features)
            encoded = _bounded(encoder.fit_transform(rows[columns].iloc[train], y[train]))
            predicted[valid] = model.fit(encoded, y[train]).predict(
                _bounded(encoder.transform(rows[columns].iloc[valid]))
            )
        return float(f1_score(y, predicted, average="macro"))


def _bounded(encoded: np.ndarray) -> np.ndarray:
    """Bring numbers into the range that trees read."""
    largest = np.finfo(np.float32).max
    return np.clip(encoded, -largest, largest)


def _together(sets: list[FeatureSet]) -> FeatureSet:
    joined = sets[0]
    for one in sets[1:]:
        joined = one.after(joined)
    return joined


def _of_the_largest_class(y: np.ndarray) -> float:
    return float(f1_score(y, np.full_like(y, np.bincount(y).argmax()), average="macro", zero_division=0.0))
