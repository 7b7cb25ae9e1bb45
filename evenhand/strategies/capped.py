"""The strategy `capped`: at most a given number of rows per class, without copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.utils.class_weight import compute_sample_weight

from evenhand.problem import AnyStrategy, CappedStrategy
from evenhand.strategies.training_rows import CannotResample, TrainingRows, class_counts


def capped_targets(strategy: CappedStrategy, available: Mapping[str, int]) -> dict[str, int]:
    """Return how many rows of each class the capped strategy keeps.

    For a named class, a float is a factor of the cap and an integer a number of rows. No class gets more rows than it
    has.

    Raises
    ------
    CannotResample
        When ``per_class`` names a class without rows.

    Examples
    --------
    >>> strategy = CappedStrategy(kind="capped", cap=20, per_class={"Normal": 1.5})
    >>> capped_targets(strategy, {"Normal": 947, "Assault": 10, "Robbery": 41})
    {'Normal': 30, 'Assault': 10, 'Robbery': 20}
    """
    strangers = sorted(set(strategy.per_class) - set(available))
    if strangers:
        raise CannotResample(f"capped: no class {', '.join(strangers)}; classes are {', '.join(sorted(available))}")
    targets = {}
    for name, rows in available.items():
        wanted = strategy.per_class.get(name, strategy.cap)
        number = round(wanted * strategy.cap) if isinstance(wanted, float) else wanted
        targets[name] = min(rows, number)
    return targets


def capped_rows(strategy: CappedStrategy, y: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Draw the rows that the capped strategy keeps, without copies.

    Parameters
    ----------
    strategy : CappedStrategy
    y : ndarray of int, shape (n_rows,)
    classes : sequence of str

    Returns
    -------
    ndarray of int, shape (n_kept,)
        Ascending row positions.
    """
    targets = capped_targets(strategy, class_counts(y, classes))
    generator = np.random.default_rng(strategy.seed)
    kept = []
    for code, name in enumerate(classes):
        rows = np.flatnonzero(y == code)
        if targets[name] < len(rows):
            rows = generator.choice(rows, targets[name], replace=False, shuffle=False)
        kept.append(rows)
    return np.sort(np.concatenate(kept))


def at_scale(strategy: AnyStrategy, share: float) -> AnyStrategy:
    """Scale a strategy's numbers of rows to a sample of the training rows.

    Examples
    --------
    >>> strategy = CappedStrategy(kind="capped", cap=20_000, per_class={"Normal": 1.5, "Theft": 35_000})
    >>> small = at_scale(strategy, 0.01)
    >>> small.cap, small.per_class
    (200, {'Normal': 1.5, 'Theft': 350})
    """
    if not isinstance(strategy, CappedStrategy) or share >= 1:
        return strategy

    def shrunk(rows: int) -> int:
        return max(10, round(rows * share))

    per_class = {name: n if isinstance(n, float) else shrunk(n) for name, n in strategy.per_class.items()}
    return strategy.model_copy(update={"cap": shrunk(strategy.cap), "per_class": per_class})


def capped(strategy: CappedStrategy, X: np.ndarray, y: np.ndarray, classes: Sequence[str]) -> TrainingRows:
    """Apply the strategy `capped`."""
    rows = capped_rows(strategy, y, classes)
    weight = compute_sample_weight("balanced", y[rows]) if strategy.class_weight else None
    notes = ("no class is above its cap: no row left out",) if len(rows) == len(y) else ()
    return TrainingRows(X[rows], y[rows], rows, weight, notes)
