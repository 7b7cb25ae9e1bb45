"""Oversampling by synthetic rows between a row and a neighbour of its class: SMOTE and its kin."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evenhand.problem import (
    AdasynStrategy,
    BorderlineSmoteStrategy,
    SmoteEnnStrategy,
    SmoteStrategy,
    SmoteTomekStrategy,
)
from evenhand.strategies.class_targets import over_targets
from evenhand.strategies.neighbour_search import space
from evenhand.strategies.smotenc import SMOTENC
from evenhand.strategies.traced_samplers import ADASYN, SMOTE, BorderlineSMOTE, Drawn, Traced
from evenhand.strategies.training_rows import CannotResample, TrainingRows

Synthetic = SmoteStrategy | BorderlineSmoteStrategy | AdasynStrategy | SmoteTomekStrategy | SmoteEnnStrategy


def synthetic(
    strategy: Synthetic, X: np.ndarray, y: np.ndarray, classes: Sequence[str], seed: int, n_categorical: int
) -> TrainingRows:
    """Grow the smaller classes by points between neighbours.

    A class of one row is not grown. A synthetic row has the categories of the row it starts from, except that plain
    SMOTE interpolates their codes as numbers, and SMOTENC takes the most frequent ones among the neighbours.

    Raises
    ------
    CannotResample
        When there is no numeric column, or no class that can grow.
    """
    _check_columns(strategy, n_categorical, X.shape[1])
    counts = np.bincount(y, minlength=len(classes))
    targets = over_targets(strategy.ratio, counts, classes)
    grown = {code: n for code, n in targets.items() if counts[code] > 1}
    if not grown:
        raise CannotResample(f"{strategy.name}: no class has two rows or more and fewer than its target")
    notes = [f"{classes[c]}: a single row has no neighbour and is not grown" for c in targets if counts[c] == 1]
    k, k_notes = _fewer_neighbours(strategy, int(min(counts[code] for code in grown)))
    given = space(X, strategy.standardise, n_categorical if strategy.kind == "smotenc" else 0)
    sampler = _sampler(strategy, grown, k, seed, n_categorical, len(y))
    drawn = sampler.drawn(given.points, y)
    fresh = _between(strategy, X, given.filled, drawn, n_categorical)
    after = counts + np.bincount(drawn.y, minlength=len(classes))
    still = [classes[code] for code in grown if after[code] == counts[code]]
    if len(still) == len(grown):
        raise CannotResample(f"{strategy.name}: no row of a class to grow has foreign neighbours to start from")
    notes += [f"{name}: no row has foreign neighbours to start from; it is not grown" for name in still]
    notes += [*k_notes, *given.notes]
    source = np.concatenate([np.arange(len(y)), drawn.start])
    # Real rows keep their missing values; only the interpolation needs them filled.
    return TrainingRows(np.vstack([X, fresh]), y[source], source, adaptations=tuple(notes), n_synthetic=len(fresh))


def _between(strategy: Synthetic, X: np.ndarray, full: np.ndarray, drawn: Drawn, n_categorical: int) -> np.ndarray:
    # Drawn in the scaled space but computed from the rows, so that a value shared by two rows is exactly that of their
    # synthetic row. With a rounding error, trees would recognise synthetic rows, and with them the grown classes.
    fresh = full[drawn.start] + drawn.step * (full[drawn.end] - full[drawn.start])
    if strategy.kind == "smotenc":
        fresh[:, :n_categorical] = drawn.X[:, :n_categorical]
    elif strategy.kind != "smote":
        fresh[:, :n_categorical] = X[drawn.start, :n_categorical]
    return fresh


def _check_columns(strategy: Synthetic, n_categorical: int, n_features: int) -> None:
    if strategy.kind == "smotenc" and not 0 < n_categorical < n_features:
        raise CannotResample(f"smotenc: needs both kinds of columns, found {n_categorical} categories of {n_features}")
    if n_categorical == n_features:
        raise CannotResample(f"{strategy.name}: no numeric column to interpolate")


def _fewer_neighbours(strategy: Synthetic, smallest: int) -> tuple[int, list[str]]:
    wanted = strategy.n_neighbors if isinstance(strategy, AdasynStrategy) else strategy.k_neighbors
    k = min(wanted, smallest - 1)
    return k, [f"{k} neighbours instead of {wanted}: the smallest class has {smallest} rows"] if k < wanted else []


def _sampler(strategy: Synthetic, grown: dict[int, int], k: int, seed: int, n_categorical: int, n_rows: int) -> Traced:
    if isinstance(strategy, AdasynStrategy):
        return ADASYN(grown, n_neighbors=k, random_state=seed)
    if isinstance(strategy, BorderlineSmoteStrategy):
        m = min(strategy.m_neighbors, n_rows - 1)
        return BorderlineSMOTE(sampling_strategy=grown, k_neighbors=k, m_neighbors=m, random_state=seed)
    if strategy.kind == "smotenc":
        return SMOTENC(n_categorical, grown, k_neighbors=k, random_state=seed)
    return SMOTE(sampling_strategy=grown, k_neighbors=k, random_state=seed)
