"""Fits that would be the same as another of the grid: they are named, and not fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenhand.problem import (
    AnyStrategy,
    CappedStrategy,
    CostWeightStrategy,
    EffectiveNumberStrategy,
    SimpleStrategy,
    SmoteStrategy,
)
from evenhand.strategies import CannotResample, resample
from evenhand.strategies.class_targets import over_targets, under_targets
from evenhand.strategies.expected_rows import GROWING
from evenhand.training.candidates import Candidate, fits

# Strategies that look at the classes alone.
OF_CLASSES = (SimpleStrategy, EffectiveNumberStrategy, CostWeightStrategy, CappedStrategy)
AS_THEY_ARE = "rows as they are"
_NAMES = {"label"}


@dataclass(frozen=True)
class SameFit:
    """The fit that another one would repeat, and why it would."""

    fit: str
    why: str

    @property
    def text(self) -> str:
        """One line for tables."""
        return f"the same fit as {self.fit}: {self.why}"


def same_fits(
    grid: Sequence[Candidate], folds: Sequence[np.ndarray], classes: Sequence[str], n_categorical: dict[str, int]
) -> dict[str, SameFit]:
    """Find the fits that would be the same as another fit of the grid.

    Parameters
    ----------
    grid : sequence of Candidate
    folds : sequence of ndarray of int
        Class codes of the training rows of each fold, that of the held-out period among them.
    classes : sequence of str
    n_categorical : dict of str to int
        Number of categories in each feature set.

    Returns
    -------
    dict of str to SameFit
        By the name of a fit that is left out. The first fit of several that are the same stays, one without
        resampling before the others.
    """
    strategies = {fit.strategy.name: fit.strategy for fit in grid}
    effects = {name: _effect(strategy, folds, classes) for name, strategy in strategies.items()}
    first: dict[str, Candidate] = {}
    found = {}
    for fit in sorted(fits(grid), key=_order):
        if fit.tuning is not None:
            continue
        effect = effects[fit.strategy.name]
        if effect != AS_THEY_ARE and fit.strategy.kind == "smotenc" and n_categorical[fit.features] == 0:
            # Without a category SMOTENC's distance is SMOTE's.
            effect = _effect(_as_smote(fit.strategy), folds, classes)
        key = repr((fit.model.model_dump(exclude=_NAMES), fit.features, fit.half_life_days, effect))
        same = first.setdefault(key, fit)
        if same is not fit:
            found[fit.fit_name] = SameFit(same.fit_name, _reason(fit, effect))
    return found


def _order(fit: Candidate) -> int:
    """Sort the baseline first, and SMOTENC, which needs categories, after SMOTE, which does without."""
    return {"none": 0, "smotenc": 2}.get(fit.strategy.kind, 1)


def _reason(fit: Candidate, effect: Any) -> str:
    if effect == AS_THEY_ARE:
        return f"{fit.strategy.name} changes no row and no weight here"
    return "smotenc has no category here" if fit.strategy.kind == "smotenc" else "it has the same settings"


def _as_smote(strategy: AnyStrategy) -> AnyStrategy:
    return SmoteStrategy.model_validate({**strategy.model_dump(exclude=_NAMES), "kind": "smote"})


def _effect(strategy: AnyStrategy, folds: Sequence[np.ndarray], classes: Sequence[str]) -> Any:
    """Describe what a strategy does to the rows of all folds; equal descriptions mean equal rows."""
    if isinstance(strategy, OF_CLASSES):
        if all(_leaves(strategy, y, classes) for y in folds):
            return AS_THEY_ARE
    elif all(not _targets(strategy, np.bincount(y, minlength=len(classes)), classes) for y in folds):
        return AS_THEY_ARE
    settings = strategy.model_dump(exclude=_NAMES)
    if settings.get("ratio") == 1 and strategy.kind in GROWING:
        settings["ratio"] = None  # the default is the largest class
    if isinstance(strategy, CappedStrategy) and strategy.class_weight:
        without = strategy.model_copy(update={"class_weight": False})
        if all(_leaves(without, y, classes) for y in folds):
            settings = SimpleStrategy(kind="class_weight").model_dump(exclude=_NAMES)
    return settings


def _leaves(strategy: AnyStrategy, y: np.ndarray, classes: Sequence[str]) -> bool:
    """Whether a strategy that looks at the classes alone leaves every row, each with the same weight."""
    try:
        rows = resample(strategy, np.empty((len(y), 0)), y, classes, seed=0)
    except CannotResample:
        return False
    if len(rows.source) != len(y) or not np.array_equal(np.sort(rows.source), np.arange(len(y))):
        return False
    return rows.weight is None or bool(np.isclose(rows.weight, 1.0).all())


def _targets(strategy: AnyStrategy, counts: np.ndarray, classes: Sequence[str]) -> dict[int, int] | bool:
    """Return what a strategy that looks at the rows changes by class; True where the classes don't decide it."""
    ratio = getattr(strategy, "ratio", None)
    if strategy.kind in {"smote_tomek", "smote_enn"}:
        return True
    if strategy.kind in GROWING:
        return over_targets(ratio, counts, classes)
    return under_targets(ratio, counts, classes) if strategy.kind == "near_miss" else True
