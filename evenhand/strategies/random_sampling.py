"""Random over- and undersampling, and ROSE (copies with noise)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from imblearn.over_sampling import RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler

from evenhand.problem import RoseStrategy, SimpleStrategy
from evenhand.strategies.class_targets import over_targets, under_targets
from evenhand.strategies.neighbour_search import filled
from evenhand.strategies.training_rows import CannotResample, TrainingRows

UNCHANGED = "every class already has its ratio: nothing changed"


def random_over(
    strategy: SimpleStrategy, X: np.ndarray, y: np.ndarray, classes: Sequence[str], seed: int
) -> TrainingRows:
    """Copy rows of the smaller classes at random."""
    targets = over_targets(strategy.ratio, np.bincount(y, minlength=len(classes)), classes)
    return _drawn(RandomOverSampler(sampling_strategy=targets, random_state=seed), X, y, targets)


def random_under(
    strategy: SimpleStrategy, X: np.ndarray, y: np.ndarray, classes: Sequence[str], seed: int
) -> TrainingRows:
    """Leave out rows of the larger classes at random."""
    targets = under_targets(strategy.ratio, np.bincount(y, minlength=len(classes)), classes)
    # "auto" has these targets; it also draws for classes of the smallest size, which keeps seeded results unchanged.
    aim = "auto" if strategy.ratio is None else targets
    return _drawn(RandomUnderSampler(sampling_strategy=aim, random_state=seed), X, y, targets)


def _drawn(
    sampler: RandomOverSampler | RandomUnderSampler, X: np.ndarray, y: np.ndarray, targets: dict[int, int]
) -> TrainingRows:
    sampler.fit_resample(np.zeros((len(y), 1)), y)
    rows = sampler.sample_indices_
    return TrainingRows(X[rows], y[rows], rows, adaptations=() if targets else (UNCHANGED,))


def rose(
    strategy: RoseStrategy, X: np.ndarray, y: np.ndarray, classes: Sequence[str], seed: int, n_categorical: int
) -> TrainingRows:
    """Copy rows of the smaller classes with noise on their numbers; categories and missing values are kept."""
    if n_categorical == X.shape[1]:
        raise CannotResample(f"{strategy.name}: no numeric column to put noise on")
    counts = np.bincount(y, minlength=len(classes))
    targets = over_targets(strategy.ratio, counts, classes)
    sampler = RandomOverSampler(sampling_strategy=targets, shrinkage=strategy.shrinkage, random_state=seed)
    numbers, _ = filled(X[:, n_categorical:])
    noisy, new_y = sampler.fit_resample(numbers, y)
    source = sampler.sample_indices_
    new_X = X[source]
    made = new_X[len(y) :, n_categorical:]
    made[:] = np.where(np.isnan(made), np.nan, noisy[len(y) :])
    alone = [classes[code] for code in targets if counts[code] == 1]
    notes = [f"{name}: a single row has no spread, so its copies have no noise" for name in alone]
    notes += [] if targets else [UNCHANGED]
    return TrainingRows(new_X, new_y, source, adaptations=tuple(notes), n_synthetic=len(new_y) - len(y))
