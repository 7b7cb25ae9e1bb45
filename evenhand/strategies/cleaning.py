"""Undersampling by neighbours: Tomek links, edited nearest neighbours and NearMiss."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from imblearn.under_sampling import NearMiss

from evenhand.problem import EnnStrategy, NearMissStrategy, SmoteEnnStrategy, SmoteTomekStrategy, TomekStrategy
from evenhand.strategies.class_targets import under_targets
from evenhand.strategies.neighbour_search import neighbours, space
from evenhand.strategies.random_sampling import UNCHANGED
from evenhand.strategies.training_rows import CannotResample, TrainingRows

Cleaning = TomekStrategy | EnnStrategy | SmoteTomekStrategy | SmoteEnnStrategy
# NearMiss-2 holds the distance of every row of a class to every row of the smallest: 16 bytes per pair.
MOST_PAIRS = 100_000_000

# Recorded as an adaptation: NearMiss-3 found fewer rows than asked for.
warnings.filterwarnings("ignore", message="The number of the samples to be selected is larger", category=UserWarning)


def clean(strategy: Cleaning, rows: TrainingRows, classes: Sequence[str]) -> TrainingRows:
    """Leave out the rows that their neighbours contradict, but no row of the smallest class unless rows are synthetic.

    Parameters
    ----------
    strategy : TomekStrategy, EnnStrategy, SmoteTomekStrategy or SmoteEnnStrategy
    rows : TrainingRows
    classes : sequence of str

    Returns
    -------
    TrainingRows
        A class that would keep fewer rows than the smallest class has real ones stays whole.

    Raises
    ------
    CannotResample
        When there are no more rows than neighbours wanted.
    """
    given = space(rows.X, strategy.standardise)
    n_real = len(rows.y) - rows.n_synthetic
    real = np.bincount(rows.y[:n_real], minlength=len(classes))
    keep, notes = _kept(_contradicted(strategy, given.points, rows.y), rows.y, real, classes, rows.n_synthetic > 0)
    return TrainingRows(
        rows.X[keep],
        rows.y[keep],
        rows.source[keep],
        adaptations=tuple(dict.fromkeys((*rows.adaptations, *given.notes, *notes))),
        n_synthetic=int((keep >= n_real).sum()),
    )


def _kept(
    contradicted: np.ndarray, y: np.ndarray, real: np.ndarray, classes: Sequence[str], everywhere: bool
) -> tuple[np.ndarray, list[str]]:
    smallest = int(real[real > 0].min())
    if not everywhere:
        contradicted = contradicted & (y != np.flatnonzero(real == smallest)[0])
    before, left = (np.bincount(part, minlength=len(classes)) for part in (y, y[~contradicted]))
    whole = (left < smallest) & (left < before)
    keep = np.flatnonzero(~contradicted | whole[y])
    notes = [
        f"{name}: {n} rows would be left, fewer than the smallest class has; the class stays whole"
        for name, n, stays in zip(classes, left, whole, strict=True)
        if stays
    ]
    return keep, notes if len(keep) < len(y) else [*notes, "no row is left out"]


def _contradicted(strategy: Cleaning, points: np.ndarray, y: np.ndarray) -> np.ndarray:
    wanted = strategy.n_neighbors if isinstance(strategy, EnnStrategy | SmoteEnnStrategy) else 1
    if len(y) <= wanted:
        raise CannotResample(f"{strategy.name}: {len(y)} rows, and each needs {wanted} neighbours")
    near = neighbours(points, wanted)
    if isinstance(strategy, TomekStrategy | SmoteTomekStrategy):
        nearest = near[:, 0]
        return (y[nearest] != y) & (nearest[nearest] == np.arange(len(y)))
    agreeing = (y[near] == y[:, None]).sum(axis=1)
    return agreeing < wanted if strategy.kind_sel == "all" else 2 * agreeing < wanted


def near_miss(strategy: NearMissStrategy, X: np.ndarray, y: np.ndarray, classes: Sequence[str]) -> TrainingRows:
    """Undersample the larger classes to rows near the smallest one.

    Version 1 keeps the rows with the smallest mean distance to their nearest rows of the smallest class, version 2 to
    their farthest rows of it; version 3 keeps, among the nearest rows of each of its rows, those farthest from it.
    """
    counts = np.bincount(y, minlength=len(classes))
    targets = under_targets(strategy.ratio, counts, classes)
    if not targets:
        return TrainingRows(X, y, np.arange(len(y)), adaptations=(UNCHANGED,))
    smallest = int(counts[counts > 0].min())
    _check_near_miss(strategy, counts, smallest, classes)
    given = space(X, strategy.standardise)
    k = min(strategy.n_neighbors, smallest)
    few = min(3, *(int(counts[code]) for code in targets))
    sampler = NearMiss(sampling_strategy=targets, version=strategy.version, n_neighbors=k, n_neighbors_ver3=few)
    sampler.fit_resample(given.points, y)
    kept = np.sort(sampler.sample_indices_)
    after = np.bincount(y[kept], minlength=len(classes))
    notes = list(given.notes)
    if k < strategy.n_neighbors:
        notes.append(f"{k} neighbours instead of {strategy.n_neighbors}: the smallest class has {smallest} rows")
    notes += [
        f"{classes[code]}: {after[code]} rows instead of {n}: no more are near the smallest class"
        for code, n in targets.items()
        if after[code] < n
    ]
    return TrainingRows(X[kept], y[kept], kept, adaptations=tuple(notes))


def _check_near_miss(strategy: NearMissStrategy, counts: np.ndarray, smallest: int, classes: Sequence[str]) -> None:
    if smallest == 1 and strategy.ratio is None:
        name = classes[int(np.flatnonzero(counts == 1)[0])]
        raise CannotResample(f"{strategy.name}: {name} has a single row, and every class would keep one; give a ratio")
    if strategy.version == 2 and smallest * int(counts.max()) > MOST_PAIRS:
        raise CannotResample(f"{strategy.name}: {counts.max():,} x {smallest:,} distances don't fit; give max_rows")
