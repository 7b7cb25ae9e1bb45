"""Model families."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
from lightgbm import LGBMClassifier
from sklearn.base import ClassifierMixin
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier

from evenhand.errors import ProblemError
from evenhand.problem import ModelSpec


class FilledGradientBoosting(GradientBoostingClassifier):
    """Exact gradient boosting, whose trees take no missing numbers: they are set to the training rows' medians.

    Attributes
    ----------
    medians_ : ndarray of shape (n_features,)
        Zero for a column without a number.
    """

    def fit(
        self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None, monitor: Any = None
    ) -> FilledGradientBoosting:
        """Learn the medians, then the trees."""
        seen = ~np.isnan(X).all(axis=0)
        self.medians_ = np.zeros(X.shape[1])
        self.medians_[seen] = np.nanmedian(X[:, seen], axis=0)
        return super().fit(self._filled(X), y, sample_weight, monitor)

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """Return raw scores, which the classes and probabilities are made of."""
        return super().decision_function(self._filled(X))

    def _filled(self, X: np.ndarray) -> np.ndarray:
        return np.where(np.isnan(X), self.medians_, X)


# Bags of at most 50,000 rows: on 180,000 Toronto rows a forest costs a quarter to a tenth of one grown on full bags.
FOREST_BAG = 50_000
SMALLEST_BAG = 2_000
DEFAULTS: dict[str, dict[str, Any]] = {
    "random_forest": {"n_estimators": 100, "max_samples": FOREST_BAG},
    "gradient_boosting": {"max_iter": 100, "early_stopping": False},
    "gradient_boosting exact": {"n_estimators": 100},
    # Row or column order is otherwise chosen by a stopwatch, and with it the last digits.
    "lightgbm": {"n_estimators": 100, "verbose": -1, "deterministic": True, "force_col_wise": True},
}
_FAMILIES = {
    "random_forest": RandomForestClassifier,
    "gradient_boosting": HistGradientBoostingClassifier,
    "gradient_boosting exact": FilledGradientBoosting,
    "lightgbm": LGBMClassifier,
}
# Settings that LightGBM's scikit-learn class takes without naming them in its signature.
_LIGHTGBM_NATIVE = frozenset({"extra_trees", "feature_fraction_bynode", "max_bin", "min_data_in_bin", "path_smooth"})
_OURS = frozenset({"random_state", "n_jobs", "class_weight", "num_threads", "verbose", "warm_start"})


def build_model(spec: ModelSpec, seed: int, n_rows: int) -> ClassifierMixin:
    """Make an unfitted classifier.

    Parameters
    ----------
    spec : ModelSpec
    seed : int
    n_rows : int
        Rows it will be fitted on; a forest's bag is no larger.

    Returns
    -------
    ClassifierMixin

    Raises
    ------
    ProblemError
        On a setting the family does not have, or one that the project sets itself.
    """
    family = _family(spec)
    settings = {**DEFAULTS[family], **spec.params}
    _check(spec, family)
    if family == "random_forest":
        bag = settings["max_samples"]
        settings["max_samples"] = min(bag, n_rows) if isinstance(bag, int) else bag
        if settings.get("bootstrap") is False:
            del settings["max_samples"]
    if family in ("random_forest", "lightgbm"):
        settings["n_jobs"] = 1
    return _FAMILIES[family](random_state=seed, **settings)


def at_scale(spec: ModelSpec, share: float) -> ModelSpec:
    """Shrink a forest's bag to a sample of the training rows, as far as 2,000 rows.

    Examples
    --------
    >>> at_scale(ModelSpec(kind="random_forest"), 0.1).params
    {'max_samples': 5000}
    >>> at_scale(ModelSpec(kind="random_forest", params={"max_samples": 0.5}), 0.1).params
    {'max_samples': 0.5}
    """
    if spec.kind != "random_forest" or share >= 1:
        return spec
    bag = {**DEFAULTS["random_forest"], **spec.params}["max_samples"]
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


def _family(spec: ModelSpec) -> str:
    if spec.exact and spec.kind != "gradient_boosting":
        raise ProblemError(f"models: `exact` belongs to gradient_boosting, found with {spec.kind}")
    return f"{spec.kind} exact" if spec.exact else spec.kind


def _check(spec: ModelSpec, family: str) -> None:
    native = _LIGHTGBM_NATIVE if family == "lightgbm" else frozenset()
    allowed = sorted((set(inspect.signature(_FAMILIES[family]).parameters) | native) - _OURS - {"kwargs"})
    strangers = sorted(set(spec.params) - set(allowed))
    if strangers:
        raise ProblemError(f"models: {spec.name} has no setting {', '.join(strangers)}; allowed: {', '.join(allowed)}")


def importances(model: ClassifierMixin) -> np.ndarray | None:
    """Return the model's own feature importances, adding up to one, or None where the family has none."""
    if isinstance(model, LGBMClassifier):
        gains = np.asarray(model.booster_.feature_importance("gain"), dtype=float)
    else:
        gains = np.asarray(getattr(model, "feature_importances_", []), dtype=float)
    return gains / gains.sum() if gains.size and gains.sum() > 0 else None
