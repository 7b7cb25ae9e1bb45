"""What is done to a fold's training rows before a model is fitted, and the ledger of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from imblearn.over_sampling import SMOTE, SMOTENC, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from sklearn.utils.class_weight import compute_sample_weight

from evenhand.problem import CappedStrategy, SimpleStrategy, SmoteStrategy

AnyStrategy = SimpleStrategy | SmoteStrategy | CappedStrategy


@dataclass(frozen=True)
class LedgerEntry:
    """One line of the resampling ledger: class counts before and after, and every adaptation."""

    strategy: str
    fold: str
    before: dict[str, int]
    after: dict[str, int]
    adaptations: tuple[str, ...] = ()

    def to_record(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """The rows a model is fitted on.

    Attributes
    ----------
    X : ndarray of shape (n_rows, n_features)
    y : ndarray of int, shape (n_rows,)
    weight : ndarray of shape (n_rows,) or None
    adaptations : tuple of str
        What had to be done differently from what the strategy says.
    """

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None = None
    adaptations: tuple[str, ...] = ()


class CannotResample(ValueError):
    """The strategy can't run on these rows; the message is the reason for the ledger."""


def resample(
    strategy: AnyStrategy,
    X: np.ndarray,
    y: np.ndarray,
    classes: Sequence[str],
    seed: int,
    n_categorical: int = 0,
) -> TrainingRows:
    """Apply a strategy to the training rows of one fold.

    Parameters
    ----------
    strategy : SimpleStrategy, SmoteStrategy or CappedStrategy
    X : ndarray of shape (n_rows, n_features)
        Encoded columns, categories first.
    y : ndarray of int, shape (n_rows,)
        Codes into ``classes``.
    classes : sequence of str
    seed : int
        Of the sampler; the capped strategy has a seed of its own.
    n_categorical : int
        How many leading columns are categories (SMOTENC).

    Returns
    -------
    TrainingRows

    Raises
    ------
    CannotResample
        When the strategy can't run on these rows.
    """
    if isinstance(strategy, CappedStrategy):
        return _capped(strategy, X, y, classes)
    if isinstance(strategy, SmoteStrategy):
        return _smote(strategy, X, y, classes, seed, n_categorical)
    if strategy.kind == "class_weight":
        return TrainingRows(X, y, compute_sample_weight("balanced", y))
    if strategy.kind == "none":
        return TrainingRows(X, y)
    sampler = RandomOverSampler if strategy.kind == "random_over" else RandomUnderSampler
    rows, _ = sampler(random_state=seed).fit_resample(np.arange(len(y)).reshape(-1, 1), y)
    return TrainingRows(X[rows[:, 0]], y[rows[:, 0]])


def class_counts(y: np.ndarray, classes: Sequence[str]) -> dict[str, int]:
    """Count the rows of each class.

    Examples
    --------
    >>> class_counts(np.array([0, 1, 1]), ["Arson", "Theft"])
    {'Arson': 1, 'Theft': 2}
    """
    counts = np.bincount(y, minlength=len(classes))
    return {name: int(n) for name, n in zip(classes, counts, strict=True)}


def capped_targets(strategy: CappedStrategy, available: Mapping[str, int]) -> dict[str, int]:
    """Work out how many rows of each class the capped strategy keeps.

    A float for a named class is a factor of the cap, a whole number is a number of rows, and no class gets more than it
    has.

    Raises
    ------
    CannotResample
        When ``per_class`` names a class that the rows do not have.

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
    """Choose the rows that the capped strategy keeps, without copies.

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
    """Shrink a strategy's numbers of rows to a sample of the training rows.

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


def _capped(strategy: CappedStrategy, X: np.ndarray, y: np.ndarray, classes: Sequence[str]) -> TrainingRows:
    rows = capped_rows(strategy, y, classes)
    weight = compute_sample_weight("balanced", y[rows]) if strategy.class_weight else None
    untouched = len(rows) == len(y)
    return TrainingRows(X[rows], y[rows], weight, ("no class is above its cap: nothing left out",) if untouched else ())


def _smote(
    strategy: SmoteStrategy, X: np.ndarray, y: np.ndarray, classes: Sequence[str], seed: int, n_categorical: int
) -> TrainingRows:
    counts = np.bincount(y, minlength=len(classes))
    present = np.flatnonzero(counts)
    majority = int(counts.max())
    alone = [int(c) for c in present if counts[c] == 1]
    grown = {int(c): majority for c in present if 1 < counts[c] < majority}
    if not grown:
        raise CannotResample(f"{strategy.kind}: no class has two rows or more and fewer than the largest class")
    notes = [f"{classes[c]}: a single row has no neighbour and stays as it is" for c in alone]
    smallest = int(min(counts[c] for c in grown))
    k = min(strategy.k_neighbors, smallest - 1)
    if k < strategy.k_neighbors:
        notes.append(f"{k} neighbours instead of {strategy.k_neighbors}: the smallest class has {smallest} rows")
    filled, n_filled = _filled(X)
    if n_filled:
        notes.append(f"{n_filled} missing values set to the fold's median before interpolation")
    sampler = _smote_sampler(strategy, grown, k, seed, n_categorical, X.shape[1])
    new_X, new_y = sampler.fit_resample(filled, y)
    # The real rows come first and keep their missing values: only what is interpolated needs them filled.
    new_X[: len(y)] = X
    return TrainingRows(new_X, new_y, adaptations=tuple(notes))


def _smote_sampler(
    strategy: SmoteStrategy, grown: dict[int, int], k: int, seed: int, n_categorical: int, n_features: int
) -> SMOTE | SMOTENC:
    if strategy.kind == "smote":
        return SMOTE(sampling_strategy=grown, k_neighbors=k, random_state=seed)
    if not 0 < n_categorical < n_features:
        raise CannotResample(f"smotenc: needs both kinds of columns, found {n_categorical} categories of {n_features}")
    return SMOTENC(list(range(n_categorical)), sampling_strategy=grown, k_neighbors=k, random_state=seed)


def _filled(X: np.ndarray) -> tuple[np.ndarray, int]:
    gaps = np.isnan(X)
    n_gaps = int(gaps.sum())
    if n_gaps == 0:
        return X, 0
    seen = ~gaps.all(axis=0)
    medians = np.zeros(X.shape[1])
    medians[seen] = np.nanmedian(X[:, seen], axis=0)
    return np.where(gaps, medians, X), n_gaps


def ledger_entry(
    strategy: AnyStrategy, fold: str, y: np.ndarray, rows: TrainingRows, classes: Sequence[str]
) -> LedgerEntry:
    """Write down what a strategy did to a fold's training rows."""
    entry = LedgerEntry(strategy.name, fold, class_counts(y, classes), class_counts(rows.y, classes), rows.adaptations)
    vanished = [name for name, n in entry.after.items() if n == 0 and entry.before[name] > 0]
    if vanished:
        raise CannotResample(f"{strategy.name}: would drop every row of {', '.join(vanished)}")
    absent = [name for name, n in entry.before.items() if n == 0]
    if absent:
        note = f"no training row of {', '.join(absent)} in this fold: it is never predicted there"
        entry = replace(entry, adaptations=(*entry.adaptations, note))
    return entry
