"""From a model specification to an unfitted classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin

from evenhand.errors import ProblemError
from evenhand.models.detector_classifier import DetectorClassifier, detector_of, wrong_detector
from evenhand.models.families import (
    DEFAULTS,
    FAMILIES,
    FILLED,
    FORESTS,
    LIGHTGBM,
    ONE_HOT,
    allowed_settings,
    histogram_order,
    wrong_value,
)
from evenhand.models.prepared import Prepared
from evenhand.models.transfer.first_rows import BALANCED
from evenhand.problem import DETECTORS, ModelSpec

SMALLEST_BAG = 2_000
# In draws: a row drawn twice counts twice. 1.5 and not 2, since sums of weights are rounded.
SMALLEST_LEAF = 1.5
SIZES_OF_LEAVES = frozenset({"min_samples_leaf", "min_weight_fraction_leaf"})


def build_model(
    spec: ModelSpec, seed: int, n_rows: int, classes: Sequence[str] = (), n_categorical: int = 0
) -> ClassifierMixin:
    """Return an unfitted classifier.

    Parameters
    ----------
    spec : ModelSpec
    seed : int
    n_rows : int
        Number of rows it will be fitted on, an upper bound of a forest's bag.
    classes : sequence of str
        Name of each label; a detector finds its class among them.
    n_categorical : int
        Number of leading columns that are categories, for detectors and extra trees.

    Returns
    -------
    ClassifierMixin
        Its ``adaptations_``, if any, record after the fit what it did differently from a fit on all rows.

    Raises
    ------
    ProblemError
        On a setting that the family does not have or that may not be set.
    """
    family = _family(spec)
    settings = {**DEFAULTS[family], **spec.params}
    _check(spec, family)
    if spec.kind in DETECTORS:
        return _detector(spec, seed, classes, n_categorical)
    if spec.kind in FORESTS:
        _fit_bag(spec, settings, min(n_rows, spec.max_rows or n_rows))
    if spec.kind in FORESTS or family in LIGHTGBM:
        settings["n_jobs"] = 1
    if family in LIGHTGBM:
        # Workers of a distributed fit use several threads: column-wise sums do not depend on their number.
        settings["force_col_wise" if spec.distributed else histogram_order(settings)] = True
    if family in ONE_HOT:
        settings["n_categorical"] = n_categorical
    if family in FILLED or n_rows > (spec.max_rows or n_rows):
        return Prepared(family, settings, seed, spec.max_rows)
    return FAMILIES[family](random_state=seed, **settings)


def _fit_bag(spec: ModelSpec, settings: dict[str, Any], n_rows: int) -> None:
    """Bound a forest's bag by the rows there are, and its smallest leaf by what the bag draws."""
    bag = settings["max_samples"]
    settings["max_samples"] = min(bag, n_rows) if isinstance(bag, int) else bag
    if settings.get("bootstrap") is False:
        del settings["max_samples"]
    if not spec.exact and not SIZES_OF_LEAVES & spec.params.keys():
        settings["min_weight_fraction_leaf"] = _smallest_leaf(settings.get("max_samples"), n_rows)


def _smallest_leaf(bag: float | None, n_rows: int) -> float:
    """Return the smallest leaf of a forest as a share of its bag: two draws, but at most half."""
    drawn = bag if isinstance(bag, int) else n_rows * (1.0 if bag is None else bag)
    return min(SMALLEST_LEAF / max(drawn, 1.0), 0.5)


def at_scale(spec: ModelSpec, share: float) -> ModelSpec:
    """Scale a forest's bag to a sample of the training rows, but not below 2,000 rows.

    Examples
    --------
    >>> at_scale(ModelSpec(kind="random_forest"), 0.1).params
    {'max_samples': 8000}
    >>> at_scale(ModelSpec(kind="random_forest", params={"max_samples": 0.5}), 0.1).params
    {'max_samples': 0.5}
    """
    if spec.kind not in FORESTS or share >= 1:
        return spec
    bag = {**DEFAULTS[_family(spec)], **spec.params}["max_samples"]
    if isinstance(bag, int):
        bag = max(min(bag, SMALLEST_BAG), round(bag * share))
    return spec.model_copy(update={"params": {**spec.params, "max_samples": bag}})


def check_models(specs: Sequence[ModelSpec]) -> None:
    """Refuse settings that do not exist before any data is read.

    Raises
    ------
    ProblemError
    """
    for spec in specs:
        _check(spec, _family(spec))


def _detector(spec: ModelSpec, seed: int, classes: Sequence[str], n_categorical: int) -> DetectorClassifier:
    if spec.class_name is not None and spec.class_name not in classes:
        raise ProblemError(f"models: {spec.name}: no class {spec.class_name!r}; classes are {', '.join(classes)}")
    target = None if spec.class_name is None else list(classes).index(spec.class_name)
    return DetectorClassifier(detector_of(spec).model_dump(mode="json"), target, n_categorical, seed)


def _family(spec: ModelSpec) -> str:
    if spec.exact and f"{spec.kind} exact" not in FAMILIES:
        of = " and ".join(name.removesuffix(" exact") for name in FAMILIES if name.endswith(" exact"))
        raise ProblemError(f"models: `exact` belongs to {of}, found with {spec.kind}")
    return f"{spec.kind} exact" if spec.exact else spec.kind


def _check(spec: ModelSpec, family: str) -> None:
    allowed = allowed_settings(family)
    strangers = sorted(set(spec.params) - set(allowed))
    if strangers:
        raise ProblemError(f"models: {spec.name} has no setting {', '.join(strangers)}; allowed: {', '.join(allowed)}")
    wrong = wrong_detector(spec) if spec.kind in DETECTORS else wrong_value(family, spec.params)
    if wrong:
        raise ProblemError(f"models: {spec.name}.{wrong}")
    if spec.max_rows is not None and spec.params.get("first", BALANCED) != BALANCED:
        raise ProblemError(f"models: {spec.name}: max_rows does not go with first: {spec.params['first']}")


def importances(model: ClassifierMixin) -> np.ndarray | None:
    """Return the model's own feature importances, zeros without a split, or None where the family has none."""
    if isinstance(model, Prepared):
        model = model.model_
    booster = getattr(model, "booster_", None)
    gains = getattr(model, "feature_importances_", None) if booster is None else booster.feature_importance("gain")
    return None if gains is None else np.asarray(gains, dtype=float)
