"""All model families: constructors, defaults and allowed settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from lightgbm import LGBMClassifier
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from evenhand.models import balanced_ensembles as bags
from evenhand.models.focal import FocalLightGBM
from evenhand.models.imputation import FilledGradientBoosting
from evenhand.models.one_hot import OneHot
from evenhand.models.transfer.continued_lightgbm import ContinuedLightGBM
from evenhand.models.transfer.first_rows import BALANCED, is_wrong_first
from evenhand.problem.detectors import DETECTORS, SHARED

# Half the trees on smaller bags, with more columns per split and no leaf of a single draw: on Toronto half the cost of
# full-grown trees or less, and scores no worse (docs/models.md).
FOREST_TREES, FOREST_BAG, FOREST_COLUMNS = 50, 80_000, 0.5
_LIGHTGBM = {"n_estimators": 100, "verbose": -1, "deterministic": True}
DEFAULTS: dict[str, dict[str, Any]] = {
    "random_forest": {"n_estimators": FOREST_TREES, "max_samples": FOREST_BAG, "max_features": FOREST_COLUMNS},
    "random_forest exact": {"n_estimators": 100, "max_samples": None},
    "extra_trees": {"n_estimators": 100, "max_samples": None, "bootstrap": False, "max_features": 0.5},
    "logistic_regression": {"C": 1.0, "max_iter": 1_000, "tol": 1e-3},
    "gradient_boosting": {"max_iter": 100, "early_stopping": False},
    "gradient_boosting exact": {"n_estimators": 100},
    "lightgbm": _LIGHTGBM,
    "balanced_bagging": {"n_estimators": 30, "max_depth": None, "min_samples_leaf": 5},
    "balanced_random_forest": {
        "n_estimators": 100,
        "max_depth": None,
        "min_samples_leaf": 1,
        "max_features": "sqrt",
    },
    "easy_ensemble": {"n_estimators": 10, "rounds": 15, "max_depth": 6, "learning_rate": 0.3},
    "rusboost": {"n_estimators": 50, "max_depth": 8, "min_samples_leaf": 5, "learning_rate": 0.1},
    "adaboost": {"n_estimators": 30, "max_depth": 8, "min_samples_leaf": 5, "learning_rate": 0.3},
    "smote_bagging": {
        "n_estimators": 20,
        "max_depth": None,
        "min_samples_leaf": 5,
        "rows_per_class": 5_000,
        "k_neighbors": 5,
    },
    "lightgbm_focal": {**_LIGHTGBM, "gamma": 2.0, "alpha": None},
    **{
        kind: {name: field.default for name, field in spec.model_fields.items() if name not in SHARED}
        for kind, spec in DETECTORS.items()
    },
    "lightgbm_continued": {**_LIGHTGBM, "first": "balanced", "first_rounds": 50, "older_share": 0.5},
}


def lightgbm_focal(*, random_state: int, gamma: float, alpha: Any, **settings: Any) -> FocalLightGBM:
    """LightGBM with focal loss."""
    return FocalLightGBM(gamma, alpha, {**settings, "random_state": random_state})


def lightgbm_continued(
    *, random_state: int, first: Any, first_rounds: int, older_share: float, **settings: Any
) -> ContinuedLightGBM:
    """LightGBM that begins on other rows."""
    return ContinuedLightGBM(first, first_rounds, random_state, settings, older_share)


def extra_trees(*, random_state: int, n_categorical: int = 0, **settings: Any) -> OneHot:
    """Extremely randomised trees (Geurts, Ernst & Wehenkel 2006) on one column per value of a category."""
    return OneHot(ExtraTreesClassifier(random_state=random_state, **settings), n_categorical)


def logistic_regression(*, random_state: int, n_categorical: int = 0, **settings: Any) -> OneHot:
    """Multinomial logistic regression, regularised, on standardised columns and one column per value of a category."""
    return OneHot(LogisticRegression(random_state=random_state, **settings), n_categorical, standardise=True)


FAMILIES: dict[str, Callable[..., Any]] = {
    "random_forest": RandomForestClassifier,
    "random_forest exact": RandomForestClassifier,
    "extra_trees": extra_trees,
    "logistic_regression": logistic_regression,
    "gradient_boosting": HistGradientBoostingClassifier,
    "gradient_boosting exact": FilledGradientBoosting,
    "lightgbm": LGBMClassifier,
    "balanced_bagging": bags.balanced_bagging,
    "balanced_random_forest": bags.balanced_random_forest,
    "easy_ensemble": bags.easy_ensemble,
    "rusboost": bags.rusboost,
    "adaboost": bags.adaboost,
    "smote_bagging": bags.smote_bagging,
    "lightgbm_focal": lightgbm_focal,
    "lightgbm_continued": lightgbm_continued,
}
# Families whose missing values are filled before they are fitted.
FILLED = frozenset(
    {"balanced_bagging", "balanced_random_forest", "easy_ensemble", "rusboost", "adaboost", "smote_bagging"}
)
LIGHTGBM = frozenset({"lightgbm", "lightgbm_focal", "lightgbm_continued"})
# Forests: bags of a number of rows, which shrink with a sample; one thread.
FORESTS = frozenset({"random_forest", "extra_trees"})
ONE_HOT: dict[str, type] = {"extra_trees": ExtraTreesClassifier, "logistic_regression": LogisticRegression}
# Settings that LightGBM's scikit-learn class takes without naming them in its signature.
_LIGHTGBM_NATIVE = frozenset({"extra_trees", "feature_fraction_bynode", "max_bin", "min_data_in_bin", "path_smooth"})
_OF_SOLVERS = frozenset({"solver", "multi_class", "penalty", "l1_ratio", "dual", "intercept_scaling"})
_OURS = frozenset({"n_categorical", "random_state", "n_jobs", "class_weight", "num_threads", "verbose", "warm_start"})


def histogram_order(settings: dict[str, Any]) -> str:
    """Return the order in which LightGBM builds its histograms, which it otherwise chooses by timing.

    Row-wise is a tenth faster where all columns are read, but it also reads the columns that a tree does not use.

    Examples
    --------
    >>> histogram_order({}), histogram_order({"colsample_bytree": 0.2})
    ('force_row_wise', 'force_col_wise')
    """
    share = settings.get("colsample_bytree", 1.0)
    return "force_col_wise" if _is_number(share) and share < 1 else "force_row_wise"


def allowed_settings(family: str) -> list[str]:
    """Return the settings of a family that a problem may set.

    Examples
    --------
    >>> allowed_settings("easy_ensemble")
    ['learning_rate', 'max_depth', 'n_estimators', 'rounds']
    """
    if family in DETECTORS:
        return sorted(DEFAULTS[family])
    known = set(inspect.signature(FAMILIES[family]).parameters) - {"settings"}
    if family in LIGHTGBM:
        known |= set(inspect.signature(LGBMClassifier).parameters) | _LIGHTGBM_NATIVE
    if family in ONE_HOT:
        known |= set(inspect.signature(ONE_HOT[family]).parameters) - _OF_SOLVERS
    if family == "lightgbm_focal":
        known -= {"objective"}
    return sorted(known - _OURS - {"kwargs"})


def wrong_value(family: str, settings: dict[str, Any]) -> str | None:
    """Return what is wrong with a setting of the families defined here, or None."""
    gamma, alpha = settings.get("gamma", 0), settings.get("alpha")
    if not _is_number(gamma) or gamma < 0:
        return f"gamma: {gamma!r}; allowed: a number of 0 or more"
    if family == "lightgbm_focal" and not (alpha in (None, "balanced") or _all_positive(alpha)):
        return f"alpha: {alpha!r}; allowed: balanced, or a positive number for each class in the order of their names"
    if is_wrong_first(settings.get("first", BALANCED)):
        return f"first: {settings['first']!r}; allowed: balanced, older, {{problem: name}} or {{data: file}}"
    older = settings.get("older_share", 0.5)
    if not _is_number(older) or not 0 < older < 1:
        return f"older_share: {older!r}; allowed: a number between 0 and 1"
    for name in ("first_rounds", "rounds", "rows_per_class", "k_neighbors"):
        value = settings.get(name, 1)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            return f"{name}: {value!r}; allowed: a whole number of 1 or more"
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _all_positive(values: Any) -> bool:
    return isinstance(values, list | tuple) and all(_is_number(value) and value > 0 for value in values)
